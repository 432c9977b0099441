"""The lease that keeps two runs apart: who gets it, who waits, and who finds out that it is lost."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.kubernetes import lease
from components.kubernetes.kubectl import KubernetesTarget
from components.kubernetes.lease import AnotherRunError, LeaseLostError, LeaseUnconfirmedError, RunLease
from tests.unit.fakes.kubectl_in_process import provide_objects
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
NAME = "vault-operator-init"
UNREACHABLE = "The connection to the server localhost:6443 was refused"


@pytest.fixture(autouse=True)
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubernetesObjects:
    objects = KubernetesObjects(tmp_path)
    provide_objects(monkeypatch, objects)
    monkeypatch.setattr(lease, "_LOOK_SECONDS", 0.01)
    return objects


def run() -> RunLease:
    return RunLease(TARGET, "vault")


def spec(objects: KubernetesObjects) -> dict[str, Any]:
    found = objects.get("lease", NAME)
    assert found is not None
    result: dict[str, Any] = found["spec"]
    return result


def hold(objects: KubernetesObjects, *, seconds: int = 1, **changed: Any) -> None:
    """Puts the Lease there as another run holds it, which doesn't renew it."""
    objects.put(
        "lease",
        NAME,
        metadata={"labels": {"app.kubernetes.io/managed-by": "vault-autounseal"}},
        spec={
            "holderIdentity": "build-7_1234",
            "leaseDurationSeconds": seconds,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "leaseTransitions": 3,
            **changed,
        },
    )


