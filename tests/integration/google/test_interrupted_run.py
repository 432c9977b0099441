"""Runs that are killed when Google Cloud has created something: once for each kind of resource."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.google.project import DEPLOYER, LOCATION, PROJECT_ID
from sandbox.layout import REPOSITORY
from tests.integration.google.running_google import PROJECT, run_google
from tests.integration.interruptions import interruption_table as table
from tests.integration.interruptions.google_target import Google
from tests.integration.interruptions.interrupted_stack import InterruptedStack
from tests.integration.interruptions.interrupting_proxy import interrupting_proxy
from tests.integration.plugin_stack import PluginStack

pytestmark = pytest.mark.timeout(900)

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


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[InterruptedStack]:
    """With a key, an account for its pods, a rule and a secret."""
    (tmp_path / "google").mkdir()
    (tmp_path / "stack").mkdir()
    with run_google(tmp_path / "google") as running, interrupting_proxy(Google(running)) as proxy:
        running.create_cluster("10.244.0.1:6443", b"certificate")
        running.enable_apis()
        environment = {
            **running.environment,
            "CLOUDSDK_AUTH_ACCESS_TOKEN": running.deployer_token,
            "HTTPS_PROXY": proxy.url,
            "PYTHONPATH": str(REPOSITORY),
        }
        stack = PluginStack(tmp_path / "stack", environment)
        stack.program(PROGRAM)
        file = tmp_path / "stack" / "Pulumi.test.yaml"
        document = yaml.safe_load(file.read_text())
        document["config"] = {f"{NAMESPACE}:{name}": value for name, value in SETTINGS.items()}
        file.write_text(yaml.safe_dump(document))
        yield InterruptedStack(stack, proxy)


def test_each_interrupted_creation_is_repeated_imported_or_taken_over(interrupted: InterruptedStack) -> None:
    interrupted.kill(table.GOOGLE_RING, table.GOOGLE_ACCOUNT_ROW, table.GOOGLE_RULE, table.GOOGLE_SECRET_ROW)
    # The next run imports the ring and is killed, too; the one after it settles both.
    interrupted.kill(table.GOOGLE_KEY)
    interrupted.settle()
    interrupted.kill(table.GOOGLE_IDENTITY, table.GOOGLE_KEY_GRANT, table.GOOGLE_SECRET_GRANT)
    interrupted.settle()
    assert interrupted.stack.foretold() == {}
