"""Deploys HashiCorp Vault on Kubernetes in one `pulumi up`: initialised, auto-unsealing, highly available."""

import gc

import pulumi

from components.deployment import deploy_vault
from components.operating_system import require_supported_system
from components.settings import load_settings

require_supported_system()
for name, output in deploy_vault(load_settings()).items():
    pulumi.export(name, output)

# The process ends with the update. A garbage collection of the SDKs' many classes would take
# half a second of every command.
gc.freeze()
