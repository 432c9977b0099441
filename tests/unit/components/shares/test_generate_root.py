"""The proof by a root token that is revoked at once, and what becomes of the attempt where it fails."""

from collections.abc import Sequence

import pytest

from components.errors import DeploymentError
from components.shares.generate_root import (
    RootGenerationRunsError,
    WrongSharesError,
    generate_root_token,
    permitted_client,
    prove_shares,
)
from components.vault.client import (
    VaultClient,
    VaultForbiddenError,
    VaultRefusedError,
    VaultUnavailableError,
)
from tests.unit.fakes.remembered_attempts import RememberedAttempts
from tests.unit.fakes.scripted_vault import (
    CANCEL_ROOT,
    REVOKE_SELF,
    ROOT_ATTEMPT,
    SHARES,
    START_ROOT,
    UPDATE_ROOT,
    Answer,
    ScriptedVault,
    error,
    no_content,
    root_generation,
    root_generation_done,
    root_generation_started,
)

TOKEN = "hvs.new-root-token-of-28-char"
PAD = "Pad0Pad1Pad2Pad3Pad4Pad5Pad67"
NOT_COMPLETE = Answer({"complete": False, "encoded_token": ""})
OWN = root_generation(nonce="own")


def ready(vault: ScriptedVault, *updates: Answer) -> None:
    """A Vault where an attempt can be made; afterwards it runs."""
    vault.answers(ROOT_ATTEMPT, root_generation(), OWN)
    vault.answers(START_ROOT, root_generation_started(nonce="own", pad=PAD))
    vault.answers(UPDATE_ROOT, *updates)
    vault.answers(CANCEL_ROOT, no_content())
    vault.answers(REVOKE_SELF, no_content())


def proved(vault: ScriptedVault) -> None:
    ready(vault, NOT_COMPLETE, NOT_COMPLETE, root_generation_done(token=TOKEN, pad=PAD))


def generate(vault: ScriptedVault) -> str:
    return generate_root_token(VaultClient(vault.address), SHARES, 3)


def test_token_is_decoded(vault: ScriptedVault) -> None:
    proved(vault)
    assert generate(vault) == TOKEN
    assert [request.body for request in vault.asked(UPDATE_ROOT)] == [
        {"key": share, "nonce": "own"} for share in SHARES[:3]
    ]
    assert vault.asked(REVOKE_SELF) == []
    assert vault.asked(CANCEL_ROOT) == []


def test_proof_revokes_the_token(vault: ScriptedVault) -> None:
    proved(vault)
    prove_shares(VaultClient(vault.address), SHARES, 3, RememberedAttempts())
    assert [request.token for request in vault.asked(REVOKE_SELF)] == [TOKEN]


def test_token_of_the_client_goes_along(vault: ScriptedVault) -> None:
    proved(vault)
    generate_root_token(VaultClient(vault.address, "hvs.own"), SHARES, 3)
    assert {request.token for request in vault.requests} == {"hvs.own"}


@pytest.mark.parametrize(
    "said",
    [
        "root generation aborted: unable to authenticate: recovery key does not match submitted values",
        "failed to compute root key: parts must be the same length",
        "'key' must be a valid hex or base64 string",
    ],
)
def test_wrong_shares(vault: ScriptedVault, said: str) -> None:
    ready(vault, NOT_COMPLETE, NOT_COMPLETE, error(400, said))
    with pytest.raises(WrongSharesError, match="don't unlock this Vault") as raised:
        generate(vault)
    assert not [share for share in SHARES if share in str(raised.value)]
    assert len(vault.asked(CANCEL_ROOT)) == 1


def test_key_service_that_fails_is_no_verdict_on_the_shares(vault: ScriptedVault) -> None:
    ready(vault, error(400, "root generation aborted: failed to decrypt: AccessDeniedException"))
    with pytest.raises(VaultRefusedError, match="AccessDeniedException"):
        generate(vault)
    assert len(vault.asked(CANCEL_ROOT)) == 1


@pytest.mark.parametrize(
    ("shares", "threshold"),
    [(SHARES, 2), (SHARES[:2], 3), ([SHARES[0]] * 3, 3)],
    ids=["other", "few", "same"],
)
def test_shares_that_cannot_be_the_right_ones_are_not_sent(
    vault: ScriptedVault, shares: list[str], threshold: int
) -> None:
    ready(vault)
    with pytest.raises(WrongSharesError):
        generate_root_token(VaultClient(vault.address), shares, threshold)
    assert vault.asked(UPDATE_ROOT) == []
    assert len(vault.asked(CANCEL_ROOT)) == 1


def test_attempt_of_somebody_else_is_left_alone(vault: ScriptedVault) -> None:
    vault.answers(ROOT_ATTEMPT, root_generation(nonce="theirs", progress=1))
    with pytest.raises(RootGenerationRunsError, match="vault operator generate-root -cancel"):
        generate(vault)
    assert {request.call for request in vault.requests} == {ROOT_ATTEMPT}


def test_attempt_of_somebody_who_was_faster(vault: ScriptedVault) -> None:
    vault.answers(ROOT_ATTEMPT, root_generation())
    vault.answers(START_ROOT, error(400, "root generation already in progress"))
    with pytest.raises(RootGenerationRunsError):
        generate(vault)
    assert vault.asked(CANCEL_ROOT) == []