def renew_at_every_look(objects: KubernetesObjects, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has the other run renew between two looks, and counts them."""
    looks: list[int] = []
    sleep = time.sleep

    def renew(seconds: float) -> None:
        looks.append(1)
        objects.put("lease", NAME)
        sleep(seconds)

    monkeypatch.setattr("components.kubernetes.lease.time.sleep", renew)
    return looks


def test_fields_are_those_of_a_leader_election(objects: KubernetesObjects) -> None:
    own = run()
    with own.held(0):
        stored = objects.get("lease", NAME)
        assert stored is not None
        assert (stored["apiVersion"], stored["kind"]) == ("coordination.k8s.io/v1", "Lease")
        held = spec(objects)
        assert held["holderIdentity"] == own.identity.holder
        assert own.identity.holder.endswith(own.identity.run_id)
        assert held["leaseDurationSeconds"] == lease.LEASE_SECONDS
        assert held["leaseTransitions"] == 0
        age = datetime.now(UTC) - datetime.fromisoformat(held["renewTime"])
        assert 0 <= age.total_seconds() < 60
    assert (spec(objects)["holderIdentity"], spec(objects)["leaseDurationSeconds"]) == ("", 1)


def test_released_lease_is_taken_at_once(objects: KubernetesObjects) -> None:
    with run().held(0):
        pass
    hold(objects, seconds=3600, holderIdentity="", leaseTransitions=7)
    began = time.monotonic()
    with run().held(0):
        assert spec(objects)["leaseTransitions"] == 8
    assert time.monotonic() - began < 1


def test_held_lease_is_held_within(objects: KubernetesObjects) -> None:
    own = run()
    with own.held(0):
        calls = len(objects.calls)
        with own.held(0):
            assert len(objects.calls) == calls
        own.check()


def test_lease_is_renewed_while_a_run_works(
    objects: KubernetesObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_RENEWAL_SECONDS", 0.02)
    with run().held(0):
        first = objects.get("lease", NAME)
        assert first is not None
        deadline = time.monotonic() + 10
        while (objects.get("lease", NAME) or first)["metadata"]["resourceVersion"] == first["metadata"][
            "resourceVersion"
        ]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert spec(objects)["renewTime"] > first["spec"]["renewTime"]
        assert spec(objects)["acquireTime"] == first["spec"]["acquireTime"]


def test_dead_run_is_taken_over_once_it_was_seen_to_be_silent(objects: KubernetesObjects) -> None:
    hold(objects, seconds=1)
    began = time.monotonic()
    own = run()
    with own.held(0):
        assert 1 <= time.monotonic() - began < 5
        assert spec(objects)["holderIdentity"] == own.identity.holder
        assert spec(objects)["leaseTransitions"] == 4


@pytest.mark.parametrize("renewed", ["2020-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"])
def test_clock_of_the_other_machine_does_not_count(objects: KubernetesObjects, renewed: str) -> None:
    hold(objects, seconds=1, renewTime=renewed)
    began = time.monotonic()
    with run().held(0):
        assert 1 <= time.monotonic() - began < 5


def test_live_run_is_waited_for_and_left_alone(
    objects: KubernetesObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(objects, seconds=2)
    looks = renew_at_every_look(objects, monkeypatch)
    with pytest.raises(AnotherRunError) as raised, run().held(0.3):
        pass
    assert len(looks) > 2
    said = str(raised.value)
    assert "Another run initialises this Vault at the moment" in said
    assert "(on build-7, since 2026-01-01T00:00:00.000000Z)" in said
    assert "this one has changed nothing" in said
    assert spec(objects)["holderIdentity"] == "build-7_1234"


def test_run_that_ends_while_it_is_waited_for(
    objects: KubernetesObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(objects, seconds=3600)
    monkeypatch.setattr("components.kubernetes.lease.time.sleep", lambda _: hold(objects, holderIdentity=""))
    own = run()
    with own.held(60):
        assert spec(objects)["holderIdentity"] == own.identity.holder


@pytest.mark.parametrize("there", [False, True], ids=["create", "replace"])
def test_of_two_runs_at_once_one_gets_it(
    objects: KubernetesObjects, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    hold(objects, seconds=3600)
    theirs = objects.get("lease", NAME)
    objects.remove("lease", NAME)
    if there:
        hold(objects, holderIdentity="")
    objects.before("replace" if there else "create", "lease", theirs)
    renew_at_every_look(objects, monkeypatch)
    with pytest.raises(AnotherRunError), run().held(0):
        pass
    assert spec(objects)["holderIdentity"] == "build-7_1234"


def test_run_that_is_overtaken_after_a_long_wait_gets_it_in_turn(
    objects: KubernetesObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It and another one have both looked many times at the lease of a dead one by then."""
    looks: list[int] = []
    hold(objects, seconds=3600)
    hold(objects, seconds=3600, holderIdentity="", leaseTransitions=4)
    taken_by_another = objects.get("lease", NAME)
    hold(objects, seconds=3600)

    def wait(_: float) -> None:
        looks.append(1)
        if len(looks) == 2 * lease._OVERTAKEN_ATTEMPTS:
            hold(objects, holderIdentity="")
            objects.before("replace", "lease", taken_by_another)

    monkeypatch.setattr("components.kubernetes.lease.time.sleep", wait)
    own = run()
    with own.held(60):
        assert spec(objects)["holderIdentity"] == own.identity.holder
    assert len(looks) > 2 * lease._OVERTAKEN_ATTEMPTS


# A run that slept


def test_run_that_slept_without_anybody_taking_over_goes_on(objects: KubernetesObjects) -> None:
    own = run()
    with own.held(0):
        before = spec(objects)["renewTime"]
        own.check()
        assert spec(objects)["renewTime"] > before


@pytest.mark.parametrize("ended", [False, True, None], ids=["at work", "ended", "deleted by somebody"])
def test_run_that_slept_through_its_lease_finds_out(objects: KubernetesObjects, ended: bool | None) -> None:
    own = run()
    with own.held(0):
        hold(objects, holderIdentity="" if ended else "build-7_1234")
        if ended is None:
            objects.remove("lease", NAME)
        for _ in range(2):
            with pytest.raises(LeaseLostError, match="This one does nothing more") as raised:
                own.check()
        assert ("on build-7" in str(raised.value)) == (ended is False)
    found = objects.get("lease", NAME)
    if ended is None:
        # An update would have made it anew.
        assert found is None
    elif ended is False:
        assert spec(objects)["holderIdentity"] == "build-7_1234"


def test_renewal_whose_answer_was_lost_is_no_loss(objects: KubernetesObjects) -> None:
    own = run()
    with own.held(0):
        objects.put("lease", NAME)
        own.check()
        own.check()


def test_lease_that_cannot_be_reached_is_not_confirmed_and_not_lost(objects: KubernetesObjects) -> None:
    own = run()
    with own.held(0):
        objects.fail("replace", UNREACHABLE)
        with pytest.raises(LeaseUnconfirmedError, match=UNREACHABLE):
            own.check()
        objects.recover()
        own.check()


def test_check_without_the_lease_is_a_mistake_of_the_program() -> None:
    own = run()
    with own.held(0):
        pass
    with pytest.raises(RuntimeError, match="isn't held"):
        own.check()


class Rounds(threading.Event):
    """What a renewal waits for: at each wait the next of these things happens, and then it is over."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        super().__init__()
        self._happenings = [*happenings]

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == lease._RENEWAL_SECONDS
        if not self._happenings:
            return True
        self._happenings.pop(0)()
        return False


def test_renewal_says_once_what_is_wrong(
    objects: KubernetesObjects, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # The renewal in the background has nothing to say here.
    nothing = bool
    monkeypatch.setattr(lease, "_RENEWAL_SECONDS", 3600)

    def take_over() -> None:
        objects.recover()
        hold(objects)

    own = run()
    with own.held(0):
        own._renew_until(Rounds(nothing, lambda: objects.fail("replace", UNREACHABLE), nothing, nothing))
        unreachable = capfd.readouterr().err
        own._renew_until(Rounds(take_over, nothing, nothing))
        lost = capfd.readouterr().err
    assert unreachable.count(f"can't be renewed: {UNREACHABLE}") == 1
    assert len(unreachable.splitlines()) == 1
    assert lost.count("Another run has taken Lease secrets/vault-operator") == 1
    assert len(lost.splitlines()) == 1


def test_lease_is_renewed_in_the_background(
    objects: KubernetesObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_RENEWAL_SECONDS", 0.01)
    with run().held(0):
        taken, deadline = spec(objects)["renewTime"], time.monotonic() + 60
        while spec(objects)["renewTime"] == taken:
            assert time.monotonic() < deadline, "a renewal"
            time.sleep(0.01)


# What a run began on Vault


def test_attempt_of_a_killed_run_is_known_to_the_next_one(objects: KubernetesObjects) -> None:
    killed = run()
    with killed.held(0):
        killed.note_attempt("rekey", "first")
        killed.note_attempt("rekey", "n")
        killed.note_attempt("generate-root", "r")
        killed.check()
        hold(objects, seconds=1)
    own = run()
    assert not own.is_own_attempt("rekey", "n")
    with own.held(0):
        own.check()
        assert own.is_own_attempt("rekey", "n")
        assert own.is_own_attempt("generate-root", "r")
        assert not own.is_own_attempt("rekey", "first")
        assert not own.is_own_attempt("rekey", "r")
        assert not own.is_own_attempt("seal", "n")
    with run().held(0):
        assert objects.get("lease", NAME)["metadata"]["annotations"] == {  # type: ignore[index]
            "vault-autounseal/rekey": "n",
            "vault-autounseal/generate-root": "r",
        }


def test_attempt_whose_answer_was_lost_is_noted_all_the_same(objects: KubernetesObjects) -> None:
    own = run()
    with own.held(0):
        objects.put("lease", NAME)
        own.note_attempt("rekey", "n")
        assert own.is_own_attempt("rekey", "n")


def test_attempt_after_the_lease_was_lost_is_refused(objects: KubernetesObjects) -> None:
    own = run()
    with own.held(0):
        hold(objects)
        with pytest.raises(LeaseLostError):
            own.note_attempt("rekey", "n")


# What stands in the way


def test_missing_right_is_named(objects: KubernetesObjects) -> None:
    objects.fail(
        "lease",
        'Error from server (Forbidden): leases.coordination.k8s.io "x" is forbidden: User "ada" cannot',
    )
    with pytest.raises(DeploymentError) as raised, run().held(0):
        pass
    assert "Grant get, create, update on leases (coordination.k8s.io) in namespace secrets" in str(
        raised.value
    )


def test_lease_of_somebody_else_is_left(objects: KubernetesObjects) -> None:
    hold(objects)
    objects.put("lease", NAME, metadata={"labels": {}})
    with pytest.raises(DeploymentError, match="wasn't made by this program"), run().held(0):
        pass
    assert spec(objects)["holderIdentity"] == "build-7_1234"


def test_lease_that_cannot_be_released_says_how_long_the_next_run_waits(
    objects: KubernetesObjects, capfd: pytest.CaptureFixture[str]
) -> None:
    with run().held(0):
        objects.fail("replace", UNREACHABLE)
    assert f"the next run waits {lease.LEASE_SECONDS} s" in capfd.readouterr().err


def test_nothing_secret_is_in_it(objects: KubernetesObjects) -> None:
    with run().held(0):
        assert set(spec(objects)) == {
            "holderIdentity",
            "leaseDurationSeconds",
            "acquireTime",
            "renewTime",
            "leaseTransitions",
        }
    assert json.dumps(objects.calls).count("leaseDuration") == 0
