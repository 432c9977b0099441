"""The seal transit between two real Vaults: init, unsealing after a restart, and what its preflight finds."""

import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from components.errors import DeploymentError
from components.journal.encryption import JournalError, SealKeyCipher
from components.kubernetes.kubectl import KubernetesTarget
from components.seals.seal import SecretEntry
from components.seals.transit import Seal
from components.transit.preflight import prove_seal
from components.vault.client import VaultClient
from sandbox.certificates import CertificateAuthority
from tests.integration.free_ports import free_ports
from tests.integration.vault_servers import VaultServer, VaultServers, vault_servers, wait_until
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import CIPHER
from tests.unit.fakes.redirecting_server import redirecting_server
from tests.unit.fakes.transit_pod import pod as pod_objects

KEY = "autounseal"
POLICY = f"""
path "transit/encrypt/{KEY}" {{ capabilities = ["update"] }}
path "transit/decrypt/{KEY}" {{ capabilities = ["update"] }}
"""
ENCRYPT_ONLY = f'path "transit/encrypt/{KEY}" {{ capabilities = ["update"] }}'
NAME_IN_CERTIFICATE = "other-vault.example.com"
DEPLOYMENT = "cluster-uid/vault/vault"


@dataclass(frozen=True)
class Tls:
    """A TLS listener of the other Vault, and who vouches for it."""

    address: str
    authority: Path


@dataclass(frozen=True)
class OtherVault:
    """The Vault with the key."""

    server: VaultServer
    client: Any
    tls: Tls

    def token(self, policy: str = POLICY, **options: Any) -> str:
        """A new token with that policy."""
        self.client.sys.create_or_update_policy("autounseal", policy)
        options = {"period": "24h", "no_parent": True, **options}
        created = self.client.auth.token.create(policies=["autounseal"], **options)
        return str(created["auth"]["client_token"])

    def revoke(self, token: str) -> None:
        self.client.auth.token.revoke(token)

    @property
    def seal(self) -> Seal:
        """The settings that lead to it."""
        return Seal(
            address=self.server.address,
            key_name=KEY,
            mount="transit",
            namespace="",
            token=SecretEntry("vault-transit-token", "token"),
            ca=None,
            server_name="",
        )


@pytest.fixture(scope="module")
def other(vault_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherVault]:
    """Unsealed, with a transit engine and the key in it."""
    folder = tmp_path_factory.mktemp("other")
    authority = CertificateAuthority.load_or_create(folder / "tls", "authority")
    issued = authority.issue("other", NAME_IN_CERTIFICATE, names=[NAME_IN_CERTIFICATE])
    (port,) = free_ports(1)
    listener = f"""
        listener "tcp" {{
          address = "127.0.0.1:{port}"
          tls_cert_file = "{issued.certificate}"
          tls_key_file = "{issued.key}"
        }}"""
    with vault_servers(vault_program, folder, replicas=1, seal=None, more_configuration=listener) as servers:
        client = VaultClient(servers[0].address)
        answer = client.initialize(shares=1, threshold=1, recovery=False)
        client.submit_key_share(answer.key_shares[0])
        wait_until("the other Vault is active", 30, servers[0].is_active)
        root = servers[0].client(answer.root_token)
        root.sys.enable_secrets_engine("transit")
        root.secrets.transit.create_key(name=KEY)
        tls = Tls(f"https://127.0.0.1:{port}", authority.certificate)
        yield OtherVault(servers[0], root, tls)


