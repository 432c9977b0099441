"""``python -m sandbox.plugins.kubernetes <version> <engine address>``: the plugin's process."""

import sys

from sandbox.plugins.protocol_import import skip_pulumi_sdk

skip_pulumi_sdk()

from sandbox.plugins.engine_protocol import serve  # noqa: E402 - the SDK has to be skipped first
from sandbox.plugins.kubernetes.provider import KubernetesProvider  # noqa: E402

serve(KubernetesProvider(), version=sys.argv[1], engine_address=sys.argv[-1])
