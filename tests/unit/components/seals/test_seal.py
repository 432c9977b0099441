"""What all seals have in common."""

import subprocess
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from components.config.reader import ConfigReader
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from components.seals import shamir, transit
from components.seals.seal import Seal, SealStanza, SecretEntry, prove_seal, seal_class, seal_types
from sandbox.layout import REPOSITORY
from tests.unit.fakes.key_wrapper import PlainWrapper

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="vault")


def test_module_of_the_seal_proves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper = PlainWrapper()
    asked: list[tuple[Mapping[str, Any], KubernetesTarget, float]] = []

    def prove(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> PlainWrapper:
        asked.append((properties, target, seconds))
        return wrapper

    module = ModuleType("a_seal")
    module.__dict__["prove_seal"] = prove
    monkeypatch.setitem(sys.modules, "a_seal", module)
    monkeypatch.setattr(transit.Seal, "preflight_module", "a_seal")
    properties = {"seal": "transit", "key": "k"}
    assert prove_seal(properties, TARGET, 7) is wrapper
    assert asked == [(properties, TARGET, 7)]


def test_sdk_is_loaded_only_when_a_seal_is_proved() -> None:
    check = "import sys, components.seals.seal; print('boto3' in sys.modules, 'botocore' in sys.modules)"
    command = [sys.executable, "-c", check]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]


def test_a_seal_that_vault_leaves_is_disabled() -> None:
    left = SealStanza("awskms", {"region": "eu-central-1"}).disabled()
    assert left == SealStanza("awskms", {"region": "eu-central-1", "disabled": "true"})


@pytest.mark.parametrize(
    ("section", "default_name", "entry", "wrong"),
    [
        ({"name": "unseal", "key": "pem"}, None, SecretEntry("unseal", "pem"), []),
        ({}, "vault-token", SecretEntry("vault-token", "token"), []),
        ({}, None, SecretEntry("", "token"), ["name"]),
        ({"name": "unseal", "kay": "pem"}, None, SecretEntry("unseal", "token"), ["kay"]),
    ],
)
def test_entry_of_a_secret(
    section: Mapping[str, str], default_name: str | None, entry: SecretEntry, wrong: list[str]
) -> None:
    problems: list[str] = []
    assert (
        SecretEntry.from_settings(ConfigReader(section, problems, path="a"), default_name, "token") == entry
    )
    assert [problem.split(" ")[0] for problem in problems] == [f"a:{key}" for key in wrong]


@pytest.mark.parametrize("found", [None, "awskms", dict], ids=["nothing", "no class", "another class"])
def test_module_without_a_seal_is_refused(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    module = ModuleType("components.seals.own")
    if found is not None:
        module.__dict__["Seal"] = found
    monkeypatch.setitem(sys.modules, "components.seals.own", module)
    with pytest.raises(DeploymentError, match=r"Module components\.seals\.own has no class Seal"):
        seal_class("own")


def test_every_seal_is_a_module_named_as_vault_names_it() -> None:
    assert seal_types() == ["awskms", "azurekeyvault", "gcpckms", "shamir", "transit"]
    assert [seal_class(name).type for name in seal_types()] == seal_types()


@pytest.mark.parametrize("seal", [shamir.Seal, transit.Seal])
def test_seal_of_no_cloud_needs_no_identity_of_the_cluster(seal: type[Seal]) -> None:
    assert object.__new__(seal).needs_token_issuer is False
    assert seal.cloud == ""
