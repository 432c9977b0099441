import copy
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster.api_client import ApiRequestError, JsonObject
from sandbox.cluster.volume_provisioner import VolumeProvisioner, refusal, wants_volume

CLAIM: JsonObject = {
    "metadata": {
        "name": "data-vault-0",
        "namespace": "vault",
        "uid": "8d1e",
        "annotations": {
            "volume.kubernetes.io/storage-provisioner": "local-folder.vault-sandbox",
            "volume.kubernetes.io/selected-node": "vault-sandbox-node",
        },
    },
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "10Gi"}},
        "storageClassName": "gp3",
        "volumeMode": "Filesystem",
    },
}
VOLUME: JsonObject = {
    "metadata": {
        "name": "pvc-8d1e",
        "annotations": {"pv.kubernetes.io/provisioned-by": "local-folder.vault-sandbox"},
    },
    "spec": {"persistentVolumeReclaimPolicy": "Delete"},
    "status": {"phase": "Released"},
}


class Api:
    """Stands for the API server: remembers what was asked of it, and refuses where it is told to."""

    def __init__(self) -> None:
        self.created: list[tuple[str, JsonObject]] = []
        self.deleted: list[str] = []
        self.refused_status: int | None = None

    def create(self, path: str, body: Mapping[str, Any]) -> JsonObject:
        if self.refused_status is not None:
            raise ApiRequestError("POST", path, self.refused_status, "refused")
        self.created.append((path, dict(body)))
        return dict(body)

    def delete(self, path: str) -> None:
        if self.refused_status is not None:
            raise ApiRequestError("DELETE", path, self.refused_status, "refused")
        self.deleted.append(path)

    def watch(self, path: str) -> Iterator[JsonObject]:
        raise NotImplementedError(path)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def provisioner(api: Api, tmp_path: Path) -> VolumeProvisioner:
    return VolumeProvisioner(api, tmp_path)


def claim_with(**spec: object) -> JsonObject:
    claim = copy.deepcopy(CLAIM)
    claim["spec"].update(spec)
    return claim


def test_a_claim_gets_a_folder_that_only_its_owner_may_write_to(
    provisioner: VolumeProvisioner, api: Api, tmp_path: Path
) -> None:
    provisioner.handle_claim(CLAIM)

    folder = tmp_path / "pvc-8d1e"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    ((path, volume),) = api.created
    assert path == "/api/v1/persistentvolumes"
    assert volume["metadata"]["name"] == "pvc-8d1e"
    assert volume["spec"]["local"] == {"path": str(folder)}
    assert volume["spec"]["capacity"] == {"storage": "10Gi"}
    assert volume["spec"]["storageClassName"] == "gp3"
    assert volume["spec"]["claimRef"]["uid"] == "8d1e"


def test_a_claim_that_was_served_before_is_no_error(
    provisioner: VolumeProvisioner, api: Api, tmp_path: Path
) -> None:
    api.refused_status = 409
    provisioner.handle_claim(CLAIM)
    assert (tmp_path / "pvc-8d1e").exists()


def test_another_refusal_of_the_api_server_is_not_hidden(provisioner: VolumeProvisioner, api: Api) -> None:
    api.refused_status = 422
    with pytest.raises(ApiRequestError, match="422 refused"):
        provisioner.handle_claim(CLAIM)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("volume.kubernetes.io/storage-provisioner", "ebs.csi.aws.com"),
        ("volume.kubernetes.io/selected-node", "another-node"),
        ("volume.kubernetes.io/selected-node", None),
    ],
)
def test_a_claim_of_others_or_without_a_pod_is_left_alone(annotation: str, value: str | None) -> None:
    claim = copy.deepcopy(CLAIM)
    claim["metadata"]["annotations"][annotation] = value
    assert wants_volume(CLAIM)
    assert not wants_volume(claim)


def test_a_bound_or_vanishing_claim_is_left_alone() -> None:
    vanishing = copy.deepcopy(CLAIM)
    vanishing["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not wants_volume(vanishing)
    assert not wants_volume(claim_with(volumeName="pvc-8d1e"))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"accessModes": ["ReadWriteOnce", "ReadWriteMany"]}, "access mode ReadWriteMany is not offered"),
        ({"volumeMode": "Block"}, "volume mode Block is not offered"),
        ({"selector": {"matchLabels": {"a": "b"}}}, "selector in a claim is not offered"),
        ({"dataSource": {"kind": "VolumeSnapshot"}}, "dataSource in a claim is not offered"),
    ],
)
def test_what_a_folder_cannot_give_is_refused_in_an_event(
    provisioner: VolumeProvisioner, api: Api, tmp_path: Path, spec: dict[str, object], reason: str
) -> None:
    provisioner.handle_claim(claim_with(**spec))
    ((path, event),) = api.created
    assert path == "/api/v1/namespaces/vault/events"
    assert event["reason"] == "ProvisioningFailed"
    assert reason in event["message"]
    assert event["involvedObject"]["name"] == "data-vault-0"
    assert list(tmp_path.iterdir()) == []


def test_an_ordinary_claim_is_not_refused() -> None:
    assert refusal(CLAIM) is None
    assert refusal(claim_with(accessModes=["ReadWriteOncePod"])) is None


def test_a_released_volume_goes_with_its_contents(
    provisioner: VolumeProvisioner, api: Api, tmp_path: Path
) -> None:
    (tmp_path / "pvc-8d1e" / "raft").mkdir(parents=True)
    (tmp_path / "pvc-8d1e" / "raft" / "raft.db").write_text("x")
    provisioner.handle_volume(VOLUME)
    assert list(tmp_path.iterdir()) == []
    assert api.deleted == ["/api/v1/persistentvolumes/pvc-8d1e"]


@pytest.mark.parametrize(
    "change",
    [
        {"status": {"phase": "Bound"}},
        {"spec": {"persistentVolumeReclaimPolicy": "Retain"}},
        {"metadata": {"name": "pvc-8d1e", "annotations": {}}},
    ],
)
def test_a_volume_that_is_used_retained_or_of_others_stays(
    provisioner: VolumeProvisioner, api: Api, tmp_path: Path, change: JsonObject
) -> None:
    (tmp_path / "pvc-8d1e").mkdir()
    provisioner.handle_volume({**VOLUME, **change})
    assert (tmp_path / "pvc-8d1e").exists()
    assert api.deleted == []
