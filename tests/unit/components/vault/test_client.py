"""How Vault's answers become values and errors."""

from collections.abc import Callable
from pathlib import Path

import pytest

from components.errors import DeploymentError
from components.vault.answers import Leader, RaftPeer
from components.vault.client import (
    VaultAlreadyInitializedError,
    VaultClient,
    VaultRefusedError,
    VaultUnavailableError,
    VaultUnreachableError,
)
from sandbox.certificates import CertificateAuthority
from tests.unit.fakes.scripted_vault import (
    AUTOPILOT_STATE,
    INIT,
    LEADER,
    LOOKUP_SELF,
    REVOKE_SELF,
    ROOT_TOKEN,
    SEAL_STATUS,
    SHARES,
    START_ROOT,
    STEP_DOWN,
    UNSEAL,
    Answer,
    ScriptedVault,
    error,
    init_answer,
    no_content,
    seal_status,
    serve_scripted_vault,
)


def test_seal_status_before_init(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    status = VaultClient(vault.address).seal_status()
    assert (status.seal_type, status.initialized, status.sealed) == ("awskms", False, True)
    assert (status.recovery_seal, status.version, status.cluster_id) == (True, "1.18.1", "")


def test_seal_status_of_shamir(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir", initialized=True, sealed=False, cluster_id="7d"))
    status = VaultClient(vault.address).seal_status()
    assert (status.recovery_seal, status.initialized, status.sealed) == (False, True, False)
    assert status.cluster_id == "7d"


def test_seal_status_without_what_older_versions_do_not_tell(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, Answer({"type": "shamir", "initialized": False, "sealed": True}))
    status = VaultClient(vault.address).seal_status()
    assert (status.recovery_seal, status.migration) == (False, False)
    assert (status.version, status.cluster_id) == ("", "")


def test_init_with_recovery_shares_sends_no_other_kind(vault: ScriptedVault) -> None:
    vault.answers(INIT, init_answer(recovery=True))
    answer = VaultClient(vault.address).initialize(shares=5, threshold=3, recovery=True)
    (request,) = vault.requests
    assert request.body == {"recovery_shares": 5, "recovery_threshold": 3}
    assert answer.root_token == ROOT_TOKEN
    assert (list(answer.recovery_shares), list(answer.key_shares)) == (SHARES, [])


def test_init_with_key_shares_sends_no_other_kind(vault: ScriptedVault) -> None:
    vault.answers(INIT, init_answer(recovery=False))
    answer = VaultClient(vault.address).initialize(shares=5, threshold=3, recovery=False)
    (request,) = vault.requests
    assert request.body == {"secret_shares": 5, "secret_threshold": 3}
    assert (list(answer.recovery_shares), list(answer.key_shares)) == ([], SHARES)


@pytest.mark.parametrize(
    ("recovery", "name"), [(True, "recovery_pgp_keys"), (False, "pgp_keys")], ids=["recovery", "key"]
)
def test_init_with_pgp_keys(vault: ScriptedVault, recovery: bool, name: str) -> None:
    vault.answers(INIT, init_answer(recovery=recovery))
    VaultClient(vault.address).initialize(
        shares=2, threshold=2, recovery=recovery, pgp_keys=("b25l", "dHdv"), root_token_pgp_key="cm9vdA=="
    )
    sent = vault.requests[0].body
    assert sent[name] == ["b25l", "dHdv"]
    assert sent["root_token_pgp_key"] == "cm9vdA=="
    assert len(sent) == 4


def test_init_of_an_initialised_vault(vault: ScriptedVault) -> None:
    vault.answers(INIT, error(400, "Vault is already initialized"))
    with pytest.raises(VaultAlreadyInitializedError, match="already initialized"):
        VaultClient(vault.address).initialize(shares=5, threshold=3, recovery=True)


def test_key_share_is_handed_over_without_a_token(vault: ScriptedVault) -> None:
    vault.answers(UNSEAL, seal_status("shamir", initialized=True, sealed=False))
    VaultClient(vault.address).submit_key_share(SHARES[0])
    (request,) = vault.requests
    assert request.body["key"] == SHARES[0]
    assert request.token == ""


def test_users_own_token_is_not_sent(vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "hvs.of-another-vault")
    vault.answers(SEAL_STATUS, seal_status())
    vault.answers(INIT, init_answer(recovery=True))
    client = VaultClient(vault.address)
    client.seal_status()
    client.initialize(shares=5, threshold=3, recovery=True)
    assert {request.token for request in vault.requests} == {""}


def test_proxy_of_the_environment_is_not_asked_for_a_tunnel(
    vault: ScriptedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    vault.answers(SEAL_STATUS, seal_status())
    assert VaultClient(vault.address).seal_status().version == "1.18.1"


def test_token_that_vault_knows(vault: ScriptedVault) -> None:
    vault.answers(LOOKUP_SELF, Answer({"data": {"id": ROOT_TOKEN}}))
    assert VaultClient(vault.address, ROOT_TOKEN).token_valid() is True
    assert vault.requests[0].token == ROOT_TOKEN


def test_token_that_vault_does_not_know(vault: ScriptedVault) -> None:
    vault.answers(LOOKUP_SELF, error(403, "permission denied"))
    assert VaultClient(vault.address, ROOT_TOKEN).token_valid() is False


def test_without_a_token_none_is_valid(vault: ScriptedVault) -> None:
    assert VaultClient(vault.address).token_valid() is False
    assert vault.requests == []


def test_token_that_a_sealed_vault_cannot_judge(vault: ScriptedVault) -> None:
    vault.answers(LOOKUP_SELF, error(503, "Vault is sealed"))
    with pytest.raises(VaultUnavailableError, match="Vault is sealed"):
        VaultClient(vault.address, ROOT_TOKEN).token_valid()


def test_revocation(vault: ScriptedVault) -> None:
    vault.answers(REVOKE_SELF, no_content())
    VaultClient(vault.address).with_token(ROOT_TOKEN).revoke_own_token()
    assert [request.token for request in vault.asked(REVOKE_SELF)] == [ROOT_TOKEN]


def test_leader(vault: ScriptedVault) -> None:
    vault.answers(
        LEADER,
        Answer(
            {
                "ha_enabled": True,
                "is_self": False,
                "leader_address": "http://10.0.0.7:8200",
                "raft_committed_index": 41,
                "raft_applied_index": 40,
            }
        ),
    )
    assert VaultClient(vault.address).leader() == Leader(
        ha_enabled=True,
        is_self=False,
        leader_address="http://10.0.0.7:8200",
        raft_committed_index=41,
        raft_applied_index=40,
    )


def test_leader_that_is_not_there_yet(vault: ScriptedVault) -> None:
    vault.answers(LEADER, Answer({"ha_enabled": True, "is_self": False, "leader_address": ""}))
    leader = VaultClient(vault.address).leader()
    assert (leader.leader_address, leader.raft_committed_index, leader.raft_applied_index) == ("", 0, 0)


def test_raft_state(vault: ScriptedVault) -> None:
    def server(name: str, *, healthy: bool) -> dict[str, object]:
        return {"id": name, "address": f"{name}.vault-internal:8201", "healthy": healthy}

    vault.answers(
        AUTOPILOT_STATE,
        Answer(
            {
                "data": {
                    "healthy": False,
                    "leader": "vault-0",
                    "voters": ["vault-0"],
                    "servers": {
                        "vault-1": server("vault-1", healthy=False),
                        "vault-0": server("vault-0", healthy=True),
                    },
                }
            }
        ),
    )
    state = VaultClient(vault.address, ROOT_TOKEN).raft_state()
    assert state.healthy is False
    assert list(state.peers) == [
        RaftPeer("vault-0", "vault-0.vault-internal:8201", leader=True, voter=True, healthy=True),
        RaftPeer("vault-1", "vault-1.vault-internal:8201", leader=False, voter=False, healthy=False),
    ]
    assert vault.requests[0].token == ROOT_TOKEN
    assert state.peers[0].to_properties() == {
        "node_id": "vault-0",
        "address": "vault-0.vault-internal:8201",
        "leader": True,
        "voter": True,
        "healthy": True,
    }


@pytest.mark.parametrize("servers", [None, {}])
def test_raft_state_before_the_first_round(vault: ScriptedVault, servers: object) -> None:
    vault.answers(AUTOPILOT_STATE, Answer({"data": {"servers": servers, "voters": None}}))
    state = VaultClient(vault.address, ROOT_TOKEN).raft_state()
    assert (list(state.peers), state.healthy) == ([], False)


def test_autopilot_without_a_state(vault: ScriptedVault) -> None:
    vault.answers(AUTOPILOT_STATE, error(404))
    with pytest.raises(VaultUnavailableError, match="no state yet"):
        VaultClient(vault.address, ROOT_TOKEN).raft_state()


@pytest.mark.parametrize("status", [429, 500, 501, 502, 503])
def test_answers_that_are_worth_another_try(vault: ScriptedVault, status: int) -> None:
    said = "barrier reports initialized but no seal configuration found"
    vault.answers(INIT, error(status, said))
    with pytest.raises(VaultUnavailableError, match=said):
        VaultClient(vault.address).initialize(shares=5, threshold=3, recovery=True)


@pytest.mark.parametrize("status", [400, 403])
def test_answers_that_stay_the_same(vault: ScriptedVault, status: int) -> None:
    vault.answers(INIT, error(status, "not applicable to seal type awskms"))
    with pytest.raises(VaultRefusedError, match="not applicable to seal type awskms"):
        VaultClient(vault.address).initialize(shares=5, threshold=3, recovery=False)


@pytest.mark.parametrize(
    "said",
    [
        "Vault is in standby mode",
        "Vault is sealed",
        "server is not yet initialized",
        "Vault is not initialized",
    ],
)
def test_passing_states_that_vault_calls_wrong_requests(vault: ScriptedVault, said: str) -> None:
    vault.answers(UNSEAL, error(400, said))
    with pytest.raises(VaultUnavailableError, match=said):
        VaultClient(vault.address).submit_key_share(SHARES[0])


CALLS: dict[str, Callable[[VaultClient], object]] = {
    SEAL_STATUS: lambda client: client.seal_status(),
    INIT: lambda client: client.initialize(shares=5, threshold=3, recovery=True),
    UNSEAL: lambda client: client.submit_key_share(SHARES[0]),
    STEP_DOWN: lambda client: client.step_down(),
    LOOKUP_SELF: lambda client: client.token_valid(),
    REVOKE_SELF: lambda client: client.revoke_own_token(),
    LEADER: lambda client: client.leader(),
    AUTOPILOT_STATE: lambda client: client.raft_state(),
    START_ROOT: lambda client: client.request("PUT", "sys/generate-root/attempt", {}),
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", CALLS)
def test_redirect_is_not_followed(vault: ScriptedVault, call: str, status: int) -> None:
    method, path = call.split()
    with serve_scripted_vault() as elsewhere:
        for any_method in (method, "GET"):
            elsewhere.answers(f"{any_method} {path}", Answer({"data": {}, "type": "shamir"}))
        vault.answers(call, Answer({}, status, location=f"{elsewhere.address}{path}?token=secret"))
        with pytest.raises(DeploymentError) as raised:
            CALLS[call](VaultClient(vault.address, ROOT_TOKEN))
        assert elsewhere.requests == []
    # Vault's own standby answers 307 while it can't reach the leader.
    assert isinstance(raised.value, VaultUnavailableError if status == 307 else VaultRefusedError)
    assert f"to {elsewhere.address}{path} (status {status})" in str(raised.value)
    assert "set podAddress to an address that answers itself" in str(raised.value)
    assert ROOT_TOKEN not in str(raised.value)


@pytest.mark.parametrize("answer", [Answer({}, 202), Answer({"errors": []}, 200), no_content()])
def test_status_without_a_seal_is_not_vaults(vault: ScriptedVault, answer: Answer) -> None:
    vault.answers(SEAL_STATUS, answer)
    with pytest.raises(VaultRefusedError, match="isn't Vault; check podAddress"):
        VaultClient(vault.address).seal_status()


def test_something_else_than_vault_answers(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, Answer({"message": "It works!"}))
    with pytest.raises(VaultRefusedError, match="isn't Vault; check podAddress"):
        VaultClient(vault.address).seal_status()


def test_no_connection_names_no_request() -> None:
    # Nothing listens on the discard port.
    client = VaultClient("http://127.0.0.1:9", ROOT_TOKEN)
    with pytest.raises(VaultUnreachableError) as raised:
        client.submit_key_share(SHARES[0])
    assert str(raised.value) == "no answer from Vault: ConnectionError"
    assert isinstance(raised.value, VaultUnavailableError)


@pytest.mark.parametrize("trusted", [True, False])
def test_ca_of_the_server_has_to_be_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trusted: bool
) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    other = CertificateAuthority.load_or_create(tmp_path, "other")
    # Neither is asked: the settings name the CA.
    monkeypatch.setenv("VAULT_CACERT", str(authority.certificate))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str((other if trusted else authority).certificate))
    with serve_scripted_vault(authority) as vault:
        vault.answers(SEAL_STATUS, seal_status())
        ca_file = str((authority if trusted else other).certificate)
        client = VaultClient(vault.address, ROOT_TOKEN, ca_file)
        if trusted:
            assert client.seal_status().version == "1.18.1"
            return
        with pytest.raises(VaultUnreachableError, match=r"isn't trusted \(podAddressCaFile\)"):
            client.seal_status()
        assert vault.requests == []


def test_ca_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultRefusedError, match=r"podAddressCaFile.*ca\.pem"):
        VaultClient("https://127.0.0.1:9", ca_file=str(tmp_path / "ca.pem")).seal_status()
