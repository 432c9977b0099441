"""A stack that a clone has deployed goes over to a program with the installed package, on the real engine.

Of the whole there is what needs AWS and Pulumi alone: keys, roles, a rule, providers, and the resources of
the program's own whose modules the state names.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.settings.load import PACKAGE_NAMESPACE
from sandbox.layout import REPOSITORY
from sandbox.network import REGION
from tests.installed_package import install_package
from tests.integration.aws.permissions.permission_stack import STACK, branch, empty_stack, settings_for
from tests.integration.aws.running_cloud import OPERATOR, Cloud
from tests.integration.plugin_stack import PluginStack

CHAPTERS = """
import pulumi

from components.certificate_authority import CertificateAuthority
from components.cluster_lookup import look_up_cluster
from components.custody_provisioning import provision_custody
from components.interrupted_run import watch_for_interrupted_run
from components.journal_key import JournalKey
from components.seal_provisioning import provision_seals
from components.webhook_rule import open_webhook


def deploy_vault(settings):
    watch_for_interrupted_run()
    cluster = look_up_cluster(settings)
    guard = pulumi.ComponentResource("test:index:KeyGuard", "guard")
    seals = provision_seals(settings, cluster, None, settings.namespace, guard=lambda *_keys: guard)
    custody = provision_custody(settings, cluster, seals.current)
    webhook = open_webhook(settings, cluster)
    journal_key = JournalKey("journal-key", pulumi.ResourceOptions())
    authority = CertificateAuthority("certificate-authority", "vault", pulumi.ResourceOptions())
    mine = {"journal": journal_key.key, "ca": authority.certificate}
    return {**seals.outputs, **custody.outputs, **webhook.outputs, **mine}
"""
CLONE = f"""{CHAPTERS}

from components.settings import load_settings

for name, output in deploy_vault(load_settings()).items():
    pulumi.export(name, output)
"""
PACKAGED = f"""{CHAPTERS}

from vault_autounseal import Vault, vault

vault.deploy_vault = deploy_vault
# As the program of somebody else has, under the name of one of ours.
their_own = pulumi.ComponentResource("their:index:Own", "journal-key")
Vault().export()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_package(tmp_path_factory.mktemp("package"))


@pytest.fixture
def new_stack(cloud: Cloud, tmp_path: Path) -> Callable[[str], PluginStack]:
    """Makes a stack that the clone is to deploy."""

    def make(name: str) -> PluginStack:
        (tmp_path / f"{name}-empty").mkdir()
        custody = {"store": "aws-secrets-manager", "name": f"vault/{name}"}
        reader = cloud.sts().get_caller_identity()["Arn"]
        settings = settings_for(
            cloud,
            key={"alias": f"alias/{name}", "retainOnDestroy": False},
            role={"name": name},
            namespace=name,
            injector={"port": 30000 + sum(map(ord, name))},
            custody={**custody, "region": REGION, "readers": [reader]},
        )
        stack = branch(empty_stack(cloud, tmp_path / f"{name}-empty"), tmp_path / name, settings, OPERATOR)
        stack.program(CLONE)
        return stack

    return make


def packaged(stack: PluginStack, site: Path) -> PluginStack:
    """The same stack in the hands of a program with the package, which has its settings elsewhere."""
    file = stack.folder / f"Pulumi.{STACK}.yaml"
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    document["config"] = {
        f"{PACKAGE_NAMESPACE}:{key.rpartition(':')[2]}": value for key, value in document["config"].items()
    }
    file.write_text(yaml.safe_dump(document))
    stack.program(PACKAGED)
    return with_modules_of(stack, site)


def with_modules_of(stack: PluginStack, folder: Path) -> PluginStack:
    assert stack.variables["PYTHONPATH"]
    stack.variables = {**stack.variables, "PYTHONPATH": str(folder)}
    return stack


def test_stack_of_a_clone_goes_over_and_nothing_is_replaced(
    new_stack: Callable[[str], PluginStack], site: Path
) -> None:
    stack = new_stack("moved")
    stack.up()
    before, ids = stack.outputs(), identities(stack)

    packaged(stack, site)
    steps = json.loads(stack.pulumi("preview", "--json"))["steps"]
    changes = {(step["op"], step["urn"].split("::", 2)[2]) for step in steps if step["op"] != "same"}
    assert changes == {
        ("create", "vault-autounseal:index:Vault::vault"),
        ("create", "their:index:Own::journal-key"),
    }
    stack.up()
    assert stack.outputs() == {**before, "configuration_namespace": PACKAGE_NAMESPACE}
    assert stack.foretold() == {}
    assert ids.items() <= identities(stack).items()
    stack.pulumi("refresh", "--yes", "--skip-preview")
    # With the modules of a clone, which the state names by the same paths.
    with_modules_of(stack, REPOSITORY).pulumi("destroy", "--yes", "--skip-preview")
    assert stack.state() == {}


def test_stack_of_a_clone_is_destroyed_with_the_modules_of_the_package(
    new_stack: Callable[[str], PluginStack], site: Path
) -> None:
    stack = new_stack("destroyed")
    stack.up()
    with_modules_of(stack, site).pulumi("destroy", "--yes", "--skip-preview")
    assert stack.state() == {}


def identities(stack: PluginStack) -> dict[str, str]:
    """The id of each resource that has one, by type and name."""
    resources = json.loads(stack.pulumi("stack", "export"))["deployment"]["resources"]
    return {
        f"{entry['type']} {entry['urn'].rpartition('::')[2]}": entry["id"]
        for entry in resources
        if "id" in entry
    }
