"""A stack of the program's Google part, on the real engine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.google.project import DEPLOYER, LOCATION, PROJECT_ID
from sandbox.layout import REPOSITORY
from tests.integration.google.running_google import PROJECT, RunningGoogle
from tests.integration.plugin_stack import PluginStack

NAMESPACE = "plugins"
PROGRAM = """
import pulumi

from components.cluster_lookup import look_up_cluster
from components.custody_provisioning import provision_custody
from components.interrupted_run import watch_for_interrupted_run
from components.seal_provisioning import provision_seals
from components.settings import load_settings
from components.webhook_rule import open_webhook

settings = load_settings()
watch_for_interrupted_run()
cluster = look_up_cluster(settings)
guard = pulumi.ComponentResource("test:index:KeyGuard", "guard")
seals = provision_seals(settings, cluster, None, settings.namespace, guard=lambda *_keys: guard)
provision_custody(settings, cluster, seals.current)
open_webhook(settings, cluster)
"""
"""What the program makes in Google Cloud; the rest of it needs Kubernetes."""
SETTINGS: Mapping[str, Any] = {
    "seal": "gcpckms",
    "project": PROJECT_ID,
    "clusterName": "vault-sandbox",
    "location": LOCATION,
    "protect": False,
    "custody": {
        "store": "gcp-secret-manager",
        "secret": f"{PROJECT}/secrets/vault-keys",
        "readers": [f"serviceAccount:{DEPLOYER}"],
    },
}


def google_stack(
    folder: Path, google: RunningGoogle, environment: Mapping[str, str] | None = None
) -> PluginStack:
    """Return the stack, with nothing deployed; ``environment`` goes before that of the running Google."""
    variables = {
        **google.environment,
        "CLOUDSDK_AUTH_ACCESS_TOKEN": google.deployer_token,
        "PYTHONPATH": str(REPOSITORY),
        **(environment or {}),
    }
    stack = PluginStack(folder, variables)
    stack.program(PROGRAM)
    file = folder / "Pulumi.test.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"] = {f"{NAMESPACE}:{name}": value for name, value in SETTINGS.items()}
    file.write_text(yaml.safe_dump(document))
    return stack
