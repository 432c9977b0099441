"""The rolling change as the engine asks for it: told in the preview, done by the update."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pulumi.output import Unknown

from components.errors import DeploymentError
from components.kubernetes.cron_job import CronJobState
from components.pod_rollout import INPUTS, PodRolloutProvider
from components.rollout import pods as observed
from components.rollout import steps
from components.rollout.pods import RolloutPod
from components.snapshots import before_upgrade
from components.vault.stateful_set import Server, StatefulSetError
from tests.unit.fakes.init_inputs import DEPLOYMENT, access
from tests.unit.fakes.rolling_pods import NEW, OLD, asked, server

UNKNOWN: Any = object.__new__(Unknown)
ROLL_OFF = "as upgrade.roll is false"


def properties(**changed: Any) -> dict[str, Any]:
    return {
        "access": access().to_properties(),
        "replicas": 3,
        "left_to": "",
        "image": OLD.image,
        "configuration": OLD.configuration,
        "chart": "0.29.1",
        "pod_settings": "same",
        "release_revision": 1,
        "pod_seconds": 1,
        "deployment": DEPLOYMENT,
        "token": "",
        "custody": {},
        "unseals_itself": True,
        "key_shares": [],
        "threshold": 3,
        "snapshot_job": {},
        **changed,
    }


CHANGING = {"release_revision": UNKNOWN, "image": NEW.image}


def kubernetes_has(
    monkeypatch: pytest.MonkeyPatch, *servers: Server, leader: int = 1, other: RolloutPod | None = None
) -> None:
    def ask(_access: object, found: Sequence[Server]) -> Sequence[RolloutPod]:
        pods = [asked(one, leads=one.ordinal == leader, sealed=not one.ready) for one in found]
        return [other if other is not None and pod.name == other.name else pod for pod in pods]

    for module in (observed, steps):
        monkeypatch.setattr(module, "expected_servers", lambda _access, _replicas: list(servers))
    monkeypatch.setattr(observed, "ask_pods", ask)


def of_old(*, outdated: bool = False, ready: bool = True) -> list[Server]:
    """Three pods with the settings from before; outdated once the release is changed."""
    made = [server(ordinal, outdated=True, ready=ready) for ordinal in range(3)]
    return made if outdated else [_as_current(one) for one in made]


def _as_current(one: Server) -> Server:
    return Server(**{**vars(one), "outdated": False})


def previewed(olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
    return [failure.reason for failure in PodRolloutProvider().check(olds, news).failures]


def test_preview_names_pods_order_and_reasons(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kubernetes_has(monkeypatch, *of_old())
    changed = properties(**CHANGING, configuration="after")
    assert previewed(properties(), changed) == []
    assert capsys.readouterr().err == (
        "Pods of Vault that will be replaced, one by one, each once all others serve: vault-2, vault-0, then "
        "the leader vault-1 (image 1.18.1 -> 1.20.4, Vault's configuration)\n"
    )


def test_single_pods_gap_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    kubernetes_has(monkeypatch, of_old()[0], leader=0)
    assert previewed(properties(replicas=1), properties(replicas=1, **CHANGING)) == []
    assert "so that Vault serves nobody until it is back: vault-0 (image" in capsys.readouterr().err


def test_other_settings_of_pods_are_a_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kubernetes_has(monkeypatch, *of_old())
    previewed(properties(), properties(release_revision=UNKNOWN, pod_settings="other"))
    assert "then the leader vault-1 (other settings of the pods)" in capsys.readouterr().err


JOB = {"name": "vault-snapshot", "made": True, "start_seconds": 300}
TAKEN = "a snapshot is taken, by a job of CronJob vault-snapshot"


@pytest.mark.parametrize(
    ("changed", "there", "told"),
    [
        ({}, True, TAKEN),
        ({"image": OLD.image, "configuration": "another"}, True, ""),
        ({"snapshot_job": {}}, True, ""),
        ({"left_to": "people"}, True, "create job --from=cronjob/vault-snapshot before-another-image"),
        ({"left_to": "migration"}, True, ""),
        ({}, False, "Without a snapshot the update will end before the first of them"),
        ({"snapshot_job": {**JOB, "made": False}}, False, "as there is no CronJob vault-snapshot yet"),
    ],
)
def test_snapshot_before_another_image_is_announced(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, Any],
    there: bool,
    told: str,
) -> None:
    kubernetes_has(monkeypatch, *of_old())
    state = CronJobState("vault-snapshot", datetime(2026, 1, 1, tzinfo=UTC), False, None)
    monkeypatch.setattr(before_upgrade, "cron_job_state", lambda *_: state if there else None)
    news = properties(**{**CHANGING, "snapshot_job": JOB, **changed})
    assert previewed(properties(snapshot_job=JOB), news) == []
    said = capsys.readouterr().err
    assert told in said
    assert ("napshot" in said) == (told != "")


def test_schedule_that_is_set_changes_nothing() -> None:
    olds = {name: value for name, value in properties().items() if name != "snapshot_job"}
    assert not PodRolloutProvider().diff("id", olds, properties(snapshot_job=JOB)).changes


def test_change_that_concerns_no_pod_is_not_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kubernetes_has(monkeypatch, *of_old())
    assert previewed(properties(), properties(release_revision=UNKNOWN)) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("olds", "changed"), [(properties(), {}), ({}, {"deployment": UNKNOWN, **CHANGING})])
def test_cluster_is_not_asked_for_nothing(
    monkeypatch: pytest.MonkeyPatch, olds: dict[str, Any], changed: dict[str, Any]
) -> None:
    """Neither without a change nor before the init, when there is no Vault."""
    monkeypatch.setattr(observed, "expected_servers", lambda *_: pytest.fail("it was asked"))
    assert previewed(olds, properties(**changed)) == []


def test_pods_are_named_although_the_init_is_updated_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As by another role: a preview of its resource doesn't know what the init has given."""
    kubernetes_has(monkeypatch, *of_old())
    unknown = dict.fromkeys(("deployment", "token", "key_shares", "threshold", "pod_settings"), UNKNOWN)
    changed = {"release_revision": UNKNOWN, "unseals_itself": False, **unknown}
    held = properties(unseals_itself=False, key_shares=["a", "b", "c"])
    assert previewed(held, properties(**changed)) == []
    assert "then the leader vault-1 (other settings of the pods)" in capsys.readouterr().err
    (reason,) = previewed(properties(unseals_itself=False), properties(**changed))
    assert "doesn't have this Vault's key shares" in reason


