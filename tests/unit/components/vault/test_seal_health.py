"""What the active server says of the seal's key, by Vault's versions."""

from datetime import UTC, datetime

import pytest

from components.vault.client import VaultClient, VaultUnavailableError
from components.vault.seal_health import SealHealth, seal_health
from tests.unit.fakes.scripted_vault import SEAL_BACKEND_STATUS, Answer, ScriptedVault, error


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer({"healthy": True, "backends": [], "fully_wrapped": True}), SealHealth(healthy=True)),
        # Go's Time.String, with and without the reading of the monotonic clock.
        (
            Answer({"healthy": False, "unhealthy_since": "2027-03-01 12:30:05.123 +0100 CET m=+0.07"}),
            SealHealth(False, datetime(2027, 3, 1, 11, 30, 5, tzinfo=UTC)),
        ),
        (
            Answer({"healthy": False, "unhealthy_since": "2027-03-01 11:30:05 +0000 UTC"}),
            SealHealth(False, datetime(2027, 3, 1, 11, 30, 5, tzinfo=UTC)),
        ),
        (Answer({"healthy": False, "unhealthy_since": "lately"}), SealHealth(healthy=False)),
        (Answer({"healthy": False}), SealHealth(healthy=False)),
        # Before Vault 1.16, which asks for a token on paths of sys that it doesn't know.
        (error(403, "permission denied"), None),
        (error(404), None),
        # Not Vault's own answer.
        (Answer({}), None),
    ],
)
def test_answers_of_servers(vault: ScriptedVault, answer: Answer, expected: SealHealth | None) -> None:
    vault.answers(SEAL_BACKEND_STATUS, answer)
    assert seal_health(VaultClient(vault.address)) == expected
    assert [request.token for request in vault.requests] == [""]


def test_server_that_can_not_answer_now(vault: ScriptedVault) -> None:
    vault.answers(SEAL_BACKEND_STATUS, error(500, "could not read seal generation information"))
    with pytest.raises(VaultUnavailableError, match="seal generation"):
        seal_health(VaultClient(vault.address))
