"""The example of a first configuration on Pulumi's mocks, with the settings of its README."""

import runpy
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import MockResourceArgs

from sandbox.layout import REPOSITORY
from tests.unit.docs.documents import blocks
from tests.unit.fakes.recorded_deployment import Deployment, Secret, deploy
from tests.unit.fakes.stack_settings import handed_on

EXAMPLE = REPOSITORY / "examples" / "configure"
MOUNT = "vault:index/mount:Mount"
POLICY = "vault:index/policy:Policy"
ROLE = "vault:kubernetes/authBackendRole:AuthBackendRole"
BACKEND = "vault:index/authBackend:AuthBackend"
CONFIG = "vault:kubernetes/authBackendConfig:AuthBackendConfig"
OIDC = "vault:jwt/authBackend:AuthBackend"
OIDC_ROLE = "vault:jwt/authBackendRole:AuthBackendRole"
ACCOUNT = {"serviceAccount": "ci", "namespace": "platform"}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine runs a program in its folder."""
    monkeypatch.chdir(EXAMPLE)


def settings_of_readme() -> dict[str, Any]:
    (block,) = blocks("examples/configure/README.md", "yaml")
    found = yaml.safe_load(block)["config"]
    return {key.removeprefix("vault-configuration:"): value for key, value in found.items()}


def run_example() -> None:
    runpy.run_path(str(EXAMPLE / "__main__.py"))


def configured(settings: Mapping[str, Any]) -> Deployment:
    def outputs(args: MockResourceArgs) -> Mapping[str, Any]:
        reference = args.typ == "pulumi:pulumi:StackReference"
        return {"outputs": {"deployment": "5f/vault/vault"}} if reference else {}

    return deploy(
        {**handed_on(settings), "oidcClientSecret": "hush"},
        answers={},
        outputs=outputs,
        secret_keys=["oidcClientSecret"],
        program=run_example,
    )


def test_settings_of_the_readme() -> None:
    deployment = configured(settings_of_readme())
    assert deployment.only(OIDC).inputs["oidcClientSecret"] == Secret("hush")
    role = deployment.only(OIDC_ROLE).inputs
    assert role["boundClaims"] == {"groups": "vault-administrators"}
    assert role["boundAudiences"] == ["vault"]
    shop = deployment.only(ROLE).inputs
    assert (shop["boundServiceAccountNamespaces"], shop["tokenPolicies"]) == (["shop"], ["shop"])


def test_deleting_every_secret_takes_intent() -> None:
    mount = configured(settings_of_readme()).only(MOUNT)
    assert mount.protect
    assert mount.inputs["options"] == {"version": "2"}


def test_workload_reads_its_own_secrets_alone() -> None:
    workloads = {"shop": ACCOUNT, "billing": ACCOUNT}
    deployment = configured({"vaultStack": "a/b/c", "administrators": ACCOUNT, "workloads": workloads})
    policies = {entry.name: entry.inputs["policy"] for entry in deployment.of_type(POLICY)}
    assert 'path "secret/data/shop/*" { capabilities = ["read"] }' in policies["shop"]
    assert "billing" not in policies["shop"]
    assert policies.keys() == {"administrator", "shop", "billing"}


def test_administrators_may_come_by_a_service_account() -> None:
    deployment = configured({"vaultStack": "a/b/c", "administrators": ACCOUNT})
    assert deployment.of_type(OIDC) == []
    role = deployment.only(ROLE).inputs
    assert (role["roleName"], role["boundServiceAccountNames"]) == ("administrator", ["ci"])
    assert role["tokenPolicies"] == ["administrator"]
    assert deployment.only(CONFIG).inputs["kubernetesHost"] == "https://kubernetes.default.svc"


def test_other_clusters_are_asked_with_the_token_that_logs_in() -> None:
    cluster = {"path": "other", "host": "https://10.0.0.1", "certificates": "PEM"}
    deployment = configured({"vaultStack": "a/b/c", "administrators": ACCOUNT, "cluster": cluster})
    asked = deployment.only(CONFIG).inputs
    assert asked["disableLocalCaJwt"] is True
    assert (asked["backend"], asked["kubernetesHost"]) == ("other", "https://10.0.0.1")
    assert deployment.only(ROLE).inputs["backend"] == "other"


def test_auth_method_that_the_snapshots_have_is_left_alone() -> None:
    """To enable it again is refused by Vault, and its configuration is the other stack's."""
    settings = {"vaultStack": "a/b/c", "administrators": ACCOUNT, "cluster": {"existing": True}}
    deployment = configured(settings)
    assert deployment.of_type(BACKEND) == deployment.of_type(CONFIG) == []
    assert deployment.only(ROLE).inputs["backend"] == "kubernetes"
    assert deployment.outputs["kubernetes_path"] == "kubernetes"
    elsewhere = {**settings, "cluster": {"existing": True, "path": "other"}}
    assert configured(elsewhere).only(ROLE).inputs["backend"] == "other"


@pytest.mark.parametrize("key", ["host", "certificates"])
def test_auth_method_that_is_there_is_configured_already(key: str) -> None:
    cluster = {"existing": True, key: "x"}
    with pytest.raises(pulumi.RunError, match=r"cluster\.existing"):
        configured({"vaultStack": "a/b/c", "administrators": ACCOUNT, "cluster": cluster})


def test_somebody_has_to_get_in() -> None:
    with pytest.raises(pulumi.RunError, match="nobody would get in"):
        configured({"vaultStack": "a/b/c", "administrators": {"group": "x"}})


def test_administrators_get_neither_the_keys_nor_the_audit_devices() -> None:
    policy = (EXAMPLE / "administrator.hcl").read_text()
    for path in ("sys/raw", "sys/rekey", "sys/generate-root", "sys/seal", "sys/step-down", 'path "sys/*"'):
        assert path not in policy
    (audit,) = [line for line in policy.splitlines() if '"sys/audit' in line]
    assert audit == 'path "sys/audit" { capabilities = ["read", "sudo"] }'


def test_example_pins_what_is_tested() -> None:
    pinned = (EXAMPLE / "requirements.txt").read_text().split()
    tested = (REPOSITORY / "tests" / "requirements.lock").read_text().splitlines()
    assert [pin for pin in pinned if pin not in tested] == []
