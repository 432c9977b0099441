"""Reads Helm's records of a release, which are Secrets in its namespace: revisions and status, no contents.

Helm writes the record of a revision before its objects, and its end after them (helm/pkg/action). What ends
in between leaves a record that is pending for good. Helm refuses every further upgrade then, and an install
as long as there is any record.
"""

import shlex
from dataclasses import dataclass

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.kubernetes.owned_object import OVERTAKEN

INSTALLING = "pending-install"
PENDING = {
    INSTALLING: "installed",
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


@dataclass(frozen=True)
class UnfinishedRecord:
    """A pending record as it was read; only this version of it is deleted."""

    target: KubernetesTarget
    record: HelmRecord
    uid: str
    resource_version: str

    def delete(self) -> None:
        """Delete the record, and nothing of what is installed.

        Raises :class:`DeploymentError` if it has changed since, as by a Helm that is at work after all, and
        :class:`KubectlError`.
        """
        kubectl = Kubectl(self.target)
        try:
            kubectl.delete_secret(self.record.secret, uid=self.uid, resource_version=self.resource_version)
        except KubectlError as error:
            if error.reason not in OVERTAKEN:
                raise
            raise DeploymentError(
                f"Helm's record {self.record.secret} has changed since it was read, so Helm is at work. "
                "It was left alone. Wait until that has ended, and run this again."
            ) from None


def unfinished_record(target: KubernetesTarget, release: str) -> UnfinishedRecord | None:
    """Return the release's last record if it is pending; raise :class:`KubectlError`."""
    record = last_record(target, release)
    if record is None or not record.pending:
        return None
    # Its data are everything that the release consists of.
    parts = "{.metadata.uid} {.metadata.resourceVersion} {.metadata.labels.status}"
    text = Kubectl(target).run(
        ["get", "secret", record.secret, "--ignore-not-found", f"--output=jsonpath={parts}"]
    )
    uid, version, status = text.split() if text.strip() else ("", "", "")
    return UnfinishedRecord(target, record, uid, version) if status == record.status else None


def unfinished_problem(target: KubernetesTarget, release: str, record: HelmRecord) -> str:
    """Return what is wrong with a release whose last record is pending, and the line that fixes it."""
    command = shlex.join([*target.command_of_person(), "delete", "secret", record.secret])
    return (
        f"Release {release} in namespace {target.namespace} is {record.status}: a run was killed while Helm "
        f"{PENDING[record.status]} it, or one is at work now. Nothing was changed. If none is, delete Helm's "
        "record of that revision, which deletes nothing of Vault, and run pulumi up again; Helm goes on "
        f"with what exists:\n  {command}"
    )
