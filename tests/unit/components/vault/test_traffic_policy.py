"""What the NetworkPolicy of Vault's pods lets through, by the rules of Kubernetes.

The sandbox's network enforces no policy, so the rules are evaluated here as Kubernetes describes them:
https://kubernetes.io/docs/concepts/services-networking/network-policies
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from components.vault.traffic_policy import server_policy, snapshot_policy
from tests.official_chart import VERSIONS, official_rendering
from tests.unit.fakes.stack_settings import EKS, GKE, SHAMIR, parse

SERVER = {
    "app.kubernetes.io/name": "vault",
    "app.kubernetes.io/instance": "vault",
    "component": "server",
    "apps.kubernetes.io/pod-index": "0",
}
INJECTOR = {**SERVER, "app.kubernetes.io/name": "vault-agent-injector", "component": "webhook"}


@dataclass(frozen=True)
class Place:
    """One end of a connection: a pod, or an address outside of the cluster."""

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "192.0.2.1"


VAULT = Place("vault", SERVER)
OUTSIDE = Place()


def policy(stack: Mapping[str, Any], **settings: Any) -> Mapping[str, Any]:
    parsed = parse({**stack, "networkPolicy": settings})
    assert parsed.network_policy is not None
    return server_policy(parsed, parsed.network_policy)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() == {"matchLabels"}
    wanted: Mapping[str, str] = selector["matchLabels"]
    return wanted.items() <= labels.items()


def is_peer(peer: Mapping[str, Any], place: Place) -> bool:
    if "ipBlock" in peer:
        assert peer.keys() == {"ipBlock"}
        network = ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return not place.namespace and ipaddress.ip_address(place.address) in network
    if not place.namespace:
        return False
    if "namespaceSelector" in peer:
        named = {"kubernetes.io/metadata.name": place.namespace}
        return selects(peer["namespaceSelector"], named) and "podSelector" not in peer
    return place.namespace == "vault" and selects(peer["podSelector"], place.labels)


def allows(spec: Mapping[str, Any], direction: str, place: Place, port: int, protocol: str = "TCP") -> bool:
    """Return whether a rule lets the connection through; one without peers lets all of them."""
    peers = {"ingress": "from", "egress": "to"}[direction]
    return any(
        {"port": port, "protocol": protocol} in rule["ports"]
        and (peers not in rule or any(is_peer(peer, place) for peer in rule[peers]))
        for rule in spec[direction]
    )


@pytest.mark.parametrize(
    ("place", "port", "allowed"),
    [
        (VAULT, 8200, True),
        (VAULT, 8201, True),
        (Place("shop", {"app": "shop"}), 8200, True),
        (Place("shop", SERVER), 8201, False),
        (Place("other", {"app": "shop"}), 8200, False),
        (Place("other", SERVER), 8201, False),
        (Place("vault", INJECTOR), 8200, False),
        (Place("vault", {**SERVER, "app.kubernetes.io/instance": "blue"}), 8201, False),
        (Place(address="10.0.0.9"), 8200, True),
        (Place(address="10.0.0.9"), 8201, False),
        (Place(address="10.1.0.9"), 8200, False),
    ],
)
def test_who_reaches_vault(place: Place, port: int, allowed: bool) -> None:
    spec = policy(SHAMIR, clients=["shop"], clientRanges=["10.0.0.0/16"])
    assert allows(spec, "ingress", place, port) is allowed


def test_nobody_else_reaches_vault_unless_named() -> None:
    spec = policy(SHAMIR)
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert allows(spec, "ingress", VAULT, 8200)
    for place in (OUTSIDE, Place("shop"), Place("vault"), Place("kube-system")):
        assert not allows(spec, "ingress", place, 8200)


@pytest.mark.parametrize(
    ("place", "port", "protocol", "allowed"),
    [
        (VAULT, 8200, "TCP", True),
        (VAULT, 8201, "TCP", True),
        (OUTSIDE, 8200, "TCP", False),
        (Place("kube-system"), 53, "UDP", True),
        (Place(address="169.254.20.10"), 53, "TCP", True),
        (Place(address="172.20.0.1"), 443, "TCP", True),
        (Place(address="172.20.0.1"), 6443, "TCP", True),
        (OUTSIDE, 80, "TCP", False),
        (OUTSIDE, 443, "UDP", False),
        (Place(address="169.254.169.254"), 80, "TCP", False),
        (Place("data"), 5432, "TCP", False),
    ],
)
def test_whom_vault_reaches(place: Place, port: int, protocol: str, allowed: bool) -> None:
    assert allows(policy(SHAMIR), "egress", place, port, protocol) is allowed


def test_services_may_be_narrowed_to_their_addresses() -> None:
    spec = policy(EKS, serviceRanges=["10.1.0.0/24"], egress=[{"port": 5432, "ranges": ["10.2.0.0/24"]}])
    assert allows(spec, "egress", Place(address="10.1.0.7"), 443)
    assert not allows(spec, "egress", OUTSIDE, 443)
    assert allows(spec, "egress", Place(address="10.2.0.7"), 5432)
    assert not allows(spec, "egress", Place(address="10.1.0.7"), 5432)
    assert allows(spec, "egress", OUTSIDE, 53, "UDP")


TRANSIT = {"seal": "transit", "kubeContext": "here"}
NAMED = {**TRANSIT, "transit": {"address": "http://vault.other.svc:8300", "key": "k"}}
NUMBERED = {**TRANSIT, "transit": {"address": "http://10.9.0.1:8200", "key": "k"}}
ROLE_BY_AGENT = {**EKS, "identity": {"kind": "pod-identity"}}


@pytest.mark.parametrize(
    ("stack", "address", "port", "allowed"),
    [
        (EKS, "169.254.170.23", 80, False),
        (ROLE_BY_AGENT, "169.254.170.23", 80, True),
        (ROLE_BY_AGENT, "fd00:ec2::23", 80, True),
        (ROLE_BY_AGENT, "169.254.169.254", 80, False),
        (GKE, "169.254.169.254", 80, True),
        (GKE, "169.254.169.252", 988, True),
        (GKE, "169.254.169.252", 80, False),
        ({"project": "acme-prod", "kubeContext": "here"}, "169.254.169.254", 80, False),
        (NAMED, "192.0.2.1", 8300, True),
        (NUMBERED, "10.9.0.1", 8200, True),
        (NUMBERED, "10.9.0.2", 8200, False),
        ({**EKS, "migrateFrom": {"seal": "transit", "transit": NUMBERED["transit"]}}, "10.9.0.1", 8200, True),
    ],
)
def test_seal_has_what_it_needs(stack: Mapping[str, Any], address: str, port: int, allowed: bool) -> None:
    assert allows(policy(stack), "egress", Place(address=address), port) is allowed


def test_a_seal_by_name_is_narrowed_with_the_other_services() -> None:
    spec = policy(NAMED, serviceRanges=["10.1.0.0/24"])
    assert allows(spec, "egress", Place(address="10.1.0.7"), 8300)
    assert not allows(spec, "egress", OUTSIDE, 8300)


@pytest.mark.parametrize(("version", "seed"), [(VERSIONS[0], "seed-b-ha"), (VERSIONS[-1], "seed-a")])
def test_policy_is_of_the_official_charts_servers_alone(version: str, seed: str) -> None:
    """The injector's pods aren't selected, so the API server reaches its webhook as before."""
    rendered = official_rendering(version, seed)
    selector = policy(SHAMIR)["podSelector"]
    selected = {
        key
        for key, rendering in rendered.items()
        if key[0] in {"StatefulSet", "Deployment", "DaemonSet"}
        and selects(selector, rendering["spec"]["template"]["metadata"]["labels"])
    }
    assert selected == {("StatefulSet", "vault")}


SNAPSHOTS = {"snapshots": {"schedule": "@daily", "bucket": "acme-vault"}}
JOB = {"app.kubernetes.io/name": "vault-snapshot", "app.kubernetes.io/instance": "vault"}


def test_job_of_snapshots_reaches_vault_and_nobody_reaches_the_job() -> None:
    stack = {**EKS, **SNAPSHOTS}
    (api, _) = policy(stack)["ingress"]
    assert any(is_peer(peer, Place("vault", JOB)) for peer in api["from"])
    (without, _) = policy(EKS)["ingress"]
    assert not any(is_peer(peer, Place("vault", JOB)) for peer in without["from"])
    parsed = parse({**stack, "networkPolicy": {}})
    assert parsed.network_policy is not None
    own = snapshot_policy(parsed, parsed.network_policy)
    assert selects(own["podSelector"], JOB)
    assert not selects(own["podSelector"], SERVER)
    assert "ingress" not in own
    assert own["policyTypes"] == ["Ingress", "Egress"]
    (to_vault, _, store, *_) = own["egress"]
    assert any(is_peer(peer, VAULT) for peer in to_vault["to"])
    assert store == {"ports": [{"port": 443, "protocol": "TCP"}]}