@dataclass
class Pod:
    """Vault as it runs in pod 0, and the kubectl that leads to it."""

    program: Path
    folder: Path
    seal: Seal
    token: str
    ca_file: str = ""
    state: Mapping[str, Any] = field(default_factory=lambda: {"running": {}})
    last_state: Mapping[str, Any] | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """As the chart makes it: the token comes from the Secret, the address is the pod's own.

        Nothing listens at this one, so a seal that took it instead of its stanza's would fail.
        """
        return {"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": self.token}

    @property
    def kubectl(self) -> str:
        """A script in kubectl's place; the command runs in the container's environment and no other."""
        objects = pod_objects(self.state, last_state=self.last_state)
        variables = shlex.join(f"{name}={value}" for name, value in self.environment.items())
        return f"""
            printf '%s\\n' "$*" >> '{self.folder}/calls'
            case " $* " in
            *" get statefulset,pod "*) echo {shlex.quote(objects)};;
            *" get events "*) echo '{{"items": []}}';;
            *" logs vault-0 "*"--previous"*) exit 1;;
            *" logs vault-0 "*) exec /usr/bin/tail -n 15 '{self.folder}/vault-0/log';;
            *" exec vault-0 --container=vault "*)
              while [ "$1" != -- ]; do shift; done
              shift
              /usr/bin/env -i HOME='{self.folder}' PATH='{self.program.parent}:/usr/bin' {variables} "$@"
              status=$?
              [ $status = 0 ] || echo "command terminated with exit code $status" >&2
              exit $status;;
            *) exit 1;;
            esac"""

    @property
    def calls(self) -> str:
        return (self.folder / "calls").read_text()

    def prove(self, seconds: float = 5) -> SealKeyCipher:
        """The preflight."""
        properties = {
            "pod": "vault-0",
            "pod_start_seconds": "0",
            "token_secret": self.seal.token.name,
            "token_key": self.seal.token.key,
            "address": self.seal.address,
            "mount": self.seal.mount,
            "key_name": self.seal.key_name,
            "namespace": "",
            "ca_file": self.ca_file,
            "server_name": self.seal.server_name,
        }
        key = prove_seal(
            properties, KubernetesTarget(kubeconfig="", context="here", namespace="vault"), seconds
        )
        return SealKeyCipher(key, CIPHER)

    def refused(self, seconds: float = 0) -> str:
        """What a person reads of a preflight that fails."""
        with pytest.raises(DeploymentError) as raised:
            self.prove(seconds)
        said = str(raised.value)
        assert self.token not in said
        assert "in pod vault-0 didn't succeed; this run has initialised nothing" in said
        return said

    def servers(self) -> Any:
        """Vault itself, with the stanza of the seal; the CA lies elsewhere than in the container."""
        stanza = self.seal.stanza()
        if self.ca_file:
            parameters = {**stanza.parameters, "tls_ca_cert": self.ca_file}
            stanza = replace(stanza, parameters=parameters)
        return vault_servers(
            self.program,
            self.folder,
            replicas=1,
            seal=stanza,
            environment=self.environment,
        )


MakePod = Callable[..., Pod]


@pytest.fixture
def make_pod(
    vault_program: Path, tmp_path: Path, other: OtherVault, monkeypatch: pytest.MonkeyPatch
) -> MakePod:
    """A function that makes pod 0 with a token, and puts its kubectl on PATH."""

    def make(token: str, **changes: Any) -> Pod:
        pod = Pod(vault_program, tmp_path, other.seal, token, **changes)
        only_commands(monkeypatch, tmp_path / "commands", kubectl=pod.kubectl)
        return pod

    return make


def initialise(servers: VaultServers) -> str:
    """Returns the root token of a Vault that has unsealed itself."""
    answer = VaultClient(servers[0].address).initialize(shares=5, threshold=3, recovery=True)
    wait_until("vault-0 is active", 30, servers[0].is_active)
    return answer.root_token


def test_vault_unseals_itself_after_a_restart(other: OtherVault, make_pod: MakePod) -> None:
    pod = make_pod(other.token())
    with pod.servers() as servers:
        status = VaultClient(servers[0].address).seal_status()
        assert (status.seal_type, status.initialized, status.recovery_seal) == ("transit", False, True)
        root = initialise(servers)
        servers[0].client(root).sys.enable_secrets_engine("kv", "kept")
        servers.kill()
        servers.start()
        wait_until("vault-0 is active again", 30, servers[0].is_active)
        # The chart's readiness probe has the token of the other Vault in its environment.
        probe = [str(pod.program), "status", f"-address={servers[0].address}"]
        environment = {**pod.environment, "HOME": str(pod.folder)}
        assert subprocess.run(probe, env=environment, capture_output=True).returncode == 0
        assert "kept/" in servers[0].client(root).sys.list_mounted_secrets_engines()["data"]


def test_tls_with_a_ca_and_a_server_name_of_its_own(other: OtherVault, make_pod: MakePod) -> None:
    pod = make_pod(other.token())
    pod.seal = replace(other.seal, address=other.tls.address)
    assert "The other Vault's certificate isn't trusted" in pod.refused()
    pod.ca_file = str(other.tls.authority)
    assert "The other Vault's certificate isn't trusted" in pod.refused()
    pod.seal = replace(pod.seal, server_name=NAME_IN_CERTIFICATE)
    pod.prove()
    with pod.servers() as servers:
        initialise(servers)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_redirect_is_not_followed(make_pod: MakePod, other: OtherVault, status: int) -> None:
    pod = make_pod(other.token())
    with redirecting_server(status) as server:
        pod.seal = replace(other.seal, address=server.address)
        assert "redirects, which isn't followed" in pod.refused()
        assert server.arrived == []


def test_voters_join_with_the_token_in_their_environment(
    vault_program: Path, tmp_path: Path, other: OtherVault
) -> None:
    environment = {"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": other.token()}
    with vault_servers(
        vault_program, tmp_path, replicas=3, seal=other.seal.stanza(), environment=environment
    ) as servers:
        client = servers[0].client(initialise(servers))

        def voters() -> int:
            peers = client.sys.read_raft_config()["data"]["config"]["servers"]
            return len([peer for peer in peers if peer["voter"]])

        wait_until("three voters", 60, lambda: voters() == 3)