def test_attempt_that_ended_is_worth_another_try(vault: ScriptedVault) -> None:
    ready(vault, NOT_COMPLETE, error(400, "no root generation in progress"))
    vault.answers(ROOT_ATTEMPT, root_generation(), root_generation(nonce="theirs"))
    with pytest.raises(VaultUnavailableError, match="was ended"):
        generate(vault)
    assert vault.asked(CANCEL_ROOT) == []


def test_attempt_that_cannot_be_cancelled_is_told(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    ready(vault, error(503, "Vault is sealed"))
    vault.answers(CANCEL_ROOT, error(503, "Vault is sealed"))
    with pytest.raises(VaultUnavailableError, match="Vault is sealed"):
        generate(vault)
    assert "An attempt at a root token may be left on Vault" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("status", "said"),
    [(500, "barrier reports initialized but no seal configuration found"), (500, "Vault is in standby mode")],
)
def test_vault_that_is_not_ready(vault: ScriptedVault, status: int, said: str) -> None:
    vault.answers(ROOT_ATTEMPT, error(status, said))
    with pytest.raises(VaultUnavailableError, match=said):
        generate(vault)


@pytest.mark.parametrize(
    ("tokens", "taken"),
    [
        (("hvs.root", "hvs.setting"), "hvs.root"),
        # Such as a root token that was revoked outside of the stack.
        (("hvs.revoked", "hvs.setting"), "hvs.setting"),
        (("", "hvs.setting"), "hvs.setting"),
    ],
)
def test_first_token_that_may_do_it_is_taken(vault: ScriptedVault, tokens: Sequence[str], taken: str) -> None:
    proved(vault)
    vault.answers(ROOT_ATTEMPT, root_generation())
    vault.wants_tokens("hvs.root", "hvs.setting", TOKEN)
    client = permitted_client(VaultClient(vault.address), tokens)
    vault.requests.clear()
    prove_shares(client, SHARES, 3, RememberedAttempts())
    assert {request.token for request in vault.requests} == {taken, TOKEN}


@pytest.mark.parametrize("tokens", [(), ("",), ("hvs.revoked",), ("hvs.revoked", "hvs.of-a-reader")])
def test_vault_that_wants_a_token_for_it(vault: ScriptedVault, tokens: Sequence[str]) -> None:
    vault.answers(ROOT_ATTEMPT, root_generation())
    vault.wants_tokens("hvs.root")
    with pytest.raises(VaultForbiddenError, match=r"Vault 2\.0 on that needs a valid token") as raised:
        permitted_client(VaultClient(vault.address), tokens)
    for part in ("sys/generate-root/*", "the setting token", "init.unauthenticatedGenerateRoot"):
        assert part in str(raised.value)
    assert "hvs." not in str(raised.value)
    assert {request.call for request in vault.requests} == {ROOT_ATTEMPT}


@pytest.mark.parametrize("tokens", [(), ("hvs.revoked",)])
def test_vault_that_wants_no_token_for_it(vault: ScriptedVault, tokens: Sequence[str]) -> None:
    proved(vault)
    vault.answers(ROOT_ATTEMPT, root_generation())
    vault.wants_tokens("hvs.root", unauthenticated=["generate-root"])
    prove_shares(permitted_client(VaultClient(vault.address), tokens), SHARES, 3, RememberedAttempts())
    assert [request.token for request in vault.asked(REVOKE_SELF)] == [TOKEN]


def test_vault_that_is_away_is_no_refusal_of_a_token(vault: ScriptedVault) -> None:
    vault.answers(ROOT_ATTEMPT, error(503, "Vault is sealed"))
    with pytest.raises(VaultUnavailableError, match="Vault is sealed"):
        permitted_client(VaultClient(vault.address), ("hvs.root",))


def test_attempt_that_a_killed_run_left_is_ended(
    vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    proved(vault)
    vault.answers(ROOT_ATTEMPT, root_generation(nonce="of the killed run"))
    attempts = RememberedAttempts(generate_root="of the killed run")
    prove_shares(VaultClient(vault.address), SHARES, 3, attempts)
    assert [request.call for request in vault.requests][:3] == [ROOT_ATTEMPT, CANCEL_ROOT, START_ROOT]
    assert attempts.is_own_attempt("generate-root", "own")
    assert "Ending an attempt at a root token" in capfd.readouterr().err


@pytest.mark.parametrize("attempts", [None, RememberedAttempts(generate_root="another", rekey="theirs")])
def test_attempt_of_people_is_left_alone(vault: ScriptedVault, attempts: RememberedAttempts | None) -> None:
    proved(vault)
    vault.answers(ROOT_ATTEMPT, root_generation(nonce="theirs"))
    with pytest.raises(RootGenerationRunsError, match="vault operator generate-root -cancel"):
        generate_root_token(VaultClient(vault.address), SHARES, 3, attempts)
    assert {request.call for request in vault.requests} == {ROOT_ATTEMPT}


def test_attempt_that_cannot_be_remembered_gets_no_share(vault: ScriptedVault) -> None:
    proved(vault)
    attempts = RememberedAttempts()
    attempts.refused["generate-root"] = DeploymentError("the lease is lost")
    with pytest.raises(DeploymentError, match="the lease is lost"):
        prove_shares(VaultClient(vault.address), SHARES, 3, attempts)
    assert vault.asked(UPDATE_ROOT) == []
    assert len(vault.asked(CANCEL_ROOT)) == 1
