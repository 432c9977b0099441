"""What the proofs of every seal have in common."""

from collections.abc import Callable

import pytest

from components.errors import DeploymentError
from components.seal_preflight import SettlingError, prove_key, until_settled


def fails(times: int, *, settling: bool = True) -> Callable[[], int]:
    """An attempt that fails so many times, and then returns how often it was made."""
    made: list[None] = []

    def attempt() -> int:
        made.append(None)
        if len(made) <= times:
            raise SettlingError("kms:Encrypt", "AccessDenied", "Grant it.", settling=settling)
        return len(made)

    return attempt


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.progress.time.sleep", lambda _seconds: None)


def test_what_may_settle_is_tried_again() -> None:
    assert until_settled("Waiting", 60, fails(2)) == 3


def test_a_refusal_for_good_is_told_at_once() -> None:
    with pytest.raises(SettlingError):
        until_settled("Waiting", 60, fails(1, settling=False))


def test_the_last_refusal_is_told_when_the_time_is_over() -> None:
    with pytest.raises(SettlingError, match=r"kms:Encrypt failed: AccessDenied\nGrant it\.") as raised:
        until_settled("Waiting", 0, fails(1))
    assert raised.value.summary == "kms:Encrypt: AccessDenied"


def test_a_failed_proof_names_the_identity_and_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    def proof() -> None:
        fails(1)()

    with pytest.raises(DeploymentError) as raised:
        prove_key(identity="role/vault", key="key/1", seconds=0, proof=proof)
    assert "identity role/vault didn't succeed; this run has initialised nothing" in str(raised.value)
    assert "AccessDenied\nGrant it.\nThen run pulumi up again." in str(raised.value)
    assert "if only the cluster may use the key" in str(raised.value)
    assert "set init.preflight to false" in str(raised.value)
    assert "Proving that role/vault can use key/1" in capfd.readouterr().err
