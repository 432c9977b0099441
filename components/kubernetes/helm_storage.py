"""Reads Helm's records of a release, which are Secrets in its namespace: revisions and status, no contents.

Helm writes the record of a revision before its objects, and its end after them (helm/pkg/action). What ends
in between leaves a record that is pending for good. Helm refuses every further upgrade then, and an install
as long as there is any record.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.kubernetes.kubectl import Kubectl, KubernetesTarget

PENDING = {
    "pending-install": "installed",
    "pending-rollback": "rolled back",
    "pending-upgrade": "upgraded",
}
"""Status of a revision that Helm hasn't finished, and what it was about to become."""


@dataclass(frozen=True)
class HelmRecord:
    """Helm's record of one revision of a release."""

    secret: str
    """Name of its Secret."""
    revision: int
    status: str

    @property
    def pending(self) -> bool:
        """Whether Helm hasn't finished it, and no longer can if nothing is at work."""
        return self.status in PENDING


def last_record(target: KubernetesTarget, release: str) -> HelmRecord | None:
    """Return the record of the release's last revision; None without any. Raise :class:`KubectlError`.

    The API server sends the columns alone; the Secrets hold everything that the release consists of.
    """
    text = Kubectl(target).run(
        [
            "get",
            "secrets",
            f"--selector=owner=helm,name={release}",
            "--label-columns=version,status",
            "--no-headers",
        ]
    )
    records = [
        HelmRecord(secret=columns[0], revision=int(columns[-2]), status=columns[-1])
        for columns in (line.split() for line in text.splitlines())
        if columns
    ]
    return max(records, key=lambda record: record.revision, default=None)


def delete_record(target: KubernetesTarget, record: HelmRecord) -> None:
    """Delete a record that is still the same, and nothing of what is installed; raise :class:`KubectlError`.

    With the reason ``Conflict`` if it has changed since, as by a Helm that is at work after all.
    """
    kubectl = Kubectl(target)
    text = kubectl.run(
        ["get", "secret", record.secret, "--output=jsonpath={.metadata}{'\\n'}{.metadata.labels.status}"]
    )
    metadata, _, status = text.rpartition("\n")
    if status.strip() == record.status:
        found: Mapping[str, Any] = json.loads(metadata)
        kubectl.delete_secret(record.secret, uid=found["uid"], resource_version=found["resourceVersion"])


def unfinished_problem(target: KubernetesTarget, release: str, record: HelmRecord) -> str:
    """Return what is wrong with a release whose last record is pending, and the line that fixes it."""
    command = shlex.join([*target.command_of_person(), "delete", "secret", record.secret])
    return (
        f"Release {release} in namespace {target.namespace} is {record.status}: a run was killed while Helm "
        f"{PENDING[record.status]} it, or one is at work now. Nothing was changed. If none is, delete Helm's "
        "record of that revision, which deletes nothing of Vault, and run pulumi up again; Helm goes on "
        f"with what exists:\n  {command}"
    )
