"""Vault's answers while shares are replaced."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.vault.client import VaultClient, VaultRefusedError, VaultUnavailableError
from components.vault.rekey import Rekey, RekeyProgress
from tests.unit.fakes.scripted_vault import SHARES, Answer, ScriptedVault, error, no_content


@pytest.mark.parametrize("in_data", [False, True], ids=["1.x", "2.x"])
@pytest.mark.parametrize(("recovery", "path"), [(True, "rekey-recovery-key"), (False, "rekey")])
def test_each_kind_of_shares_has_its_calls(
    vault: ScriptedVault, recovery: bool, path: str, in_data: bool
) -> None:
    def shaped(fields: Mapping[str, Any]) -> Answer:
        return Answer({"request_id": "1", "data": fields} if in_data else fields)

    init = f"/v1/sys/{path}/init"
    vault.answers(f"GET {init}", shaped({"started": True, "nonce": "n"}))
    vault.answers(f"PUT {init}", shaped({"started": True, "nonce": "n", "verification_required": True}))
    vault.answers(f"DELETE {init}", no_content())
    vault.answers(
        f"PUT /v1/sys/{path}/update",
        shaped({"nonce": "n", "started": True, "progress": 1}),
        shaped({"complete": True, "keys_base64": SHARES, "verification_nonce": "v"}),
    )
    vault.answers(f"PUT /v1/sys/{path}/verify", shaped({"complete": True}))
    rekey = Rekey(VaultClient(vault.address), recovery=recovery)

    assert (rekey.status().started, rekey.status().nonce) == (True, "n")
    assert rekey.start(shares=5, threshold=3).nonce == "n"
    assert rekey.submit("b2xk", "n").new_shares == ()
    progress = rekey.submit("b2xk", "n")
    assert (list(progress.new_shares), progress.verification_nonce) == (SHARES, "v")
    rekey.verify(SHARES[0], "v")
    rekey.cancel("n")
    assert vault.requests[-1].body == {"nonce": "n"}


@pytest.mark.parametrize(
    "said",
    [
        "no barrier rekey in progress",
        "no rekey verification in progress",
        "incorrect nonce supplied; it is 'x'",
    ],
)
def test_rekey_that_is_gone(vault: ScriptedVault, said: str) -> None:
    vault.answers("PUT /v1/sys/rekey/verify", error(400, said))
    with pytest.raises(VaultUnavailableError, match="was ended"):
        Rekey(VaultClient(vault.address), recovery=False).verify(SHARES[0], "v")


def test_new_shares_are_not_printed() -> None:
    progress = RekeyProgress(new_shares=SHARES, verification_nonce="v")
    assert SHARES[0] not in repr(progress) + str(progress)


def test_rekey_without_its_verification_is_refused(vault: ScriptedVault) -> None:
    """Else the old shares were void before the new ones are stored anywhere."""
    vault.answers("PUT /v1/sys/rekey/init", Answer({"started": True, "nonce": "n"}))
    with pytest.raises(VaultRefusedError, match="without its verification step"):
        Rekey(VaultClient(vault.address), recovery=False).start(shares=5, threshold=3)
    assert [request.body for request in vault.requests] == [
        {"secret_shares": 5, "secret_threshold": 3, "require_verification": True}
    ]
