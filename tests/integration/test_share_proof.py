"""Real Vaults asked whether shares unlock them."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from components.shares.generate_root import (
    RootGenerationRunsError,
    WrongSharesError,
    generate_root_token,
    permitted_client,
    prove_shares,
)
from components.vault.client import (
    VaultAlreadyInitializedError,
    VaultClient,
    VaultRefusedError,
    VaultUnavailableError,
)
from components.vault.root_generation import RootGeneration
from tests.built_tools import on_each_vault
from tests.integration.initialised_vault import SEALS, InitialisedVault, initialised_vault
from tests.integration.key_service import KeyService
from tests.integration.vault_servers import vault_servers, wait_until
from tests.unit.fakes.remembered_attempts import RememberedAttempts

pytestmark = on_each_vault


@pytest.fixture(scope="module", params=SEALS)
def vault(
    request: pytest.FixtureRequest,
    vault_program: Path,
    tmp_path_factory: pytest.TempPathFactory,
    kms: KeyService,
) -> Iterator[InitialisedVault]:
    folder = tmp_path_factory.mktemp(request.param)
    with initialised_vault(vault_program, folder, request.param, kms) as initialised:
        yield initialised


def refused(vault: InitialisedVault, shares: list[str], threshold: int = 3) -> str:
    with pytest.raises(WrongSharesError) as raised:
        prove_shares(vault.client, shares, threshold, RememberedAttempts())
    assert RootGeneration(vault.client).status().started is False
    message = str(raised.value)
    assert not [share for share in shares if share in message]
    return message


def test_right_shares(vault: InitialisedVault) -> None:
    before = vault.root_accessors()
    prove_shares(vault.client, vault.shares, 3, RememberedAttempts())
    prove_shares(vault.client, vault.shares[2:], 3, RememberedAttempts())
    assert vault.root_accessors() == before
    assert RootGeneration(vault.client).status().started is False


def test_token_that_is_of_no_use_is_no_hindrance_where_none_is_wanted(vault: InitialisedVault) -> None:
    for tokens in ((), ("hvs.revoked",), (vault.answer.root_token,)):
        prove_shares(permitted_client(vault.client, tokens), vault.shares, 3, RememberedAttempts())


def test_shares_in_hexadecimal(vault: InitialisedVault) -> None:
    prove_shares(
        vault.client, [base64.b64decode(share).hex() for share in vault.shares], 3, RememberedAttempts()
    )


def test_shares_of_another_vault(vault: InitialisedVault) -> None:
    others = [base64.b64encode(bytes([number]) * 33).decode() for number in range(1, 6)]
    assert "The shares don't unlock this Vault" in refused(vault, others)
    # One wrong among right ones.
    assert "The shares don't unlock this Vault" in refused(vault, [*vault.shares[:2], others[0]])


@pytest.mark.parametrize("odd", ["no base64!", "c2hvcnQ=", base64.b64encode(b"x" * 99).decode()])
def test_texts_that_are_no_shares(vault: InitialisedVault, odd: str) -> None:
    assert "The shares don't unlock this Vault" in refused(vault, [*vault.shares[:2], odd])


def test_shares_too_few_or_of_another_threshold(vault: InitialisedVault) -> None:
    assert "2 shares are given" in refused(vault, list(vault.shares[:2]))
    assert "needs 3 shares" in refused(vault, list(vault.shares), threshold=2)


def test_root_token_works_until_it_is_revoked(vault: InitialisedVault) -> None:
    token = generate_root_token(vault.client, vault.shares, 3)
    client = VaultClient(vault.address, token)
    assert client.token_valid() is True
    lookup = vault.servers[0].client(token).auth.token.lookup_self()["data"]
    assert lookup["policies"] == ["root"]
    client.revoke_own_token()
    assert client.token_valid() is False
    assert VaultClient(vault.address, vault.answer.root_token).token_valid() is True


def test_attempt_of_somebody_else_is_left_alone(vault: InitialisedVault) -> None:
    generation = RootGeneration(vault.client)
    attempt = generation.start()
    try:
        with pytest.raises(RootGenerationRunsError, match="vault operator generate-root -cancel"):
            prove_shares(vault.client, vault.shares, 3, RememberedAttempts())
        assert generation.status().nonce == attempt.nonce
    finally:
        generation.cancel()
    prove_shares(vault.client, vault.shares, 3, RememberedAttempts())


def test_interrupted_proof_leaves_no_attempt(
    vault: InitialisedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = RootGeneration.submit

    def interrupted(generation: RootGeneration, share: str, nonce: str) -> object:
        if share == vault.shares[1]:
            raise KeyboardInterrupt
        return submit(generation, share, nonce)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(RootGeneration, "submit", interrupted)
        prove_shares(vault.client, vault.shares, 3, RememberedAttempts())
    assert RootGeneration(vault.client).status().started is False


def test_second_init(vault: InitialisedVault) -> None:
    with pytest.raises(VaultAlreadyInitializedError, match="Vault is already initialized"):
        vault.client.initialize(shares=1, threshold=1, recovery=vault.recovery)


def test_leader(vault: InitialisedVault) -> None:
    leader = vault.client.leader()
    assert (leader.ha_enabled, leader.is_self, leader.leader_address) == (True, True, vault.address)
    assert leader.raft_committed_index >= leader.raft_applied_index > 0


def test_key_service_that_denies_is_no_verdict_on_the_shares(
    vault_program: Path, tmp_path: Path, kms: KeyService
) -> None:
    with initialised_vault(vault_program, tmp_path, "awskms", kms) as vault:
        kms.denied.add("Decrypt")
        try:
            with pytest.raises((VaultRefusedError, VaultUnavailableError), match="kms:Decrypt"):
                prove_shares(vault.client, vault.shares, 3, RememberedAttempts())
        finally:
            kms.denied.clear()
        prove_shares(vault.client, vault.shares, 3, RememberedAttempts())


def test_vault_that_is_not_ready_yet(vault_program: Path, tmp_path: Path) -> None:
    with vault_servers(vault_program, tmp_path, replicas=1, seal=None) as servers:
        client = VaultClient(servers[0].address)
        with pytest.raises(VaultUnavailableError):
            prove_shares(client, ["c2hhcmU="], 1, RememberedAttempts())
        answer = client.initialize(shares=1, threshold=1, recovery=False)
        with pytest.raises(VaultUnavailableError):
            prove_shares(client, answer.key_shares, 1, RememberedAttempts())
        with pytest.raises(VaultUnavailableError, match="Vault is sealed"):
            client.leader()
        client.submit_key_share(answer.key_shares[0])
        # Until there is a leader, every try says that another one may help.
        wait_until("the shares are proved", 30, lambda: proved(client, answer.key_shares))


def proved(client: VaultClient, shares: Sequence[str]) -> bool:
    try:
        prove_shares(client, shares, 1, RememberedAttempts())
    except VaultUnavailableError:
        return False
    return True