def test_stack_of_an_earlier_version_learns_which_pods_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kubernetes_has(monkeypatch, *of_old(outdated=True))
    assert previewed({}, properties(release_revision=4)) == []
    assert "then the leader vault-1 (other settings of the pods)" in capsys.readouterr().err


def test_pods_of_a_stopped_run_are_waited_for_and_not_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pod that it was replacing runs with the new settings already, and isn't ready yet."""
    kubernetes_has(monkeypatch, *of_old(outdated=True)[:2], server(2, ready=False))
    assert previewed(properties(), properties(release_revision=2, image=NEW.image)) == []
    said = capsys.readouterr().err
    assert "vault-0, then the leader vault-1 (image 1.18.1 -> 1.20.4)" in said
    assert "vault-2" not in said


def test_pod_that_is_ill_and_stays_is_refused_before_anything_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With an image that it has already, it alone wouldn't be replaced."""
    ill = server(2, ready=False)
    kubernetes_has(monkeypatch, *of_old()[:2], ill)
    news = properties(release_revision=UNKNOWN, image=NEW.image)
    (reason,) = previewed(properties(), {**news, "configuration": ""})
    assert reason == "vault-2 isn't ready (it is sealed), so no other pod can be replaced; fix it first"


def test_ill_pod_that_the_change_replaces_is_told_and_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ill = _as_current(server(2, outdated=True, ready=False))
    kubernetes_has(monkeypatch, *of_old()[:2], ill)
    assert previewed(properties(), properties(**CHANGING)) == []
    assert "vault-2 isn't ready (it is sealed), so it is the first one" in capsys.readouterr().err


def test_pod_that_only_this_machine_does_not_reach_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A preview may have no right to reach pods."""
    out_of_reach = RolloutPod(of_old()[2], None, None, "pods/portforward is forbidden")
    kubernetes_has(monkeypatch, *of_old(), other=out_of_reach)
    assert previewed(properties(), properties(**CHANGING)) == []
    assert "isn't ready" not in capsys.readouterr().err


def test_two_clusters_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The update waits, and a preview may have met an election."""
    other = asked(of_old()[2], cluster="other")
    kubernetes_has(monkeypatch, *of_old(), other=other)
    assert previewed(properties(), properties(**CHANGING)) == []
    said = capsys.readouterr().err
    assert "aren't one healthy cluster now, and the update waits until they are: vault-2 belongs to" in said


def test_without_a_roll_the_pods_that_stay_behind_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kubernetes_has(monkeypatch, *of_old())
    assert previewed(properties(left_to="people"), properties(left_to="people", **CHANGING)) == []
    said = capsys.readouterr().err
    assert said.startswith("Vault's pods that won't run with the new settings, " + ROLL_OFF)
    assert "vault-2, vault-0, then the leader vault-1 (image 1.18.1 -> 1.20.4)" in said


def test_preview_works_without_the_cluster(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object) -> Sequence[Server]:
        raise StatefulSetError("the pods can't be listed")

    monkeypatch.setattr(observed, "expected_servers", unreachable)
    assert previewed(properties(), properties(**CHANGING)) == []
    assert "can't be seen: the pods can't be listed" in capsys.readouterr().err


