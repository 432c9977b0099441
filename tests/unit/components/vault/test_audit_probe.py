"""The entry that is looked for, in the file on the leader's volume and in its container's log."""

import uuid
from pathlib import Path

import pytest

from components.vault.audit_probe import (
    LeaderUnknownError,
    ProbeUnreadableError,
    audited,
    leading_pod,
)
from components.vault.client import VaultClient, VaultUnavailableError
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.scripted_vault import LEADER, Answer, ScriptedVault, error

# The log of a pod, and what is counted in its file, of what was asked last.
KUBECTL = """
probe=$(/bin/cat '{folder}/probe')
case " $* " in
  *" logs vault-1 --container=vault --since=30s "*) for line in {log}; do echo "$probe"; done;;
  *" exec vault-1 --container=vault -- /bin/sh -c "*) {count};;
  *) exit 3;;
esac
"""


@pytest.fixture
def asked(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedVault:
    """A Vault that refuses the request, which kubectl hears of."""
    monkeypatch.setattr(uuid, "uuid4", lambda: "0-1")
    (tmp_path / "probe").write_text('{"request":{"path":"vault-autounseal-audit-probe/0-1"}}')
    vault.answers("GET /v1/vault-autounseal-audit-probe/0-1", error(403, "permission denied"))
    return vault


def kubectl(monkeypatch: pytest.MonkeyPatch, folder: Path, *, log: str, count: str) -> None:
    only_commands(monkeypatch, folder / "bin", kubectl=KUBECTL.format(folder=folder, log=log, count=count))


@pytest.mark.parametrize(
    ("log", "count", "reached"),
    [
        ("1 2", "echo 2", ["file", "stdout"]),
        ("1 2", "echo 1", ["stdout"]),
        ("1 2", "exit 0", ["stdout"]),
        ("1", "echo 2", ["file"]),
        ("", "echo 0", []),
    ],
    ids=["both", "request alone", "no file", "answer not logged", "nothing"],
)
def test_devices_that_both_entries_reach(
    asked: ScriptedVault,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    log: str,
    count: str,
    reached: list[str],
) -> None:
    kubectl(monkeypatch, tmp_path, log=log, count=count)
    client = VaultClient(asked.address, "hvs.token")
    assert audited(client, access(asked.address), 1, ["file", "stdout"]) == reached


def test_pod_that_may_not_be_looked_into(
    asked: ScriptedVault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kubectl(monkeypatch, tmp_path, log="1", count="echo 'pods/exec is forbidden' >&2; exit 1")
    with pytest.raises(ProbeUnreadableError, match="pods/exec is forbidden"):
        audited(VaultClient(asked.address), access(asked.address), 1, ["file"])


def test_vault_that_can_write_to_no_device(asked: ScriptedVault) -> None:
    asked.answers("GET /v1/vault-autounseal-audit-probe/0-1", error(500, "internal error"))
    with pytest.raises(VaultUnavailableError):
        audited(VaultClient(asked.address), access(asked.address), 1, ["file"])


def test_pod_that_leads_is_found(vault: ScriptedVault) -> None:
    standby, active = (
        Answer({"ha_enabled": True, "is_self": False}),
        Answer({"ha_enabled": True, "is_self": True}),
    )
    vault.answers(LEADER, standby, active)
    with leading_pod(access(vault.address), 3) as (ordinal, client):
        assert (ordinal, client.address) == (1, vault.address)


def test_single_server_leads(vault: ScriptedVault) -> None:
    vault.answers(LEADER, Answer({"ha_enabled": False, "is_self": False}))
    with leading_pod(access(vault.address), 1) as (ordinal, _):
        assert ordinal == 0


def test_nobody_leads(vault: ScriptedVault) -> None:
    vault.answers(LEADER, Answer({"ha_enabled": True, "is_self": False}))
    with pytest.raises(LeaderUnknownError), leading_pod(access(vault.address), 3):
        pass
