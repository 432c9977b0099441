"""A change reaches Vault's pods by the update itself, one after another, with clients served meanwhile."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sandbox.charts import CHART_VERSION, OLDER_CHART_VERSION
from sandbox.cluster.credentials import administrator_api
from sandbox.cluster.paths import ClusterPaths
from tests.benchmarks.rounds import deployed_cluster
from tests.benchmarks.writes import WriteLoad, longest_gap
from tests.built_tools import OLDER_VAULT, VAULT
from tests.end_to_end.audited_requests import require_audited
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.older_versions import older_versions
from tests.end_to_end.watched_roll import KILLS, UP, Kill, WatchedPods, cancel, start

GAP_SECONDS = 5
"""More than `make bench` measures, as other tests run at the same time."""


def changed(value: str) -> dict[str, object]:
    """Settings that only these tests have, by which all pods are outdated."""
    return {"extraEnvironment": {"CHANGED_BY": value}}


def uids(deployment: Deployment) -> Mapping[str, str]:
    """The pods' uids by their names."""
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in deployment.vault.pods()}


def values_of(deployment: Deployment) -> Sequence[str | None]:
    """What each pod was made with."""
    return [_value(pod) for pod in deployment.vault.pods()]


def _value(pod: Mapping[str, Any]) -> str | None:
    environment = pod["spec"]["containers"][0]["env"]
    return next((entry["value"] for entry in environment if entry["name"] == "CHANGED_BY"), None)


def evict(deployment: Deployment, pod: str) -> str:
    """What a drain of its node gets as an answer; empty if the pod may go."""
    path = f"/api/v1/namespaces/{deployment.name}/pods/{pod}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    result = deployment.cluster.run("create", "--raw", path, "--filename=-", stdin=json.dumps(body))
    return result.stderr


def test_pods_left_behind_are_named_and_then_rolled_while_clients_write(
    awskms: Deployment, tmp_path: Path
) -> None:
    before, token = uids(awskms), awskms.outputs()["root_token"]
    awskms.configure({**changed("a roll"), "upgrade": {"roll": False}})
    result = awskms.stack.run(*UP)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "vault-0, vault-1, vault-2 still run with settings from before this update" in result.stdout
    assert uids(awskms) == before

    awskms.configure(changed("a roll"))
    preview = awskms.stack.run("preview")
    assert "Pods of Vault that will be replaced, one by one, each once all others serve: " in preview.stdout
    assert "(other settings of the pods)" in preview.stdout

    cluster = deployed_cluster(awskms.stack, administrator_api(ClusterPaths.of(awskms.stack.layout)))
    cluster.prepare_writes()
    address = cluster.active_address()
    try:
        with WriteLoad(lambda: cluster.write(address)) as load, start(awskms, tmp_path / "run.txt") as run:
            began = time.monotonic()
            run.await_said(r"Replacing (\S+) \(1 of 3\)")
            first = next(name for name in before if f"Replacing {name} (1 of 3)" in run.said)
            other = next(name for name in before if name != first)
            assert "TooManyRequests" in evict(awskms, other)
            assert run.wait() == 0, run.said
            time.sleep(1)
            writes = load.writes()
    finally:
        cluster.end_writes()
    assert longest_gap(writes, began).seconds < GAP_SECONDS
    assert set(uids(awskms).values()).isdisjoint(before.values())
    assert values_of(awskms) == ["a roll"] * 3
    awskms.vault.await_healthy_voters(token)
    require_audited(awskms, token)
    assert awskms.stack.run("preview", "--expect-no-changes").returncode == 0


def delete_leader(deployment: Deployment) -> str:
    """Does what a person or a failing node does at any time; returns the pod's name."""
    selector = "component=server,vault-active=true"
    leaders = deployment.cluster.get("pods", f"--namespace={deployment.name}", f"--selector={selector}")
    name = str(leaders["items"][0]["metadata"]["name"])
    deployment.cluster.kubectl("delete", "pod", name, f"--namespace={deployment.name}", "--wait=false")
    return name


def test_a_killed_run_is_gone_on_with_although_the_leader_changes(awskms: Deployment, tmp_path: Path) -> None:
    """The next run is killed at its end, before its success is in the state; then nothing is replaced."""
    before, token = uids(awskms), awskms.outputs()["root_token"]
    awskms.configure(changed("a run that is killed"))
    with start(awskms, tmp_path / "killed.txt") as run:
        run.await_said(r"Replacing \S+ \(2 of 3\)")
        run.kill_everything()
        run.await_killed()
    cancel(awskms)
    between = uids(awskms)
    with start(awskms, tmp_path / "next.txt") as run:
        run.await_said(r"Replacing \S+ \(")
        deleted = delete_leader(awskms)
        run.await_said("Every pod of Vault runs with the settings of the release")
        run.kill_everything()
        run.await_killed()
    cancel(awskms)
    after = uids(awskms)
    awskms.up()
    assert uids(awskms) == after
    replaced = [name for name in between if between[name] not in before.values()]
    assert replaced
    assert all(after[name] == between[name] for name in replaced if name != deleted)
    assert set(after.values()).isdisjoint(before.values())
    awskms.vault.await_healthy_voters(token)
    assert values_of(awskms) == ["a run that is killed"] * 3


