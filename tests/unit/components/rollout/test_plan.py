"""The next pod and what is in its way follow from what Kubernetes and Vault say of all."""

from dataclasses import replace

import pytest

from components.rollout.plan import ObservedPods, WantedPods, described, disagreement, replacement_order
from components.rollout.pods import RolloutPod
from components.vault.stateful_set import PodOrigin, Server
from tests.unit.fakes.rolling_pods import NEW, OLD, asked, server

WANTED = WantedPods(image=NEW.image, configuration=NEW.configuration, chart="0.29.1")


def pods(*servers: Server, leader: int = 0) -> list[RolloutPod]:
    return [asked(one, leads=one.ordinal == leader, sealed=not one.ready) for one in servers]


def observed(*servers: Server, leader: int = 0, ill: frozenset[str] = frozenset()) -> ObservedPods:
    return ObservedPods(pods(*servers, leader=leader), ill)


def next_name(found: ObservedPods) -> str | None:
    return found.next.name if found.next is not None else None


def test_leader_is_last_even_if_it_is_ill() -> None:
    old = [server(ordinal, outdated=True) for ordinal in range(3)]
    assert next_name(observed(*old, leader=2)) == "vault-1"
    assert next_name(observed(*old, leader=2, ill=frozenset({"vault-2", "vault-0"}))) == "vault-0"
    assert next_name(observed(server(0), server(1), old[2], leader=2)) == "vault-2"


def test_pod_that_goes_already_isnt_removed_again() -> None:
    going = replace(server(2, outdated=True), terminating=True)
    found = observed(server(0, outdated=True), server(1), going, leader=1)
    assert next_name(found) == "vault-0"
    assert found.obstacle == "vault-2 is being deleted"


@pytest.mark.parametrize(
    ("other", "obstacle"),
    [
        (server(2), ""),
        (replace(server(2), pod_uid=""), "vault-2 isn't created yet"),
        (server(2, ready=False), "vault-2 isn't ready yet"),
    ],
)
def test_new_pod_has_to_be_ready(other: Server, obstacle: str) -> None:
    assert observed(server(0), server(1, outdated=True), other).obstacle == obstacle


def test_new_pod_has_to_serve_though_kubernetes_counts_it_as_ready() -> None:
    found = ObservedPods(
        [asked(server(0), leads=True), asked(server(1, outdated=True)), asked(server(2), sealed=True)],
        frozenset(),
    )
    assert found.obstacle == "vault-2: it is sealed"


def test_new_pod_has_to_reach_the_leader_whatever_it_calls_one() -> None:
    """A standby names the leader that its own data have, and Kubernetes counts it as ready."""
    cut = asked(server(2), alone=True)
    found = ObservedPods([asked(server(0), leads=True), asked(server(1, outdated=True)), cut], frozenset())
    assert found.obstacle == "vault-2: it has no connection to a leader"


def test_pods_without_a_leader_are_replaced_one_by_one() -> None:
    """What cut them off is mended by the new settings, and the first new pod has nobody to follow yet."""
    first = [asked(server(ordinal, outdated=True), alone=True) for ordinal in range(3)]
    ill = frozenset({"vault-0", "vault-1", "vault-2"})
    found = ObservedPods(first, ill)
    assert (next_name(found), found.obstacle) == ("vault-2", "")
    then = ObservedPods([*first[:2], asked(server(2), alone=True)], ill)
    assert (next_name(then), then.obstacle) == ("vault-1", "")
    sealed = ObservedPods([*first[:2], asked(server(2), sealed=True)], ill)
    assert sealed.obstacle == "vault-2: it is sealed"


def test_dead_pod_goes_before_one_that_may_only_be_slow() -> None:
    slow = RolloutPod(server(2, outdated=True, ready=False), None, None, "no answer")
    dead = RolloutPod(server(1, outdated=True, ready=False, running=False), None, None, "no answer")
    found = ObservedPods(
        [asked(server(0, outdated=True), leads=True), dead, slow], frozenset({"vault-1", "vault-2"})
    )
    assert next_name(found) == "vault-1"
    assert [pod.dead for pod in found.pods] == [False, True, False]
    assert [pod.name for pod in replacement_order(found.pods)] == ["vault-1", "vault-2", "vault-0"]


