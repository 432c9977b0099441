"""`kubernetes:batch/v1:CronJob`: paths, check and difference."""

import copy
import threading
from typing import Any

import pytest

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.cron_job import CronJob
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.property_values import UNKNOWN, PropertyMap, plain_map
from sandbox.plugins.provider import Resource
from tests.unit.sandbox.plugins.test_kubernetes_secret import no_log

RESOURCE = Resource("urn:pulumi:dev::p::kubernetes:batch/v1:CronJob::snapshot", random_seed=b"0123")
CONTAINER = {"name": "upload", "image": "rclone/rclone:1.72.0", "env": [{"name": "A", "value": "1"}]}


def inputs_with(**changes: Any) -> dict[str, Any]:
    spec = {
        "schedule": "17 * * * *",
        "concurrencyPolicy": "Forbid",
        "jobTemplate": {"spec": {"backoffLimit": 2, "template": {"spec": {"containers": [CONTAINER]}}}},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "vault-snapshot", "namespace": "vault"},
        "spec": {**copy.deepcopy(spec), **changes},
    }


@pytest.fixture
def cron_job() -> CronJob:
    """The resource type, on a cluster that is not asked."""
    return CronJob(KubernetesApi(ClusterSettings("")), no_log, threading.Event())


def test_cron_job_is_in_its_group_and_namespace(cron_job: CronJob) -> None:
    collection = "/apis/batch/v1/namespaces/vault/cronjobs"
    assert cron_job.collection(inputs_with()) == collection
    assert cron_job.path("vault/vault-snapshot") == f"{collection}/vault-snapshot"


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        (inputs_with(), []),
        ({**inputs_with(), "spec": UNKNOWN}, []),
        ({**inputs_with(), "status": {}}, ["status"]),
        ({**inputs_with(), "apiVersion": "batch/v1beta1"}, ["apiVersion"]),
        ({**inputs_with(), "spec": "hourly"}, ["spec"]),
    ],
)
def test_what_is_wrong_or_not_implemented_is_refused(
    cron_job: CronJob, inputs: PropertyMap, wrong: list[str]
) -> None:
    assert [failure.property_path for failure in cron_job.check(RESOURCE, {}, inputs).failures] == wrong


def as_the_api_server_has_it() -> dict[str, Any]:
    live = inputs_with(suspend=False, failedJobsHistoryLimit=1)
    container = live["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    container |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"}
    return live


def test_defaults_in_items_of_lists_are_no_changes(cron_job: CronJob) -> None:
    state = plain_map(cron_job.recorded(as_the_api_server_has_it(), inputs_with(), "manager"))
    assert cron_job.diff(state, inputs_with(), inputs_with()).changes == {}


def test_what_others_have_changed_in_an_item_is_a_change(cron_job: CronJob) -> None:
    live = as_the_api_server_has_it()
    live["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    state = plain_map(cron_job.recorded(live, inputs_with(), "manager"))
    changes = cron_job.diff(state, inputs_with(), inputs_with()).changes
    assert list(changes) == ["spec.jobTemplate.spec.template.spec.containers[0].image"]


@pytest.mark.parametrize(
    ("new", "replaces"),
    [
        (inputs_with(schedule="0 * * * *"), False),
        (inputs_with(jobTemplate={"spec": {"backoffLimit": 0}}), False),
        ({**inputs_with(), "metadata": {"name": "other", "namespace": "vault"}}, True),
        ({**inputs_with(), "metadata": {"name": "vault-snapshot", "namespace": "other"}}, True),
    ],
)
def test_what_a_change_leads_to(cron_job: CronJob, new: PropertyMap, replaces: bool) -> None:
    state = plain_map(cron_job.recorded(as_the_api_server_has_it(), inputs_with(), "manager"))
    difference = cron_job.diff(state, inputs_with(), new)
    assert {change.replaces for change in difference.changes.values()} == {replaces}
