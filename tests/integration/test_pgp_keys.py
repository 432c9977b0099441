"""What the checks of PGP keys let pass, a real Vault takes, and the holder can decrypt."""

import base64
from collections.abc import Sequence
from pathlib import Path

import pysequoia
import pytest

from components.custody.pgp_keys import PgpKeyError, load_public_key
from components.shares.generate_root import prove_shares
from components.vault.client import VaultClient, VaultRefusedError
from tests.built_tools import OLDER_VAULT
from tests.integration.vault_servers import vault_servers, wait_until
from tests.unit.fakes.remembered_attempts import RememberedAttempts

SUITES = ("Cv25519", "P256", "P384", "P521", "RSA2k")


def holder(suite: str) -> pysequoia.Tsk:
    return pysequoia.Tsk.generate(
        user_id=f"Holder <{suite}@example.com>",
        profile=pysequoia.Profile.RFC4880,
        cipher_suite=getattr(pysequoia.CipherSuite, suite),
    )


def public_keys(holders: Sequence[pysequoia.Tsk]) -> Sequence[str]:
    return [load_public_key(str(secret.extract_certificate())).base64 for secret in holders]


def decrypted(message: str, secret: pysequoia.Tsk) -> str:
    content = pysequoia.decrypt(base64.b64decode(message), decryptor=secret.decryptor()).bytes
    assert content is not None
    return content.decode()


def test_shares_and_root_token_are_for_their_holders(vault_program: Path, tmp_path: Path) -> None:
    holders = [holder(suite) for suite in SUITES]
    root_holder = holder("Cv25519")
    with vault_servers(vault_program, tmp_path, replicas=1, seal=None) as servers:
        client = VaultClient(servers[0].address)
        answer = client.initialize(
            shares=len(holders),
            threshold=3,
            recovery=False,
            pgp_keys=public_keys(holders),
            root_token_pgp_key=public_keys([root_holder])[0],
        )
        shares = [
            decrypted(message, secret) for message, secret in zip(answer.key_shares, holders, strict=True)
        ]
        for share in shares[:3]:
            client.submit_key_share(share)
        wait_until("vault-0 is active", 30, servers[0].is_active)
        prove_shares(client, shares[2:], 3, RememberedAttempts())
        token = decrypted(answer.root_token, root_holder)
        assert VaultClient(servers[0].address, token).token_valid() is True
        assert not [plain for plain in (token, *shares) if plain in servers[0].log.read_text()]


def test_one_key_a_share(vault_program: Path, tmp_path: Path) -> None:
    with vault_servers(vault_program, tmp_path, replicas=1, seal=None) as servers:
        client = VaultClient(servers[0].address)
        with pytest.raises(VaultRefusedError):
            client.initialize(shares=2, threshold=2, recovery=False, pgp_keys=public_keys([holder("P256")]))
        assert client.seal_status().initialized is False


@pytest.mark.parametrize("vault_program", [OLDER_VAULT], indirect=True)
def test_kind_of_key_that_is_refused_beforehand(vault_program: Path, tmp_path: Path) -> None:
    unreadable = pysequoia.Tsk.generate(
        user_id="New",
        profile=pysequoia.Profile.RFC4880,
        encryption_algorithm=pysequoia.EncryptionAlgorithm.X25519,
    ).extract_certificate()
    with pytest.raises(PgpKeyError, match="X25519, which Vault can't read"):
        load_public_key(str(unreadable))
    key = base64.b64encode(bytes(unreadable)).decode()
    with vault_servers(vault_program, tmp_path, replicas=1, seal=None) as servers:
        client = VaultClient(servers[0].address)
        with pytest.raises(VaultRefusedError, match="error parsing given PGP key"):
            client.initialize(shares=1, threshold=1, recovery=False, pgp_keys=[key])
