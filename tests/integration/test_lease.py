"""The lease of a run, on a real API server and with no more rights than it takes."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from components.errors import DeploymentError
from components.kubernetes import lease
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.lease import LEASE_RIGHTS, AnotherRunError, LeaseLostError, RunLease
from components.kubernetes.owned_object import OwnedObject
from tests.built_tools import built_tools
from tests.integration.control_plane import ControlPlane

NAME = "vault-operator-init"
LEASES = "leases.coordination.k8s.io"


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> ControlPlane:
    """With a user who has no rights yet."""
    control_plane.add_user("deployer")
    return control_plane


@pytest.fixture
def target(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> KubernetesTarget:
    """A namespace of its own, as somebody reaches it who has the rights of the documents."""
    monkeypatch.setenv("PATH", str(built_tools().kubectl.parent), prepend=":")
    namespace = f"vault-{uuid4().hex[:8]}"
    plane.kubectl("create", "namespace", namespace)
    plane.grant("deployer", namespace, LEASES, LEASE_RIGHTS)
    return KubernetesTarget(
        kubeconfig=str(plane.folder / "deployer.kubeconfig"), context="here", namespace=namespace
    )


def spec(plane: ControlPlane, target: KubernetesTarget) -> dict[str, Any]:
    """What the API server has."""
    answer = plane.kubectl("get", "lease", NAME, f"--namespace={target.namespace}", "--output=json")
    found: dict[str, Any] = json.loads(answer)["spec"]
    return found


def test_one_run_after_the_other(plane: ControlPlane, target: KubernetesTarget) -> None:
    first, second = RunLease(target, "vault"), RunLease(target, "vault")
    with first.held(0):
        assert spec(plane, target)["holderIdentity"] == first.identity.holder
        first.check()
        first.check()
    assert spec(plane, target)["holderIdentity"] == ""
    with second.held(0):
        assert spec(plane, target)["holderIdentity"] == second.identity.holder
        assert spec(plane, target)["leaseTransitions"] == 1


def test_live_run_is_left_alone(target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEWAL_SECONDS", 0.5)
    first = RunLease(target, "vault")
    with first.held(0):
        with pytest.raises(AnotherRunError, match="at the moment"), RunLease(target, "vault").held(2):
            pass
        first.check()


def test_run_that_slept_finds_out(
    plane: ControlPlane, target: KubernetesTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 2)
    monkeypatch.setattr(lease, "_RENEWAL_SECONDS", 3600)
    sleeper, other = RunLease(target, "vault"), RunLease(target, "vault")
    with sleeper.held(0):
        began = time.monotonic()
        with other.held(0):
            assert time.monotonic() - began >= 2
            with pytest.raises(LeaseLostError):
                sleeper.check()
        # It has ended, too.
        with pytest.raises(LeaseLostError):
            sleeper.check()
    assert spec(plane, target)["leaseTransitions"] == 1


def test_lease_that_somebody_deleted_is_lost_and_not_made_anew(
    plane: ControlPlane, target: KubernetesTarget
) -> None:
    own = RunLease(target, "vault")
    with own.held(0):
        plane.kubectl("delete", "lease", NAME, f"--namespace={target.namespace}")
        with pytest.raises(LeaseLostError):
            own.check()
    assert Kubectl(target).get("lease", NAME) is None


def test_version_that_was_not_seen_is_not_replaced(target: KubernetesTarget) -> None:
    """And without a version and a uid it would be: that is what both are for."""
    owned = OwnedObject(target, "coordination.k8s.io/v1", "Lease", NAME)
    first = owned.create({"spec": {"holderIdentity": "first"}})
    owned.replace({"spec": {"holderIdentity": "second"}}, first)
    with pytest.raises(KubectlError) as raised:
        owned.replace({"spec": {"holderIdentity": "third"}}, first)
    assert raised.value.reason == "Conflict"
    unconditional = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NAME},
        "spec": {"holderIdentity": "fourth"},
    }
    assert Kubectl(target).replace(unconditional)["spec"]["holderIdentity"] == "fourth"
    gone = {**unconditional, "metadata": {"name": "gone", "resourceVersion": first.resource_version}}
    assert Kubectl(target).replace(gone)["metadata"]["name"] == "gone"


@pytest.mark.parametrize("missing", LEASE_RIGHTS)
def test_missing_right_is_named(plane: ControlPlane, target: KubernetesTarget, missing: str) -> None:
    with RunLease(target, "vault").held(0):
        pass
    if missing == "create":
        plane.kubectl("delete", "lease", NAME, f"--namespace={target.namespace}")
    plane.grant(
        "deployer",
        target.namespace,
        "leases.coordination.k8s.io",
        tuple(verb for verb in LEASE_RIGHTS if verb != missing),
    )
    with (
        pytest.raises(DeploymentError, match="Grant get, create, update on leases"),
        RunLease(target, "vault").held(0),
    ):
        pass