def test_an_image_that_is_missing_stops_the_roll_and_can_be_set_back(
    awskms: Deployment, tmp_path: Path
) -> None:
    before, token = uids(awskms), awskms.outputs()["root_token"]
    settings = changed("a run that is killed")
    image = {"repository": "hashicorp/missing", "tag": VAULT}
    awskms.configure({**settings, "image": image, "upgrade": {"podSeconds": 20}})
    with start(awskms, tmp_path / "missing.txt") as run:
        assert run.wait() != 0
        assert "Vault's pods are no longer replaced" in run.said
        assert f"hashicorp/missing:{VAULT}" in run.said
        assert "1 of 3 pods run with the settings of the release" in run.said
    after = uids(awskms)
    failed = [name for name in before if before[name] != after[name]]
    assert len(failed) == 1
    assert awskms.vault.unsealed() == 2

    awskms.configure(settings)
    with start(awskms, tmp_path / "back.txt") as run:
        assert run.wait() == 0, run.said
    kept = {name: uid for name, uid in uids(awskms).items() if uid in before.values()}
    assert sorted(kept) == sorted(set(before) - set(failed))
    awskms.vault.await_healthy_voters(token)
    awskms.configure({})
    awskms.up()


def hold_pods(deployment: Deployment, most: int) -> None:
    """Has the disruption budget let at most so many pods go."""
    patch = json.dumps({"spec": {"maxUnavailable": most}})
    budget = ("poddisruptionbudget", deployment.name, deployment.in_namespace)
    deployment.cluster.kubectl("patch", *budget, "--type=merge", f"--patch={patch}")


def kill_run(deployment: Deployment, kill: Kill, pods: WatchedPods, output: Path) -> None:
    """Starts a run and kills it with all its processes, its provider hosts among them, at that moment."""
    if kill.refused:
        hold_pods(deployment, 0)
    with start(deployment, output) as run:
        if kill.said:
            run.await_said(kill.said)
        run.await_condition(kill.what, lambda: kill.at(pods))
        run.kill_everything()
        run.await_killed()
    cancel(deployment)
    if kill.refused:
        assert kill.at(pods), f"a pod went in spite of its budget: {kill.what}"
        hold_pods(deployment, 1)


@pytest.mark.timeout(900)
def test_vault_and_chart_are_upgraded_under_five_servers_by_runs_that_are_killed(
    fresh: Deployment, tmp_path: Path
) -> None:
    """From the older versions, on which Vault unseals itself, too; from the newest no way leads back.

    Seven runs are killed, each at another step, and the eighth comes to the end.
    """
    settings: dict[str, object] = {"replicas": 5, "injector": {"enabled": False}}
    older = older_versions(tmp_path)
    fresh.configure({**settings, **older})
    fresh.up()
    token = fresh.outputs()["root_token"]
    fresh.vault.delete_pods()
    fresh.vault.await_healthy_voters(token, 5)
    fresh.configure(settings)
    preview = fresh.stack.run("preview")
    charts = f"chart {OLDER_CHART_VERSION} -> {CHART_VERSION}"
    assert f"(image {OLDER_VAULT} -> {VAULT}, {charts})" in preview.stdout
    assert f"Vault goes from {OLDER_VAULT} to {VAULT} in one step" in preview.stdout

    api = administrator_api(ClusterPaths.of(fresh.stack.layout))
    cluster = deployed_cluster(fresh.stack, api)
    cluster.prepare_writes()
    address = cluster.active_address()
    with (
        WriteLoad(lambda: cluster.write(address)) as load,
        WatchedPods(api, fresh.name, replicas=5) as pods,
    ):
        began = time.monotonic()
        for number, kill in enumerate(KILLS):
            kill_run(fresh, kill, pods, tmp_path / f"killed-{number}.txt")
        with start(fresh, tmp_path / "last.txt") as run:
            assert run.wait() == 0, run.said
        time.sleep(1)
        writes = load.writes()
    pods.require_watched()
    assert longest_gap(writes, began).seconds < GAP_SECONDS
    assert pods.removed_once, pods.uids
    assert pods.most_away == 1
    order = [name.rpartition("-")[2] for name in pods.gone]
    assert sorted(order) == list("01234")
    assert order[:4] == sorted(order[:4], reverse=True)
    fresh.vault.await_healthy_voters(token, 5)
    assert {status["version"] for status in fresh.vault.seal_statuses()} == {VAULT}
    assert fresh.outputs()["vault_version"] == VAULT

    fresh.configure({**settings, **older})
    preview = fresh.stack.run("preview")
    assert preview.returncode != 0
    assert f"Vault {VAULT} runs, and doesn't go back to {OLDER_VAULT}" in preview.stdout
