"""Vault never gets an older version than the one that leads."""

import pytest

from components.rollout import versions
from components.rollout.pods import RolloutPod
from components.vault.answers import SealStatus
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.rolling_pods import asked, server


def runs(monkeypatch: pytest.MonkeyPatch, *found: tuple[str, bool]) -> None:
    """Sets each pod's version, and whether it leads."""
    pods = [_pod(ordinal, version, leads) for ordinal, (version, leads) in enumerate(found)]
    monkeypatch.setattr(
        versions, "expected_servers", lambda _access, replicas: [pod.server for pod in pods][:replicas]
    )
    monkeypatch.setattr(versions, "ask_pods", lambda _access, _servers: pods)  # fmt: skip


def _pod(ordinal: int, version: str, leads: bool) -> RolloutPod:
    pod = asked(server(ordinal), leads=leads)
    status = SealStatus("awskms", bool(version), False, True, version, "c")
    return RolloutPod(pod.server, status, pod.leader, "")


@pytest.mark.parametrize("tag", ["1.18.1", "1.20.3", "v1.20.3", "1.20.3-ent"])
def test_older_version_than_the_leaders_is_refused(monkeypatch: pytest.MonkeyPatch, tag: str) -> None:
    runs(monkeypatch, ("1.20.4", True), ("1.18.1", False))
    problem = str(versions.downgrade(access(), 2, f"registry.example:5000/vault:{tag}"))
    assert problem.startswith("Vault 1.20.4 runs, and doesn't go back to 1.")
    assert "Set image.tag to 1.20.4 or later" in problem


@pytest.mark.parametrize("tag", ["1.18.1", "1.19.0", "1.20.4-ent", "latest", "sha-1.2"])
def test_version_that_is_not_older_than_the_leaders_may_come(
    monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    """A standby of a newer version that was tried has written nothing, so the value may be set back."""
    runs(monkeypatch, ("1.18.1", True), ("1.21.3", False))
    assert versions.downgrade(access(), 2, f"hashicorp/vault:{tag}") is None


def test_oldest_version_counts_while_none_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newer one may only have been tried, and is to be set back."""
    runs(monkeypatch, ("1.21.3", False), ("1.20.4", False))
    assert versions.downgrade(access(), 2, "hashicorp/vault:1.20.4") is None
    assert versions.downgrade(access(), 2, "hashicorp/vault:1.18.1") is not None


def test_enterprise_version_counts_like_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, ("1.20.4+ent", True))
    assert versions.downgrade(access(), 1, "hashicorp/vault-enterprise:1.20.3-ent") is not None


def test_vault_without_data_may_have_any_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(monkeypatch, ("", False))
    assert versions.downgrade(access(), 1, "hashicorp/vault:1.18.1") is None
    assert "no initialised server answers" in capsys.readouterr().err


@pytest.mark.parametrize(("tag", "told"), [("1.19.0", False), ("1.20.0", True), ("2.0.2", True)])
def test_skipped_versions_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tag: str, told: bool
) -> None:
    runs(monkeypatch, ("1.18.1", True))
    assert versions.downgrade(access(), 1, f"hashicorp/vault:{tag}") is None
    assert (f"Vault goes from 1.18.1 to {tag} in one step" in capsys.readouterr().err) is told
