"""The proof of the keys holds for a Vault's own shares, and fails for any others."""

import base64
from pathlib import Path

import pytest

from tests.end_to_end.faults.key_proof import decode_token, prove_by_generate_root
from tests.integration.vault_servers import vault_servers


def test_only_the_own_shares_prove_anything(vault_program: Path, tmp_path: Path) -> None:
    with vault_servers(vault_program, tmp_path, replicas=1, seal=None) as servers:
        client = servers[0].client()
        answer = client.sys.initialize(secret_shares=3, secret_threshold=2)
        shares = answer["keys_base64"]
        client.sys.submit_unseal_keys(shares[:2])
        prove_by_generate_root([servers[0].address], shares, 2)
        # Nothing is left of it: it can be done again.
        prove_by_generate_root([servers[0].address], shares[:2], 2)
        assert client.sys.read_root_generation_progress()["started"] is False
        with pytest.raises(AssertionError, match="1 shares, and 2 are needed"):
            prove_by_generate_root([servers[0].address], shares[:1], 2)
        others = [base64.b64encode(base64.b64decode(share)[::-1]).decode() for share in shares]
        with pytest.raises(AssertionError, match="generate-root/update: 400"):
            prove_by_generate_root([servers[0].address], others, 2)


def test_the_token_is_decoded() -> None:
    pad, token = "abcdefgh", "hvs.1234"
    sealed = bytes(left ^ right for left, right in zip(pad.encode(), token.encode(), strict=True))
    assert decode_token(base64.b64encode(sealed).decode().rstrip("="), pad) == token
