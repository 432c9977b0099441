"""The command that shows how Vault is: its forms, exit codes, and what it asks with."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.__main__ import main
from components.commands import status
from tests.unit.fakes import scripted_store
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import TARGET, access
from tests.unit.fakes.observed_vault import outputs
from tests.unit.fakes.scripted_vault import (
    AUTOPILOT_STATE,
    LEADER,
    LEADS,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    seal_status,
)
from tests.unit.fakes.shamir_keys import in_store, record

STATEFUL_SET = {
    "kind": "StatefulSet",
    "metadata": {"name": "vault", "generation": 1, "uid": "1"},
    "spec": {"replicas": 1, "template": {"metadata": {}, "spec": {}}},
    "status": {"updateRevision": "new", "observedGeneration": 1},
}
POD = {
    "kind": "Pod",
    "metadata": {
        "name": "vault-0",
        "uid": "2",
        "creationTimestamp": "2027-01-01T00:00:00Z",
        "labels": {"controller-revision-hash": "new"},
    },
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "vault", "ready": True, "state": {"running": {}}}],
    },
}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a stack: what pulumi says of it lies in there, and how it was asked."""
    objects = tmp_path / "objects.json"
    objects.write_text(json.dumps({"items": [STATEFUL_SET, POD]}))
    only_commands(
        monkeypatch,
        tmp_path / "commands",
        pulumi=f"echo \"$*\" >> '{tmp_path / 'asked'}'; [ $1 = stack ] || exit 1; "
        f"exec /bin/cat '{tmp_path / 'outputs.json'}'",
        kubectl=f"exec /bin/cat '{objects}'",
    )
    return tmp_path


@pytest.fixture
def serving(vault: ScriptedVault, stack: Path) -> ScriptedVault:
    """One pod that serves."""
    provide(stack, vault)
    vault.answers(SEAL_STATUS, seal_status(initialized=True, sealed=False, cluster_id="c"))
    vault.answers(LEADER, LEADS)
    return vault


def provide(stack: Path, vault: ScriptedVault, **changed: Any) -> None:
    found = outputs(pod_access=access(vault.address).to_properties(), replicas=1, **changed)
    (stack / "outputs.json").write_text(json.dumps(found))


def asked(stack: Path) -> list[str]:
    return (stack / "asked").read_text().splitlines()


def test_page_of_a_vault_that_is_well(
    serving: ScriptedVault, stack: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    said = capfd.readouterr().out
    assert "ok  Pods          vault-0  leads, unsealed (awskms), Vault 1.18.1" in said
    assert asked(stack) == ["stack output --json --non-interactive"]
    assert {request.token for request in serving.requests} == {""}


@pytest.mark.usefixtures("serving")
def test_page_for_another_program(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 0
    page = json.loads(capfd.readouterr().out)
    assert (page["vault"], page["state"]) == ("secrets/vault", "note")
    assert [section["title"] for section in page["sections"]][:2] == ["Pods", "Version"]


def test_something_that_needs_attention(serving: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    serving.answers(SEAL_STATUS, seal_status(initialized=True))
    assert main(["status"]) == 1
    assert "vault-0  it is sealed" in capfd.readouterr().out


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_stack_without_a_vault(stack: Path, capfd: pytest.CaptureFixture[str], form: list[str]) -> None:
    (stack / "outputs.json").write_text("{}")
    assert main(["status", *form]) == 2
    said = capfd.readouterr().out
    assert "has no Vault yet" in " ".join(said.split())
    if form:
        assert json.loads(said)["state"] == "unknown"


def test_nothing_that_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    only_commands(monkeypatch, tmp_path, pulumi="echo 'error: no stack selected' >&2; exit 255")
    assert main(["status"]) == 2
    assert "error: no stack selected" in capfd.readouterr().out


@pytest.mark.usefixtures("serving")
def test_defect_of_the_program_is_nothing_that_vault_needs(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr(status, "observe", fail)
    assert main(["status"]) == 2
    assert "KeyError: 'unforeseen'" in capfd.readouterr().err


def test_token_and_record_are_used_if_they_are_to_be(
    serving: ScriptedVault, stack: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    scripted_store.Store(str(store)).write(record(), TARGET)
    provide(
        stack,
        serving,
        custody=in_store(store),
        keys_location="the store",
        keys_fingerprint=record().fingerprint,
        recovery_shares=[],
        key_shares=[],
        root_token="",
    )
    state = {
        "servers": {"vault-0": {"address": "a", "healthy": True}},
        "voters": ["vault-0"],
        "healthy": True,
    }
    serving.answers(AUTOPILOT_STATE, Answer({"data": state}))
    serving.answers("GET /v1/sys/audit", Answer({"data": {}}))
    assert main(["status", "--with-token"]) == 0
    said = "".join(capfd.readouterr())
    assert "1 voter: vault-0" in said
    assert asked(stack) == ["stack output --json --show-secrets", "config get token"]
    assert [request.token for request in serving.asked(AUTOPILOT_STATE)] == [record().root_token]
    assert not [secret for secret in (record().root_token, *record().shares) if secret in said]

    provide(stack, serving, custody=in_store(store), keys_location="the store", keys_fingerprint="sha256:1")
    assert main(["status", "--with-token"]) == 1
    assert "the store has other shares than the stack has recorded" in capfd.readouterr().out
