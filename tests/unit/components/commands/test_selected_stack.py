"""Where commands find the keys of the selected stack."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from components.commands.selected_stack import (
    consented_stack_name,
    keys_of,
    selected_stack_outputs,
    selected_stack_settings,
    token_of_settings,
)
from components.custody.key_record import KeyRecord
from components.custody.key_store import KeyStoreError, store_to_properties
from components.custody.stores.file import Store
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from components.resource_types import RELEASE
from components.vault.pod_access import PodAccess
from tests.unit.fakes.commands_on_path import NOTHING_EXPORTED, only_commands
from tests.unit.fakes.recorded_state import urn
from tests.unit.fakes.stack_settings import EKS, SHAMIR, parse

PLAIN = [base64.b64encode(bytes([number]) * 33).decode() for number in range(5)]
TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
DEPLOYMENT = "4b9f/secrets/vault"


def outputs(**changed: Any) -> Mapping[str, Any]:
    return {
        "pod_access": PodAccess(target=TARGET, statefulset="vault", address="").to_properties(),
        "deployment": DEPLOYMENT,
        "replicas": 3,
        "threshold": 3,
        "custody": {"store": "state"},
        "root_token": "hvs.root",
        "recovery_shares": PLAIN,
        "key_shares": [],
        **changed,
    }


def test_keys_in_the_state() -> None:
    record = keys_of(outputs())
    assert record is not None
    assert list(record.shares) == PLAIN
    assert (record.threshold, record.root_token, record.shares_encrypted) == (3, "hvs.root", False)
    assert record.deployment == DEPLOYMENT


def test_key_shares_in_the_state() -> None:
    record = keys_of(outputs(recovery_shares=[], key_shares=PLAIN))
    assert record is not None
    assert list(record.key_shares) == PLAIN


def test_only_share_of_a_vault_is_plain_too() -> None:
    record = keys_of(outputs(recovery_shares=[base64.b64encode(b"k" * 32).decode()]))
    assert record is not None
    assert record.shares_encrypted is False


def test_encrypted_shares_in_the_state() -> None:
    record = keys_of(outputs(recovery_shares=[base64.b64encode(b"message" * 30).decode()]))
    assert record is not None
    assert record.shares_encrypted is True


def test_adopted_vault_without_keys() -> None:
    assert keys_of(outputs(recovery_shares=[])) is None


def kept(path: Path, deployment: str = DEPLOYMENT) -> Mapping[str, Any]:
    store = Store(path=str(path))
    store.write(KeyRecord(deployment, "awskms", "arn", 3, "hvs.stored", recovery_shares=tuple(PLAIN)), TARGET)
    custody = store_to_properties("file", store)
    assert custody["options"] == asdict(store)
    return outputs(custody=custody, root_token="", recovery_shares=[])


def test_keys_in_a_store(tmp_path: Path) -> None:
    record = keys_of(kept(tmp_path / "keys.json"))
    assert record is not None
    assert list(record.shares) == PLAIN
    assert record.root_token == "hvs.stored"


def test_store_with_the_keys_of_another_vault(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="holds the keys of another Vault"):
        keys_of(kept(tmp_path / "keys.json", "other/secrets/vault"))


def test_outputs_of_the_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "outputs.json").write_text(json.dumps(outputs()))
    only_commands(
        monkeypatch,
        tmp_path / "commands",
        pulumi=f"echo \"$*\" > '{tmp_path / 'arguments'}'; exec /bin/cat '{tmp_path / 'outputs.json'}'",
    )
    assert selected_stack_outputs() == outputs()
    assert (tmp_path / "arguments").read_text().strip() == "stack output --json --show-secrets"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'error: no stack selected' >&2; exit 255", "error: no stack selected"),
        ("exit 3", "pulumi ended with 3"),
        ("echo '{}'", "has no Vault yet"),
        ("echo '{\"pod_access\": {}}'", "run pulumi up first"),
    ],
)
def test_stack_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, said: str
) -> None:
    only_commands(monkeypatch, tmp_path, pulumi=script)
    with pytest.raises(DeploymentError) as raised:
        selected_stack_outputs()
    assert said in str(raised.value)


def test_command_needs_pulumi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path)
    with pytest.raises(DeploymentError, match="The command 'pulumi' isn't on PATH"):
        selected_stack_outputs()


def select(
    monkeypatch: pytest.MonkeyPatch, folder: Path, script: str, export: str = NOTHING_EXPORTED
) -> None:
    """Puts a script in pulumi's place, and one that exports, in a folder below the one of a project."""
    script = f'case "$1" in stack) {export} ;; *) {script} ;; esac'
    (folder / "Pulumi.yaml").write_text("name: vault-autounseal\nruntime: python\n")
    (folder / "below").mkdir()
    only_commands(monkeypatch, folder / "commands", pulumi=script)
    monkeypatch.chdir(folder / "below")


