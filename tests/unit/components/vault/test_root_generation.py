"""Vault's answers while a root token is made from the shares."""

import pytest

from components.vault.client import VaultClient, VaultRefusedError, VaultUnavailableError
from components.vault.root_generation import (
    RootGeneration,
    RootGenerationAttempt,
    decoded_token,
)
from tests.unit.fakes.scripted_vault import (
    CANCEL_ROOT,
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

PAD = "Pad0Pad1"


def test_status_while_an_attempt_runs(vault: ScriptedVault) -> None:
    vault.answers(ROOT_ATTEMPT, root_generation(nonce="theirs", required=4, progress=2))
    status = RootGeneration(VaultClient(vault.address)).status()
    assert (status.started, status.nonce, status.required) == (True, "theirs", 4)


@pytest.mark.parametrize("said", ["no root generation in progress", "incorrect nonce supplied; nonce is 'x'"])
def test_attempt_that_is_gone(vault: ScriptedVault, said: str) -> None:
    vault.answers(UPDATE_ROOT, error(400, said))
    with pytest.raises(VaultUnavailableError, match="was ended"):
        RootGeneration(VaultClient(vault.address)).submit(SHARES[0], "own")


def test_share_that_is_refused(vault: ScriptedVault) -> None:
    vault.answers(UPDATE_ROOT, error(400, "key is shorter than minimum 16 bytes"))
    with pytest.raises(VaultRefusedError, match="shorter than minimum"):
        RootGeneration(VaultClient(vault.address)).submit(SHARES[0], "own")


@pytest.mark.parametrize(
    ("encoded", "token"),
    # "hvs.abcd" and "hvs.ab" XORed with the pad, by hand.
    [("OBcXHjEDB1U", "hvs.abcd"), ("OBcXHjED", "hvs.ab")],
)
def test_token_is_decoded_without_padding(encoded: str, token: str) -> None:
    attempt = RootGenerationAttempt(nonce="own", required=1, one_time_pad=PAD[: len(token)])
    assert decoded_token(encoded, attempt) == token


def test_pad_is_not_printed() -> None:
    attempt = RootGenerationAttempt(nonce="own", required=1, one_time_pad=PAD)
    assert PAD not in repr(attempt) + str(attempt)


def test_last_share_brings_the_encoded_token(vault: ScriptedVault) -> None:
    vault.answers(
        UPDATE_ROOT,
        Answer({"complete": False, "encoded_token": ""}),
        Answer({"complete": True, "encoded_token": "OBcXHjED"}),
    )
    generation = RootGeneration(VaultClient(vault.address))
    assert [generation.submit(share, "own") for share in SHARES[:2]] == ["", "OBcXHjED"]


def test_attempt_is_started_with_a_pad_of_vault_and_cancelled(vault: ScriptedVault) -> None:
    vault.answers(START_ROOT, root_generation_started(nonce="own", pad=PAD, required=2))
    vault.answers(CANCEL_ROOT, no_content())
    generation = RootGeneration(VaultClient(vault.address))
    assert generation.start() == RootGenerationAttempt(nonce="own", required=2, one_time_pad=PAD)
    generation.cancel()
    assert len(vault.asked(CANCEL_ROOT)) == 1


@pytest.mark.parametrize("in_data", [False, True], ids=["1.x", "2.x"])
def test_fields_of_an_answer_may_be_in_its_data(vault: ScriptedVault, in_data: bool) -> None:
    def shaped(answer: Answer) -> Answer:
        return Answer({"request_id": "1", "data": answer.body}) if in_data else answer

    vault.answers(ROOT_ATTEMPT, shaped(root_generation(nonce="theirs", required=4)))
    vault.answers(START_ROOT, shaped(root_generation_started(nonce="own", pad=PAD)))
    vault.answers(UPDATE_ROOT, shaped(root_generation_done(token="hvs.abcd", pad=PAD)))
    generation = RootGeneration(VaultClient(vault.address))
    assert generation.status().nonce == "theirs"
    attempt = generation.start()
    assert decoded_token(generation.submit(SHARES[0], attempt.nonce), attempt) == "hvs.abcd"
