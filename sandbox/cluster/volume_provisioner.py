"""Makes a folder of this machine the volume of each claim, and removes it when the claim is gone.

Kubernetes' own provisioner for one-node clusters (``kubernetes.io/host-path``) makes volumes that only root
can write to, since the kubelet does not apply a pod's ``fsGroup`` to them. These are ``local`` volumes, to
which it does, as it does to EBS volumes: a pod that runs without root and forgot its ``fsGroup`` fails here
as it would on EKS.

Run as ``python -m sandbox.cluster.volume_provisioner``; `sandbox.cluster.storage` starts it.
"""

import argparse
import http.client
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from sandbox.certificates import IssuedCertificate
from sandbox.cluster.api_client import ApiRequestError, JsonObject, KubernetesApi
from sandbox.cluster.credentials import NODE_NAME
from sandbox.cluster.storage import PROVISIONER

# https://kubernetes.io/docs/reference/labels-annotations-taints/
_PROVISIONER_ANNOTATION = "volume.kubernetes.io/storage-provisioner"
_SELECTED_NODE_ANNOTATION = "volume.kubernetes.io/selected-node"
_PROVISIONED_BY_ANNOTATION = "pv.kubernetes.io/provisioned-by"

_VOLUMES = "/api/v1/persistentvolumes"
_CLAIMS = "/api/v1/persistentvolumeclaims"
_RETRY_SECONDS = 0.5

_log = logging.getLogger("volume-provisioner")


def wants_volume(claim: JsonObject) -> bool:
    """Whether a claim waits for this provisioner, and the scheduler has chosen the node of its first pod."""
    annotations = claim["metadata"].get("annotations", {})
    return (
        annotations.get(_PROVISIONER_ANNOTATION) == PROVISIONER
        and annotations.get(_SELECTED_NODE_ANNOTATION) == NODE_NAME
        and "volumeName" not in claim["spec"]
        and "deletionTimestamp" not in claim["metadata"]
    )


def refusal(claim: JsonObject) -> str | None:
    """Return what a claim asks for that a folder can't give, or None. EBS has the first limit too."""
    spec = claim["spec"]
    if other := [mode for mode in spec["accessModes"] if mode not in {"ReadWriteOnce", "ReadWriteOncePod"}]:
        return f"access mode {', '.join(other)} is not offered, only ReadWriteOnce and ReadWriteOncePod"
    if spec.get("volumeMode", "Filesystem") != "Filesystem":
        return f"volume mode {spec['volumeMode']} is not offered, only Filesystem"
    if asked := [field for field in ("selector", "dataSource", "dataSourceRef") if field in spec]:
        return f"{', '.join(asked)} in a claim is not offered"
    return None


def volume_for(claim: JsonObject, folder: Path) -> JsonObject:
    """Return the PersistentVolume that binds ``folder`` to ``claim``."""
    spec = claim["spec"]
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(claim), "annotations": {_PROVISIONED_BY_ANNOTATION: PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec["storageClassName"],
            "claimRef": _reference(claim),
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def volume_name(claim: JsonObject) -> str:
    """Name of a claim's volume: the same for every attempt, so that a repeated one finds the first."""
    return f"pvc-{claim['metadata']['uid']}"


def is_released(volume: JsonObject) -> bool:
    """Whether a volume was made here, and its claim is gone."""
    annotations = volume["metadata"].get("annotations", {})
    return (
        annotations.get(_PROVISIONED_BY_ANNOTATION) == PROVISIONER
        and volume["status"].get("phase") == "Released"
        and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
        and "deletionTimestamp" not in volume["metadata"]
    )


class VolumeApi(Protocol):
    """The calls to the API server that the provisioner makes, as `KubernetesApi` offers them."""

    def create(self, path: str, body: Mapping[str, Any]) -> JsonObject: ...
    def delete(self, path: str) -> None: ...
    def watch(self, path: str) -> Iterator[JsonObject]: ...


class VolumeProvisioner:
    """Watches claims and volumes of the whole cluster."""

    def __init__(self, api: VolumeApi, volumes: Path) -> None:
        self._api = api
        self._volumes = volumes

    def handle_claim(self, claim: JsonObject) -> None:
        """Make the volume of a claim that waits for one, or say in an event why it gets none."""
        if not wants_volume(claim):
            return
        if (reason := refusal(claim)) is not None:
            self._report(claim, reason)
            return
        folder = self._volumes / volume_name(claim)
        # Like the root of a new file system: the kubelet opens it to the pod's fsGroup, if it has one.
        folder.mkdir(mode=0o755, exist_ok=True)
        try:
            self._api.create(_VOLUMES, volume_for(claim, folder))
        except ApiRequestError as error:
            if error.status != http.client.CONFLICT:  # made already
                raise
            return
        _log.info("made %s for %s", folder.name, _reference(claim)["name"])

    def handle_volume(self, volume: JsonObject) -> None:
        """Remove a volume and its contents when its claim is gone."""
        if not is_released(volume):
            return
        name = str(volume["metadata"]["name"])
        folder = self._volumes / name
        if folder.exists():
            shutil.rmtree(folder)
        try:
            self._api.delete(f"{_VOLUMES}/{name}")
        except ApiRequestError as error:
            if error.status != http.client.NOT_FOUND:
                raise
        _log.info("removed %s", name)

    def run(self) -> None:
        """Serve without end."""
        threading.Thread(target=self._follow, args=(_VOLUMES, self.handle_volume), daemon=True).start()
        self._follow(_CLAIMS, self.handle_claim)

    def _follow(self, path: str, handle: Callable[[JsonObject], None]) -> None:
        while True:
            try:
                for item in self._api.watch(path):
                    self._attempt(handle, item)
            except (OSError, http.client.HTTPException, ApiRequestError) as error:
                # The API server restarts or is busy: all objects are listed again, so nothing is lost.
                _log.warning("%s: %s; trying again", path, error)
                time.sleep(_RETRY_SECONDS)

    @staticmethod
    def _attempt(handle: Callable[[JsonObject], None], item: JsonObject) -> None:
        try:
            handle(item)
        except ApiRequestError as error:
            if error.status >= http.client.INTERNAL_SERVER_ERROR:
                raise
            # Asking for the same again would be refused again, and other objects wait.
            _log.error("%s: %s", item["metadata"]["name"], error)

    def _report(self, claim: JsonObject, reason: str) -> None:
        reference = _reference(claim)
        _log.warning("no volume for %s/%s: %s", reference["namespace"], reference["name"], reason)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{reference['name']}.", "namespace": reference["namespace"]},
            "involvedObject": reference,
            "reason": "ProvisioningFailed",
            "message": reason,
            "type": "Warning",
            "source": {"component": PROVISIONER},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        self._api.create(f"/api/v1/namespaces/{reference['namespace']}/events", event)


def _reference(claim: JsonObject) -> JsonObject:
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description="Makes volumes for the sandbox's storage classes.")
    parser.add_argument("--volumes", type=Path, required=True, help="folder that the volumes are made in")
    parser.add_argument("--certificate-authority", type=Path, required=True, help="of the API server")
    parser.add_argument("--certificate", type=Path, required=True, help="client certificate")
    parser.add_argument("--key", type=Path, required=True, help="its private key")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    client = IssuedCertificate(certificate=arguments.certificate, key=arguments.key)
    VolumeProvisioner(KubernetesApi(arguments.certificate_authority, client), arguments.volumes).run()


if __name__ == "__main__":
    main()