def test_settings_of_the_stack_without_its_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entries = {
        **{f"vault-autounseal:{key}": {"value": value, "secret": False} for key, value in SHAMIR.items()},
        "vault-autounseal:namespace": {"value": "secrets", "secret": False},
        "vault-autounseal:token": {"secret": True},
        # It may need a secret that isn't there.
        "vault-autounseal:init": {"value": json.dumps({"adopt": True}), "secret": False},
        "aws:region": {"value": "eu-central-1", "secret": False},
    }
    (tmp_path / "entries.json").write_text(json.dumps(entries))
    select(
        monkeypatch,
        tmp_path,
        f"[ \"$*\" = 'config --json' ] && exec /bin/cat '{tmp_path / 'entries.json'}'",
    )
    assert selected_stack_settings() == parse({**SHAMIR, "namespace": "secrets"})


def test_settings_of_the_aws_provider_are_those_of_the_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entries = {
        **{f"vault-autounseal:{key}": {"value": value, "secret": False} for key, value in EKS.items()},
        "aws:profile": {"value": "prod", "secret": False},
        "aws:secretKey": {"secret": True},
    }
    (tmp_path / "entries.json").write_text(json.dumps(entries))
    select(monkeypatch, tmp_path, f"exec /bin/cat '{tmp_path / 'entries.json'}'")
    assert selected_stack_settings() == parse(EKS, aws={"profile": "prod"})


def test_settings_of_a_stack_that_speaks_http_are_those_of_its_updates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A new stack with this Ingress would be refused."""
    settings = {**SHAMIR, "ingress": json.dumps({"host": "vault.example.com"})}
    entries = {
        f"vault-autounseal:{key}": {"value": value, "secret": False} for key, value in settings.items()
    }
    values = {"global": {"tlsDisable": True}, "server": {"image": {"tag": "1.18.1"}}}
    release = {"type": RELEASE, "outputs": {"version": "0.29.1", "values": values}}
    export = {"deployment": {"resources": [{**release, "urn": urn(release)}]}}
    (tmp_path / "entries.json").write_text(json.dumps(entries))
    (tmp_path / "export.json").write_text(json.dumps(export))
    exporting = f"exec /bin/cat '{tmp_path / 'export.json'}'"
    select(monkeypatch, tmp_path, f"exec /bin/cat '{tmp_path / 'entries.json'}'", exporting)
    found = selected_stack_settings()
    assert (found.image.tag, found.chart.version, found.tls.source) == ("1.18.1", "0.29.1", "none")


def test_settings_that_pulumi_cannot_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    select(monkeypatch, tmp_path, "echo 'error: no stack selected' >&2; exit 255")
    with pytest.raises(DeploymentError, match=r"error: no stack selected\nSelect a stack"):
        selected_stack_settings()


def test_settings_need_pulumi_and_a_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path / "none")
    with pytest.raises(DeploymentError, match="'pulumi' isn't on PATH: it has the stack's settings"):
        selected_stack_settings()
    only_commands(monkeypatch, tmp_path / "commands", pulumi="exit 1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeploymentError, match=r"no Pulumi\.yaml in .* or above"):
        selected_stack_settings()


def test_settings_of_a_program_of_its_own_are_in_the_packages_namespace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entries = {"platform:clusterName": "theirs", "vault-autounseal:kubeContext": "ours"}
    entries["vault-autounseal:seal"] = "shamir"
    config = json.dumps({key: {"value": value, "secret": False} for key, value in entries.items()})
    select(monkeypatch, tmp_path, f"echo '{config}'")
    (tmp_path / "Pulumi.yaml").write_text("name: platform\n")
    assert selected_stack_settings().kube_context == "ours"


def test_token_of_a_program_of_its_own_is_never_that_of_something_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only_commands(
        monkeypatch,
        tmp_path,
        pulumi="[ \"$*\" = 'config get vault-autounseal:token' ] || exit 3; echo hvs.own",
    )
    assert token_of_settings({"configuration_namespace": "vault-autounseal"}) == "hvs.own"


@pytest.mark.parametrize(("script", "token"), [("echo hvs.own", "hvs.own"), ("echo hvs.other; exit 255", "")])
def test_token_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, token: str
) -> None:
    only_commands(monkeypatch, tmp_path, pulumi=f"[ \"$*\" = 'config get token' ] || exit 3; {script}")
    assert token_of_settings({}) == token


def test_consent_is_the_name_of_the_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, pulumi='[ "$*" = "stack --show-name" ] && echo prod')
    assert consented_stack_name("") == "prod"
    assert consented_stack_name("prod") == "prod"
    with pytest.raises(DeploymentError, match=r"is prod, and --really names staging\. Nothing was"):
        consented_stack_name("staging")
