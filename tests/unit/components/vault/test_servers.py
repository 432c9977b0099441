"""What is verified of a cluster without a token."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from components.errors import RetryableError
from components.vault.answers import Leader, SealStatus
from components.vault.client import VaultClient, VaultUnreachableError
from components.vault.pod_access import PodAccess
from components.vault.servers import (
    MAX_TRAILING_ENTRIES,
    Leadership,
    observe_leadership,
    observe_single_server,
    require_one_cluster,
    require_one_leader,
)
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.scripted_vault import (
    LEADER,
    SEAL_STATUS,
    Answer,
    ScriptedVault,
    error,
    seal_status,
    serve_scripted_vault,
)
from tests.unit.fakes.vault_keys import UNSEALED

LEADER_ADDRESS = "http://vault-0.vault-internal:8200"
STATUS = SealStatus(
    seal_type="awskms",
    initialized=True,
    sealed=False,
    recovery_seal=True,
    version="1.18.1",
    cluster_id="7d0f",
)
FOLLOWS = Leader(
    ha_enabled=True,
    is_self=False,
    leader_address=LEADER_ADDRESS,
    raft_committed_index=5000,
    raft_applied_index=5000,
)
LEADS = replace(FOLLOWS, is_self=True)
PODS = ("vault-0", "vault-1", "vault-2")


def statuses(*of_pods: SealStatus) -> Mapping[str, SealStatus]:
    return dict(zip(PODS, of_pods, strict=True))


def leaders(*of_pods: Leader) -> Mapping[str, Leader]:
    return dict(zip(PODS, of_pods, strict=True))


def test_one_cluster() -> None:
    require_one_cluster(statuses(STATUS, STATUS, STATUS))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (statuses(STATUS, STATUS, replace(STATUS, sealed=True)), "vault-2 is sealed"),
        (
            statuses(STATUS, replace(STATUS, cluster_id="e150"), STATUS),
            r"vault-1 belongs to another cluster \(e150\) than vault-0 \(7d0f\): .* only you can tell",
        ),
    ],
)
def test_pod_outside_the_cluster_is_named(found: Mapping[str, SealStatus], why: str) -> None:
    with pytest.raises(RetryableError, match=why):
        require_one_cluster(found)


def test_one_leader_that_all_follow_is_enough() -> None:
    require_one_leader(leaders(LEADS, FOLLOWS, FOLLOWS))


def test_follower_may_be_some_entries_behind() -> None:
    behind = replace(FOLLOWS, raft_applied_index=5000 - MAX_TRAILING_ENTRIES)
    require_one_leader(leaders(LEADS, FOLLOWS, behind))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (leaders(FOLLOWS, FOLLOWS, FOLLOWS), "0 pods lead instead of one"),
        (leaders(LEADS, LEADS, FOLLOWS), "2 pods lead instead of one"),
        (
            leaders(LEADS, FOLLOWS, replace(FOLLOWS, leader_address="http://other:8200")),
            "the pods don't follow the same leader",
        ),
        (
            leaders(*(replace(leader, leader_address="") for leader in (LEADS, FOLLOWS, FOLLOWS))),
            "the pods don't follow the same leader",
        ),
        (
            leaders(LEADS, FOLLOWS, replace(FOLLOWS, raft_applied_index=3999)),
            "vault-2 is 1001 entries behind the leader",
        ),
    ],
)
def test_what_is_wrong_with_the_leader_is_told(found: Mapping[str, Leader], why: str) -> None:
    with pytest.raises(RetryableError, match=why):
        require_one_leader(found)


def test_outputs_say_nothing_that_only_a_token_can_tell() -> None:
    found = Leadership(statuses(STATUS, STATUS, STATUS), leaders(LEADS, FOLLOWS, FOLLOWS))
    assert [tuple(entry.items()) for entry in found.to_properties()] == [
        (("node_id", pod), ("address", ""), ("leader", pod == "vault-0"), ("voter", None), ("healthy", None))
        for pod in PODS
    ]


def leader_answer(*, leads: bool, applied: int) -> Answer:
    return Answer(
        {
            "ha_enabled": True,
            "is_self": leads,
            "leader_address": LEADER_ADDRESS,
            "raft_committed_index": 5000,
            "raft_applied_index": applied,
        }
    )


@pytest.fixture
def pods(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sequence[ScriptedVault]]:
    """Three Vaults, each reached by its own ordinal."""
    with contextlib.ExitStack() as stack:
        vaults = [stack.enter_context(serve_scripted_vault()) for _ in range(3)]

        @contextlib.contextmanager
        def reach(_access: PodAccess, ordinal: int) -> Iterator[VaultClient]:
            yield VaultClient(vaults[ordinal].address)

        monkeypatch.setattr(PodAccess, "reach", reach)
        yield vaults


def test_every_pod_is_asked_without_a_token(pods: Sequence[ScriptedVault]) -> None:
    for ordinal, vault in enumerate(pods):
        vault.answers(SEAL_STATUS, UNSEALED)
        vault.answers(LEADER, leader_answer(leads=ordinal == 1, applied=5000 - ordinal))
    found = observe_leadership(access(), 3)
    assert tuple(found.statuses) == tuple(found.leaders) == PODS
    assert [leader.is_self for leader in found.leaders.values()] == [False, True, False]
    assert [leader.raft_applied_index for leader in found.leaders.values()] == [5000, 4999, 4998]
    assert {request.token for vault in pods for request in vault.requests} == {""}


def test_sealed_pod_is_named(pods: Sequence[ScriptedVault]) -> None:
    for vault in pods:
        vault.answers(SEAL_STATUS, UNSEALED)
        vault.answers(LEADER, leader_answer(leads=False, applied=1))
    pods[2].answers(SEAL_STATUS, seal_status(initialized=True))
    with pytest.raises(RetryableError, match="vault-2 is sealed"):
        observe_leadership(access(), 3)


def test_pod_that_does_not_reach_the_leader_that_it_names_is_no_follower(
    pods: Sequence[ScriptedVault],
) -> None:
    for ordinal, vault in enumerate(pods):
        vault.answers(SEAL_STATUS, UNSEALED)
        vault.answers(LEADER, leader_answer(leads=ordinal == 1, applied=5000))
    alone = error(500, "local node not active but active cluster node not found")
    pods[2].answers("GET /v1/sys/internal/ui/mounts", alone)
    with pytest.raises(RetryableError, match="active cluster node not found"):
        observe_leadership(access(), 3)


def test_pod_that_cannot_be_asked_is_no_leadership() -> None:
    with pytest.raises(VaultUnreachableError):
        observe_leadership(access(), 3)


@pytest.mark.parametrize("sealed", [False, True])
def test_single_server_leads_itself_once_it_is_unsealed(vault: ScriptedVault, sealed: bool) -> None:
    vault.answers(SEAL_STATUS, seal_status("shamir", initialized=True) if sealed else UNSEALED)
    vault.answers(LEADER, Answer({"ha_enabled": False}))
    client = VaultClient(vault.address)
    if sealed:
        with pytest.raises(RetryableError, match="vault-0 is sealed"):
            observe_single_server(client, access())
        return
    found = observe_single_server(client, access())
    assert [entry["leader"] for entry in found.to_properties()] == [True]
    assert [status.sealed for status in found.statuses.values()] == [False]
