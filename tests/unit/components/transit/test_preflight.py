"""The proof of the seal transit: when it waits, and what it says of the other Vault's token."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from components.seals.seal import prove_seal
from components.transit.preflight import TransitKey
from tests.unit.fakes.transit_pod import RUNNING, fails_with, pod, provide_pod

PROPERTIES = {
    "seal": "transit",
    "pod": "vault-0",
    "pod_start_seconds": "0",
    "token_secret": "vault-transit-token",
    "token_key": "token",
    "address": "https://vault.example.com:8200",
    "mount": "transit",
    "key_name": "autounseal",
    "namespace": "team",
    "ca_file": "/vault/transit-tls/ca.crt",
    "server_name": "vault.internal",
}
TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
PERIODIC: Mapping[str, Any] = {
    "id": "hvs.of-the-pod",
    "num_uses": 0,
    "ttl": 3600,
    "renewable": True,
    "period": 3600,
    "explicit_max_ttl": 0,
    "orphan": True,
}


def refused(seconds: float = 0) -> str:
    with pytest.raises(DeploymentError) as raised:
        prove_seal(PROPERTIES, TARGET, seconds)
    return str(raised.value)


def provide_token(monkeypatch: pytest.MonkeyPatch, folder: Path, token: Mapping[str, Any] | None) -> None:
    """A pod whose commands encrypt by returning the plaintext; None for a token that may not be looked up."""
    (folder / "token").write_text(json.dumps({"data": token}))
    look_up = f"/bin/cat '{folder}/token'" if token is not None else fails_with("Code: 403. Errors: *")
    script = f'case " $* " in *" lookup "*) {look_up};; *) /bin/cat;; esac'
    provide_pod(monkeypatch, folder, pod(RUNNING), script)


def test_pod_that_does_not_run_is_asked_for_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = provide_pod(monkeypatch, tmp_path, pod({"waiting": {"reason": "ImagePullBackOff"}}), "exit 0")
    said = refused()
    assert said.startswith("The preflight of the seal in pod vault-0 didn't succeed")
    assert "it doesn't run: ImagePullBackOff" in said
    assert " exec " not in calls.read_text()


def test_refusal_of_the_other_vault_fails_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = "Code: 400. Errors: * encryption key not found"
    calls = provide_pod(monkeypatch, tmp_path, pod(RUNNING), fails_with(said))
    assert said in refused(seconds=60)
    assert calls.read_text().count(" exec ") == 1


def test_passing_fault_is_waited_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    marker = tmp_path / "called"
    script = f"""
        if [ -e '{marker}' ]; then echo 'Code: 403. permission denied' >&2; else : > '{marker}'; fi
        exit 1"""
    calls = provide_pod(monkeypatch, tmp_path, pod(RUNNING), script)
    monkeypatch.setattr("components.progress.time.sleep", lambda _: None)
    refused(seconds=60)
    assert calls.read_text().count(" exec ") == 2


def test_key_that_decrypts_something_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_pod(monkeypatch, tmp_path, pod(RUNNING), "echo AAAA")
    assert "decrypted something else than it had encrypted" in refused()


def test_key_wraps_the_journals_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_token(monkeypatch, tmp_path, PERIODIC)
    key = prove_seal(PROPERTIES, TARGET, 0)
    assert isinstance(key, TransitKey)
    assert key.key_name == "https://vault.example.com:8200/v1/transit/keys/autounseal"
    header = key.wrap(b"k" * 32, "uid/secrets/vault")
    assert header.keys() == {"wrapped_key"}
    assert key.unwrap(header, "uid/secrets/vault") == b"k" * 32


@pytest.mark.parametrize(
    ("changed", "warnings"),
    [
        ({}, []),
        ({"ttl": 0, "policies": ["root"]}, ["never ends (policies root)"]),
        ({"renewable": False, "expire_time": "2026-12-01"}, ["can't be renewed and ends 2026-12-01"]),
        ({"explicit_max_ttl": 86400}, ["ends for good 86400 s after it was made"]),
        ({"period": 0}, ["isn't periodic"]),
        ({"orphan": False}, ["ends with the token that made it"]),
        ({"period": 0, "orphan": False}, ["isn't periodic", "ends with the token that made it"]),
    ],
)
def test_token_that_may_end_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    changed: Mapping[str, Any],
    warnings: list[str],
) -> None:
    provide_token(monkeypatch, tmp_path, {**PERIODIC, **changed})
    prove_seal(PROPERTIES, TARGET, 0)
    said = capfd.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("Warning: ")]
    assert [warning in line for warning, line in zip(warnings, lines, strict=True)] == [True] * len(warnings)
    assert "hvs.of-the-pod" not in said


def test_look_up_of_the_token_that_may_pass_is_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text(json.dumps({"data": PERIODIC}))
    marker = tmp_path / "called"
    once = f"if [ ! -e '{marker}' ]; then : > '{marker}'; {fails_with('connection refused')}; fi"
    look_up = f"{once}; /bin/cat '{tmp_path / 'token'}'"
    provide_pod(
        monkeypatch, tmp_path, pod(RUNNING), f'case " $* " in *" lookup "*) {look_up};; *) /bin/cat;; esac'
    )
    monkeypatch.setattr("components.progress.time.sleep", lambda _: None)
    prove_seal(PROPERTIES, TARGET, 60)
    assert "Warning" not in capfd.readouterr().err


def test_token_of_few_uses_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_token(monkeypatch, tmp_path, {**PERIODIC, "num_uses": 1})
    assert "it may be used only a few times more (num_uses)" in refused(seconds=60)


def test_token_that_may_not_look_itself_up_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    provide_token(monkeypatch, tmp_path, None)
    prove_seal(PROPERTIES, TARGET, 0)
    assert "Warning: the lifetime of the other Vault's token is unknown" in capfd.readouterr().err
