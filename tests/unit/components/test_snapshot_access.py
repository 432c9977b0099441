"""The access of the snapshots' job as a resource: refused without a token, repaired, and taken away."""

from typing import Any

import pytest

from components import snapshot_access
from components.errors import DeploymentError
from components.snapshot_access import SnapshotAccessProvider
from components.vault.snapshot_access import POLICY, JobAccess
from tests.unit.fakes.init_inputs import DEPLOYMENT, NOWHERE, access
from tests.unit.fakes.scripted_vault import LOOKUP_SELF, ROOT_TOKEN, Answer, ScriptedVault, error

ACCESS = JobAccess("kubernetes", "vault-snapshot", "vault-snapshot", "secrets")


def inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    return {
        "access": access(address).to_properties(),
        "auth_path": "kubernetes",
        "name": "vault-snapshot",
        "service_account": "vault-snapshot",
        "namespace": "secrets",
        "deployment": DEPLOYMENT,
        "custody": {},
        "token": "",
        "root_token": ROOT_TOKEN,
        "root_token_gone": False,
        **changed,
    }


def recorded(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    return {**inputs(address), "enabled": True, "intact": True, **changed}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, vault: ScriptedVault) -> list[tuple[Any, ...]]:
    """What is set up and taken away in a Vault that takes any token."""
    found: list[tuple[Any, ...]] = []
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))

    def set_up(access: JobAccess, client: Any, *, ours: bool) -> bool:
        found.append(("set up", access.path, client.token, ours))
        return True

    def take_away(access: JobAccess, client: Any, *, enabled: bool, kept: JobAccess | None = None) -> None:
        found.append(("take away", access.path, client.token, enabled, kept.path if kept else None))

    monkeypatch.setattr(JobAccess, "set_up", set_up)
    monkeypatch.setattr(JobAccess, "take_away", take_away)
    return found


def failures(olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
    return [failure.reason for failure in SnapshotAccessProvider().check(olds, news).failures]


def test_preview_refuses_what_there_is_no_token_for() -> None:
    (reason,) = failures({}, inputs(root_token_gone=True))
    assert "Set token (docs/snapshots.md#the-token-of-the-setup" in reason
    assert failures({}, inputs(root_token_gone=True, token="hvs.mine")) == []
    assert failures({}, inputs()) == []


def test_access_that_is_there_needs_no_token_until_it_changes() -> None:
    assert failures(recorded(), inputs(root_token_gone=True)) == []
    assert failures(recorded(), inputs(auth_path="k8s", root_token_gone=True))


def test_creation_asks_with_the_settings_token_first(vault: ScriptedVault, calls: list[Any]) -> None:
    created = SnapshotAccessProvider().create(inputs(vault.address, token="hvs.mine"))
    assert calls == [("set up", "kubernetes", "hvs.mine", False)]
    assert created.outs is not None
    assert (created.outs["enabled"], created.outs["intact"]) == (True, True)
    # What takes it away needs a token.
    assert created.outs["root_token"] == ROOT_TOKEN


def test_update_repairs_what_is_ours(vault: ScriptedVault, calls: list[Any]) -> None:
    SnapshotAccessProvider().update("id", recorded(vault.address), inputs(vault.address))
    assert calls == [("set up", "kubernetes", ROOT_TOKEN, True)]


def test_update_to_another_path_takes_the_old_one_away(vault: ScriptedVault, calls: list[Any]) -> None:
    SnapshotAccessProvider().update("id", recorded(vault.address), inputs(vault.address, auth_path="k8s"))
    assert calls == [
        ("set up", "k8s", ROOT_TOKEN, False),
        ("take away", "kubernetes", ROOT_TOKEN, True, "k8s"),
    ]


def test_invalid_token_is_an_error_with_the_fix(vault: ScriptedVault) -> None:
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    with pytest.raises(DeploymentError, match="python -m components generate-root makes a root token"):
        SnapshotAccessProvider().create(inputs(vault.address))


def test_refusal_says_which_rights_are_needed(vault: ScriptedVault) -> None:
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    vault.answers("GET /v1/sys/auth", error(403, "permission denied"))
    with pytest.raises(DeploymentError, match="#the-token-of-the-setup"):
        SnapshotAccessProvider().create(inputs(vault.address))


def test_refresh_finds_what_is_gone(vault: ScriptedVault, capfd: pytest.CaptureFixture[str]) -> None:
    vault.answers(LOOKUP_SELF, Answer({"data": {}}))
    vault.answers("GET /v1/sys/policies/acl/vault-snapshot", Answer({"data": {"policy": POLICY}}))
    outs = SnapshotAccessProvider().read("id", recorded(vault.address)).outs
    assert outs is not None
    assert outs["intact"] is False
    assert "no role vault-snapshot of auth/kubernetes" in capfd.readouterr().err
    difference = SnapshotAccessProvider().diff("id", dict(outs), inputs(vault.address))
    assert (difference.changes, difference.replaces) == (True, [])
    assert not SnapshotAccessProvider().diff("id", recorded(), inputs()).changes
    vault.answers("GET /v1/auth/kubernetes/role/vault-snapshot", Answer({"data": dict(ACCESS.role)}))
    again = SnapshotAccessProvider().read("id", recorded(vault.address)).outs
    assert again is not None
    assert again["intact"] is True


def test_refresh_without_a_token_or_a_vault_keeps_what_is_known(vault: ScriptedVault) -> None:
    for known in (recorded(vault.address, root_token=""), recorded()):
        assert SnapshotAccessProvider().read("id", known).outs == known


@pytest.mark.parametrize(
    ("before", "after", "changes"), [("", "a", True), ("a", "a", False), ("a", "", False)]
)
def test_new_token_is_recorded_for_the_end(before: str, after: str, changes: bool) -> None:
    difference = SnapshotAccessProvider().diff("id", recorded(token=before), inputs(token=after))
    assert bool(difference.changes) is changes


def test_end_takes_it_away(vault: ScriptedVault, calls: list[Any]) -> None:
    SnapshotAccessProvider().delete("id", recorded(vault.address))
    assert calls == [("take away", "kubernetes", ROOT_TOKEN, True, None)]


@pytest.mark.parametrize("reachable", [True, False])
def test_end_without_a_token_says_what_stays(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str], reachable: bool
) -> None:
    address = vault.address if reachable else NOWHERE
    SnapshotAccessProvider().delete("id", recorded(address, root_token="" if reachable else ROOT_TOKEN))
    said = capfd.readouterr().err
    assert "Role and policy vault-snapshot stay in Vault" in said
    assert "vault policy delete vault-snapshot" in said


def test_every_token_is_a_secret_of_the_state() -> None:
    assert set(snapshot_access.TOKENS).isdisjoint(snapshot_access.INPUTS)
