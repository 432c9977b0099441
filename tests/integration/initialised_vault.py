"""One real Vault server that is initialised and unsealed, with either kind of seal."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.seals import awskms
from components.vault.answers import InitAnswer
from components.vault.client import VaultClient
from tests.integration.key_service import REGION, KeyService
from tests.integration.vault_servers import VaultServers, vault_servers, wait_until

SEALS = ("shamir", "awskms")
SHARES = 5
THRESHOLD = 3


@dataclass(frozen=True)
class InitialisedVault:
    """The server, and what its init answered."""

    servers: VaultServers
    answer: InitAnswer
    recovery: bool
    """Whether its shares are recovery shares."""

    @property
    def address(self) -> str:
        """URL of its API."""
        return self.servers[0].address

    @property
    def client(self) -> VaultClient:
        """The program's client, without a token."""
        return VaultClient(self.address)

    @property
    def shares(self) -> Sequence[str]:
        """The shares of the init."""
        return self.answer.recovery_shares or self.answer.key_shares

    def root_accessors(self) -> Sequence[str]:
        """Accessors of the root tokens that there are."""
        client = self.servers[0].client(self.answer.root_token)
        accessors = client.list("auth/token/accessors")["data"]["keys"]
        tokens = [client.auth.token.lookup_accessor(accessor)["data"] for accessor in accessors]
        return [token["accessor"] for token in tokens if token["policies"] == ["root"]]


@contextlib.contextmanager
def initialised_vault(program: Path, folder: Path, seal: str, kms: KeyService) -> Iterator[InitialisedVault]:
    """A server with empty volumes that was initialised with five shares, of which three are needed."""
    recovery = seal == "awskms"
    with vault_servers(
        program,
        folder,
        replicas=1,
        seal=awskms.stanza(REGION, kms.key_id) if recovery else None,
        environment=kms.environment if recovery else None,
    ) as servers:
        client = VaultClient(servers[0].address)
        answer = client.initialize(shares=SHARES, threshold=THRESHOLD, recovery=recovery)
        for share in answer.key_shares[:THRESHOLD]:
            client.submit_key_share(share)
        wait_until("vault-0 is active", 30, servers[0].is_active)
        yield InitialisedVault(servers, answer, recovery)
