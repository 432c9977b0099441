"""Another volume than the StatefulSet has is told before Kubernetes refuses it."""

from pathlib import Path
from typing import Any

import pytest

from components.rollout.volumes import changed_volume, wanted_volumes
from tests.unit.fakes.init_inputs import InitCluster, access, provide_cluster
from tests.unit.fakes.stack_settings import SHAMIR, parse

SAME = {"data": {"size": "10Gi", "storage_class": "gp3"}, "audit": {"size": "1Gi", "storage_class": ""}}


def template(name: str, size: str, storage_class: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"resources": {"requests": {"storage": size}}}
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {"metadata": {"name": name}, "spec": spec}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    cluster = provide_cluster(monkeypatch, tmp_path)
    templates = [template("data", "10Gi", "gp3"), template("audit", "1Gi")]
    cluster.objects.put("statefulset", "vault", spec={"replicas": 3, "volumeClaimTemplates": templates})
    return cluster


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("size", ["10Gi", "10240Mi", "10.0Gi"])
def test_same_volumes_are_taken_however_they_are_written(size: str) -> None:
    assert changed_volume(access(), {**SAME, "data": {"size": size, "storage_class": "gp3"}}) is None


def test_quantity_that_no_setting_may_have_is_another_one(cluster: InitCluster) -> None:
    """As of a StatefulSet that somebody else has made."""
    templates = [template("data", "1Ei"), template("audit", "1Gi")]
    cluster.objects.put("statefulset", "vault", spec={"replicas": 3, "volumeClaimTemplates": templates})
    told = str(changed_volume(access(), {**SAME, "data": {"size": "10Gi", "storage_class": ""}}))
    assert told.startswith("dataStorage.size was 1Ei, and")


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"data": {"size": "20Gi", "storage_class": "gp3"}}, "dataStorage.size was 10Gi, and Kubernetes"),
        ({"data": {"size": "10G", "storage_class": "gp3"}}, "dataStorage.size was 10Gi, and"),
        ({"data": {"size": "10Gi", "storage_class": ""}}, "dataStorage.storageClass was gp3, and"),
        ({"audit": {"size": "1Gi", "storage_class": "gp2"}}, "auditStorage.storageClass was not set, and"),
        ({"audit": None}, "auditStorage.enabled was true, and"),
    ],
)  # fmt: skip
def test_other_volumes_are_told(changed: dict[str, Any], told: str) -> None:
    wanted = {name: volume for name, volume in {**SAME, **changed}.items() if volume is not None}
    assert str(changed_volume(access(), wanted)).startswith(told)


def test_volume_that_is_new_is_told(cluster: InitCluster) -> None:
    templates = [template("data", "10Gi", "gp3")]
    cluster.objects.put("statefulset", "vault", spec={"replicas": 3, "volumeClaimTemplates": templates})
    assert str(changed_volume(access(), SAME)).startswith("auditStorage.enabled was false, and")


def test_without_a_stateful_set_any_volume_may_come(cluster: InitCluster) -> None:
    cluster.objects.remove("statefulset", "vault")
    assert changed_volume(access(), {}) is None


MORE: dict[str, Any] = {
    "accessMode": "ReadWriteOncePod",
    "labels": {"team": "platform"},
    "annotations": {"example.com/backup": "yes"},
}


def test_settings_say_what_the_chart_is_given_of_a_volume() -> None:
    plain = {"size": "10Gi", "storage_class": ""}
    assert wanted_volumes(parse(SHAMIR)) == {"data": plain, "audit": plain}
    given = {**SHAMIR, "chart": {"values": {"server": {"dataStorage": MORE}}}}
    assert wanted_volumes(parse(given)) == {"data": {**plain, **MORE}, "audit": plain}
    hidden = parse(given, secret_keys=["chart"])
    assert wanted_volumes(hidden) == {"data": plain, "audit": plain}
    without = {**given, "auditStorage": {"enabled": False}}
    assert wanted_volumes(parse(without)).keys() == {"data"}


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("key", MORE)
def test_other_metadata_and_access_modes_are_told(key: str) -> None:
    told = str(changed_volume(access(), {**SAME, "data": {**SAME["data"], key: MORE[key]}}))
    was = "ReadWriteOnce" if key == "accessMode" else "not set"
    assert told.startswith(f"server.dataStorage.{key} of chart.values was {was}, and Kubernetes refuses")


def test_metadata_and_access_modes_that_the_stateful_set_has_are_taken(cluster: InitCluster) -> None:
    data = template("data", "10Gi", "gp3")
    data["metadata"] |= {key: MORE[key] for key in ("labels", "annotations")}
    data["spec"]["accessModes"] = [MORE["accessMode"]]
    templates = [data, template("audit", "1Gi")]
    cluster.objects.put("statefulset", "vault", spec={"replicas": 3, "volumeClaimTemplates": templates})
    assert changed_volume(access(), {**SAME, "data": {**SAME["data"], **MORE}}) is None
    rendered = {**SAME["data"], **MORE, "labels": "team: {{ .Release.Name }}"}
    assert changed_volume(access(), {**SAME, "data": rendered}) is None
    told = str(changed_volume(access(), SAME))
    assert [f"server.dataStorage.{key} of chart.values was" in told for key in MORE] == [True] * 3
