"""``python -m sandbox.plugins <provider> <version> <engine address>``: the process of a stand-in plugin.

Each command of the engine starts up to three of these, so what they import and clean up counts.
"""

import gc
import sys

from sandbox.plugins.protocol_import import skip_unused_packages

# The process lives as long as one command: looking for garbage costs more than the garbage.
gc.disable()
skip_unused_packages()

from sandbox.plugins.engine_protocol import serve  # noqa: E402 - the packages have to be skipped first
from sandbox.plugins.provider import Provider  # noqa: E402


def _provider(name: str) -> Provider:
    """Create the provider of that name; only its own modules are imported."""
    match name:
        case "aws":
            from sandbox.plugins.aws.provider import AwsProvider

            return AwsProvider()
        case "gcp":
            from sandbox.plugins.gcp.provider import GcpProvider

            return GcpProvider()
        case "kubernetes":
            from sandbox.plugins.kubernetes.provider import KubernetesProvider

            return KubernetesProvider()
        case "vault":
            from sandbox.plugins.vault.provider import VaultProvider

            return VaultProvider()
        case _:
            raise SystemExit(f"there is no stand-in for the provider plugin {name}")


serve(_provider(sys.argv[1]), version=sys.argv[2], engine_address=sys.argv[-1])