def test_pods_that_only_others_can_unseal_are_refused_at_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    kubernetes_has(monkeypatch, *of_old())
    adopted = {"unseals_itself": False, "key_shares": []}
    (reason,) = previewed(properties(**adopted), properties(**adopted, **CHANGING))
    assert "doesn't have this Vault's key shares" in reason
    assert "Set upgrade.roll to false" in reason
    held = {"unseals_itself": False, "key_shares": ["a", "b", "c", "d"]}
    assert previewed(properties(**held), properties(**held, **CHANGING)) == []


def test_update_replaces_pods_with_what_the_stack_has(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[steps.RolloutInputs] = []
    monkeypatch.setattr(steps.PodReplacement, "run", lambda self: ran.append(self._inputs))
    kubernetes_has(monkeypatch, *(server(ordinal) for ordinal in range(3)))
    held = {"unseals_itself": False, "key_shares": ["a", "b", "c", "d"], "token": "hvs.reads"}
    news = properties(**held, release_revision=2.0, image=NEW.image)
    outputs = PodRolloutProvider().update("id", properties(), news).outs
    assert outputs == {**{name: news[name] for name in INPUTS}, "running": "2"}
    (inputs,) = ran
    assert (inputs.replicas, inputs.pod_seconds, inputs.token) == (3, 1.0, "hvs.reads")
    assert inputs.key_shares == ["a", "b", "c"]
    assert "hvs.reads" not in repr(inputs)
    assert "'a'" not in repr(inputs)


def test_update_without_a_roll_says_which_pods_are_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps.PodReplacement, "run", lambda _: pytest.fail("upgrade.roll is false"))
    kubernetes_has(monkeypatch, server(0), server(1, outdated=True), server(2, outdated=True))
    created = PodRolloutProvider().create(properties(left_to="people", image=NEW.image))
    assert created.id == "secrets/vault"
    assert created.outs is not None
    assert created.outs["running"] == "not yet vault-1, vault-2"
    said = capsys.readouterr().err
    assert said.startswith("vault-1, vault-2 still run with settings from before this update, " + ROLL_OFF)
    assert "Delete these pods yourself, one by one, the leader last" in said


def test_pods_of_a_seal_that_is_migrated_are_left_to_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deleted by hand they would wait for shares."""
    kubernetes_has(monkeypatch, server(0), server(1, outdated=True), server(2, outdated=True))
    PodRolloutProvider().create(properties(left_to="migration"))
    previewed(properties(left_to="migration"), properties(left_to="migration", **CHANGING))
    said = capsys.readouterr().err
    assert said.count("Leave them to python -m components migrate-seal") == 2
    assert "Delete these pods" not in said
    assert "upgrade.roll" not in said


def test_pods_that_were_behind_are_looked_at_until_they_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    news = properties(left_to="people", image=NEW.image)
    behind = {**news, "running": "not yet vault-1"}
    kubernetes_has(monkeypatch, server(0), server(1, outdated=True), server(2))
    assert PodRolloutProvider().diff("id", behind, news).changes is False
    assert capsys.readouterr().err.startswith("vault-1 still run with settings from before this update")
    kubernetes_has(monkeypatch, server(0), server(1), server(2))
    assert PodRolloutProvider().diff("id", behind, news).changes is True
    current = {**news, "running": "1"}
    monkeypatch.setattr(steps, "expected_servers", lambda *_: pytest.fail("nothing was behind"))
    assert PodRolloutProvider().diff("id", current, news).changes is False


def test_update_without_a_roll_goes_on_if_pods_cannot_be_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(*_: object) -> Sequence[Server]:
        raise StatefulSetError("pods is forbidden")

    monkeypatch.setattr(steps, "expected_servers", forbidden)
    monkeypatch.setattr(steps, "_CONTROLLER_SECONDS", 0.1)
    created = PodRolloutProvider().create(properties(left_to="people"))
    assert created.outs is not None
    assert created.outs["running"] == "not yet seen"
    assert "can't be seen: pods is forbidden" in capsys.readouterr().err


def test_image_of_others_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who installs the release may have given it another one."""
    kubernetes_has(monkeypatch, *(server(ordinal) for ordinal in range(3)))
    PodRolloutProvider().create(properties(left_to="people", image="mirror.example/vault:1.20.4"))
    said = capsys.readouterr().err
    assert f"vault-0 has the image {NEW.image}, and the settings say mirror.example/vault:1.20.4" in said


def test_failure_is_the_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: steps.PodReplacement) -> None:
        raise DeploymentError("vault-2 doesn't come up")

    monkeypatch.setattr(steps.PodReplacement, "run", fail)
    with pytest.raises(DeploymentError, match="doesn't come up"):
        PodRolloutProvider().create(properties())
