"""Deploys HashiCorp Vault from a Pulumi program of your own: ``Vault("vault", {...})``.

The package `components`, which comes along, has everything that this one is made of. Its name stays for good:
the state of every stack names the modules of its dynamic providers.
"""

from vault_autounseal.own_components import require_own_components

require_own_components()

# After that, as another package of that name would fail in words that nobody understands.
from components.errors import DeploymentError, SettingsError  # noqa: E402
from vault_autounseal.vault import Vault  # noqa: E402

__all__ = ["DeploymentError", "SettingsError", "Vault"]