def test_revoked_token_keeps_a_vault_sealed_until_it_is_replaced(
    other: OtherVault, make_pod: MakePod
) -> None:
    token = other.token()
    pod = make_pod(token)
    with pod.servers() as servers:
        initialise(servers)
        pod.prove()
        other.revoke(token)
        assert "invalid token" in pod.refused()
        servers.kill()
        servers.start()
        assert "error parsing Seal configuration" in servers[0].log.read_text()
        with pytest.raises(requests.ConnectionError):
            servers[0].is_active()
        pod.token = other.token()
        servers[0].environment = pod.environment
        servers[0].start()
        wait_until("vault-0 is active again", 30, servers[0].is_active)


def test_preflight_proves_both_directions_and_makes_a_journal_key(
    other: OtherVault, make_pod: MakePod
) -> None:
    token = other.token()
    pod = make_pod(token)
    cipher = pod.prove()
    key = cipher.prepare(DEPLOYMENT)
    assert key.header["cipher"] == "vault-transit"
    assert key.header["wrapped_key"].startswith("vault:v1:")
    again = make_pod(other.token()).prove().open(key.header, DEPLOYMENT)
    assert again.decrypt(key.encrypt(b"shares")) == b"shares"
    assert token not in pod.calls
    with pytest.raises(JournalError, match="and the seal's key is"):
        cipher.open({**key.header, "key": "https://elsewhere/v1/transit/keys/x"}, DEPLOYMENT)


def test_right_to_decrypt_that_vault_misses_only_after_its_init(other: OtherVault, make_pod: MakePod) -> None:
    said = make_pod(other.token(ENCRYPT_ONLY)).refused(seconds=60)
    assert "vault write transit/decrypt/autounseal in pod vault-0 failed" in said
    assert "Code: 403. Errors: * 1 error occurred: * permission denied" in said
    assert f'path "transit/decrypt/{KEY}" {{ capabilities = ["update"] }}' in said


def test_pod_whose_token_may_not_encrypt_says_why_it_does_not_start(
    other: OtherVault, make_pod: MakePod
) -> None:
    crashed = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    pod = make_pod(other.token('path "x" { capabilities = ["read"] }'), state=crashed, last_state=ended)
    with pod.servers():
        said = pod.refused()
    assert "The start of Vault in pod vault-0 failed: it doesn't run: CrashLoopBackOff: back-off 10s" in said
    assert "error parsing Seal configuration: Error making API request" in said
    assert f'path "transit/encrypt/{KEY}" {{ capabilities = ["update"] }}' in said


def test_other_vault_that_is_sealed(other: OtherVault, make_pod: MakePod, tmp_path: Path) -> None:
    pod = make_pod(other.token())
    with vault_servers(pod.program, tmp_path / "sealed", replicas=1, seal=None) as servers:
        VaultClient(servers[0].address).initialize(shares=1, threshold=1, recovery=False)
        pod.seal = replace(other.seal, address=servers[0].address)
        assert "Unseal the other Vault first" in pod.refused()


def test_other_vault_that_cannot_be_reached(other: OtherVault, make_pod: MakePod) -> None:
    pod = make_pod(other.token())
    pod.seal = replace(other.seal, address="http://127.0.0.1:1")
    said = pod.refused()
    assert "connection refused" in said
    assert "Check that the pods reach http://127.0.0.1:1." in said


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ({}, None),
        ({"period": None, "ttl": "1h", "renewable": False}, "can't be renewed and ends 2"),
        ({"period": None, "ttl": "1h"}, "isn't periodic: it ends for good after"),
        ({"explicit_max_ttl": "2h"}, "ends for good 7200 s after it was made"),
        ({"no_parent": False}, "ends with the token that made it (orphan false)"),
        ({"no_default_policy": True}, "the lifetime of the other Vault's token is unknown"),
    ],
    ids=["periodic-orphan", "not-renewable", "not-periodic", "max-ttl", "child", "no-lookup"],
)
def test_what_will_end_the_token(
    other: OtherVault,
    make_pod: MakePod,
    options: Mapping[str, Any],
    warning: str | None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    make_pod(other.token(**options)).prove()
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Warning:")]
    if warning is None:
        assert said == []
    else:
        assert len(said) == 1
        assert warning in said[0]


def test_root_token_is_named_as_too_mighty(
    other: OtherVault, make_pod: MakePod, capfd: pytest.CaptureFixture[str]
) -> None:
    make_pod(other.client.token).prove()
    assert "token never ends (policies root)" in capfd.readouterr().err


def test_token_that_may_end_within_the_init(other: OtherVault, make_pod: MakePod) -> None:
    said = make_pod(other.token(period=None, ttl="1h", num_uses=20)).refused(seconds=60)
    assert "may be used only a few times more (num_uses)" in said