def test_pod_that_only_this_machine_does_not_reach_is_not_broken() -> None:
    out_of_reach = RolloutPod(server(1, outdated=True), None, None, "no answer")
    assert (out_of_reach.broken, out_of_reach.dead) == (False, False)
    found = ObservedPods([asked(server(0, outdated=True), leads=True), out_of_reach], frozenset())
    assert found.obstacle == "vault-1: no answer"


def test_outdated_pod_that_does_not_serve_is_waited_for_until_it_is_ill() -> None:
    old = server(2, outdated=True, ready=False)
    assert observed(server(0), server(1, outdated=True), old).obstacle == "vault-2: it is sealed"
    ill = observed(server(0), server(1, outdated=True), old, ill=frozenset({"vault-2"}))
    assert (next_name(ill), ill.obstacle) == ("vault-2", "")


def test_ill_pod_is_replaced_though_there_is_no_leader() -> None:
    old = [server(ordinal, outdated=True, ready=False) for ordinal in (1, 2)]
    found = observed(server(0, outdated=True), *old, leader=9, ill=frozenset({"vault-1", "vault-2"}))
    assert (next_name(found), found.obstacle) == ("vault-2", "")


def test_nothing_is_replaced_without_one_leader() -> None:
    old = [server(ordinal, outdated=True) for ordinal in range(3)]
    assert observed(*old, leader=9).obstacle == "0 pods lead instead of one"


def test_follower_that_is_far_behind_is_waited_for() -> None:
    found = [asked(server(0), leads=True, index=5000), asked(server(1), index=100)]
    assert ObservedPods(found, frozenset()).obstacle == "vault-1 is 4900 entries behind the leader"


def test_servers_of_two_clusters_are_told() -> None:
    found = [asked(server(0), leads=True), asked(server(1), cluster="other")]
    assert "belongs to another cluster" in str(disagreement(found))
    assert disagreement(found[:1]) is None


@pytest.mark.parametrize(
    ("wanted", "reasons"),
    [
        (WANTED, ["image 1.18.1 -> 1.20.4", "Vault's configuration"]),
        (
            replace(WANTED, chart="0.34.1", configuration=""),
            ["image 1.18.1 -> 1.20.4", "chart 0.29.1 -> 0.34.1"],
        ),
        (
            WantedPods(image="mirror.example:5000/vault:1.18.1", configuration="", chart=""),
            ["image hashicorp/vault:1.18.1 -> mirror.example:5000/vault:1.18.1"],
        ),
        (WantedPods(image=OLD.image, configuration=OLD.configuration, chart="0.29.1"), []),
        (WantedPods("", "", ""), []),
    ],
)  # fmt: skip
def test_reasons_are_what_differs_and_is_known(wanted: WantedPods, reasons: list[str]) -> None:
    assert wanted.reasons(OLD) == reasons


def test_pod_of_an_earlier_version_tells_less() -> None:
    assert WANTED.reasons(PodOrigin(image=NEW.image)) == ["Vault's configuration", "chart unknown -> 0.29.1"]


def test_order_in_words() -> None:
    order = replacement_order(pods(*(server(ordinal, outdated=True) for ordinal in range(3)), leader=1))
    same = {pod.name: ["image 1 -> 2", "Vault's configuration"] for pod in order}
    assert described(order, same) == (
        "vault-2, vault-0, then the leader vault-1 (image 1 -> 2, Vault's configuration)"
    )
    other = {**same, "vault-1": ["chart 1 -> 2"]}
    assert described(order[1:], other) == (
        "vault-0 (image 1 -> 2, Vault's configuration), then the leader vault-1 (chart 1 -> 2)"
    )
    assert described(order[2:], other) == "vault-1 (chart 1 -> 2)"


def test_order_begins_with_what_does_not_serve() -> None:
    found = pods(
        server(0, outdated=True, ready=False), server(1, outdated=True), server(2, outdated=True), leader=2
    )
    assert [pod.name for pod in replacement_order(found)] == ["vault-0", "vault-1", "vault-2"]
