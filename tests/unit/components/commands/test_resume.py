"""What an interrupted run has left, and how it is settled."""

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.aws import unnamed_key
from components.commands import import_state, resume
from components.commands.resume import import_file, interrupted_in, run
from components.errors import DeploymentError
from components.kubernetes.existing_objects import ExistingObjects
from components.kubernetes.helm_storage import HelmRecord, UnfinishedRecord
from components.resource_types import KMS_KEY as KEY
from components.resource_types import KUBERNETES_IDENTITY, RELEASE
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.kubectl_answers import TARGET
from tests.unit.fakes.stack_settings import EKS, parse

PREFIX = "urn:pulumi:prod::vault-autounseal"
PROVIDER = f"{PREFIX}::pulumi:providers:aws::aws"
COMPONENT = f"{PREFIX}::vault-autounseal:aws:UnsealKey::unseal-key"
ROLE = "aws:iam/role:Role"


def resource(types: str, name: str, **more: object) -> dict[str, Any]:
    return {"urn": f"{PREFIX}::{types}::{name}", "type": types.rpartition("$")[2], **more}


IDENTITY = resource(KUBERNETES_IDENTITY, "identity", id="uid", inputs={"target": TARGET.to_properties()})
AWS = resource("pulumi:providers:aws", "aws", id="p", inputs={"region": "eu-central-1"})
INTERRUPTED_KEY = resource(
    f"vault-autounseal:aws:UnsealKey${KEY}", "unseal-key", parent=COMPONENT, provider=f"{PROVIDER}::p"
)


STACK = resource("pulumi:pulumi:Stack", "prod", created="2026-11-27T06:00:07.802204093Z")
INSTALLED = resource(RELEASE, "vault", id="vault/vault", inputs={"name": "vault"})

CONSENT = argparse.Namespace(yes=True)


def unfinished(status: str) -> UnfinishedRecord:
    return UnfinishedRecord(TARGET, HelmRecord("sh.helm.release.v1.vault.v2", 2, status), "uid", "7")


def creating(*resources: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "creating", "resource": one} for one in resources]


@pytest.fixture
def pulumi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "FakePulumi":
    monkeypatch.setattr(import_state, "selected_stack_settings", lambda: parse(EKS))
    return FakePulumi(monkeypatch, tmp_path)


class FakePulumi:
    """A pulumi on PATH that exports a state, and notes what else it is called for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch, self._folder = monkeypatch, folder

    def has(
        self,
        *operations: Mapping[str, Any],
        resources: tuple[Mapping[str, Any], ...] = (),
        locked: bool = False,
    ) -> None:
        state = {"deployment": {"resources": resources, "pending_operations": operations}}
        (self._folder / "state").write_text(json.dumps(state))
        refused = 'echo "the stack is currently locked" >&2; exit 1; ' if locked else ""
        only_commands(
            self._monkeypatch,
            self._folder / "bin",
            pulumi=f'case "$1" in stack) while read -r line; do echo "$line"; done < {self._folder}/state; '
            f'echo;; *) {refused}echo "$@" >> {self._folder}/calls;; esac',
        )
        with (self._folder / "state").open("a") as state_file:
            state_file.write("\n")

    @property
    def calls(self) -> list[str]:
        """The commands besides the export."""
        calls = self._folder / "calls"
        return [line.split()[0] for line in calls.read_text().splitlines()] if calls.exists() else []


def test_creations_that_can_be_repeated_are_not_looked_for() -> None:
    dynamic = resource("pulumi-python:dynamic/vault:OperatorInit", "operator-init")
    update = {"type": "updating", "resource": resource(RELEASE, "vault")}
    found = interrupted_in(
        {"resources": [AWS], "pending_operations": [*creating(dynamic, INTERRUPTED_KEY), update]}
    )
    assert [one.urn for one in found.creations] == [INTERRUPTED_KEY["urn"]]
    assert found.providers == {INTERRUPTED_KEY["urn"]: PROVIDER}
    assert found.recorded == {AWS["urn"]: "p"}


def test_import_has_the_parent_and_provider_of_the_state() -> None:
    stack = f"{PREFIX}::pulumi:pulumi:Stack::vault-autounseal-prod"
    namespace = resource("n", "vault", parent=stack)
    found = interrupted_in({"pending_operations": creating(INTERRUPTED_KEY, namespace)})
    file = import_file(found, {INTERRUPTED_KEY["urn"]: "1234", namespace["urn"]: "vault"})
    assert file == {
        "nameTable": {"provider-0": PROVIDER, "parent-0": COMPONENT},
        "resources": [
            {
                "type": KEY,
                "name": "resource-0",
                "logicalName": "unseal-key",
                "id": "1234",
                "provider": "provider-0",
                "parent": "parent-0",
            },
            {"type": "n", "name": "resource-1", "logicalName": "vault", "id": "vault"},
        ],
    }


def test_key_that_exists_is_imported_before_the_rest_is_cleared(
    monkeypatch: pytest.MonkeyPatch, pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unnamed_key, "find_unnamed_key", lambda *_, **__: "1234")
    pulumi.has(*creating(INTERRUPTED_KEY), resources=(AWS,))
    run(CONSENT)
    assert pulumi.calls == ["import", "refresh"]
    assert "exists: 1234" in capsys.readouterr().err


def test_nothing_is_changed_without_consent(
    monkeypatch: pytest.MonkeyPatch, pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unnamed_key, "find_unnamed_key", lambda *_, **__: "1234")
    monkeypatch.setattr(resume, "unfinished_record", lambda *_: unfinished("pending-upgrade"))
    monkeypatch.delattr(UnfinishedRecord, "delete")
    pulumi.has(*creating(INTERRUPTED_KEY), resources=(AWS, IDENTITY, INSTALLED))
    run(argparse.Namespace(yes=False))
    assert pulumi.calls == []
    said = capsys.readouterr().err
    assert "exists: 1234" in said
    assert "run this again with --yes" in said


def test_key_is_not_older_than_the_stack(monkeypatch: pytest.MonkeyPatch, pulumi: FakePulumi) -> None:
    asked: list[object] = []
    monkeypatch.setattr(unnamed_key, "find_unnamed_key", lambda *_, since: asked.append(since))
    pulumi.has(*creating(INTERRUPTED_KEY), resources=(AWS, STACK))
    run(CONSENT)
    assert asked == [datetime(2026, 11, 27, 6, 0, 7, 802204, UTC)]


def test_key_left_over_beside_a_later_one_is_told_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unnamed_key, "find_unnamed_key", lambda *_, **__: "1234")
    pulumi.has(*creating(INTERRUPTED_KEY), resources=(AWS, {**INTERRUPTED_KEY, "id": "5678"}))
    run(CONSENT)
    assert pulumi.calls == ["refresh"]
    assert "schedule-key-deletion --region eu-central-1 --key-id 1234" in capsys.readouterr().err


def test_what_does_not_exist_is_only_cleared(monkeypatch: pytest.MonkeyPatch, pulumi: FakePulumi) -> None:
    monkeypatch.setattr(unnamed_key, "find_unnamed_key", lambda *_, **__: None)
    pulumi.has(*creating(INTERRUPTED_KEY), resources=(AWS,))
    run(CONSENT)
    assert pulumi.calls == ["refresh"]


@pytest.fixture
def deleted(monkeypatch: pytest.MonkeyPatch, pulumi: FakePulumi) -> list[list[str]]:
    """What Pulumi was called for before each record was deleted."""
    before: list[list[str]] = []
    monkeypatch.setattr(UnfinishedRecord, "delete", lambda _record: before.append(pulumi.calls))
    return before


def test_record_that_helm_has_not_finished_is_deleted_after_the_lock_was_free(
    monkeypatch: pytest.MonkeyPatch, pulumi: FakePulumi, deleted: list[list[str]]
) -> None:
    monkeypatch.setattr(resume, "unfinished_record", lambda *_: unfinished("pending-upgrade"))
    pulumi.has(resources=(STACK, IDENTITY, INSTALLED))
    run(CONSENT)
    assert deleted == [["refresh"]]
    assert pulumi.calls == ["refresh", "refresh"]


def test_record_stays_while_a_run_has_the_lock(
    monkeypatch: pytest.MonkeyPatch, pulumi: FakePulumi, deleted: list[list[str]]
) -> None:
    monkeypatch.setattr(resume, "unfinished_record", lambda *_: unfinished("pending-upgrade"))
    pulumi.has(resources=(STACK, IDENTITY, INSTALLED), locked=True)
    with pytest.raises(DeploymentError, match="the stack is currently locked"):
        run(CONSENT)
    assert deleted == []


def test_finished_record_takes_no_lock(
    monkeypatch: pytest.MonkeyPatch, pulumi: FakePulumi, deleted: list[list[str]]
) -> None:
    monkeypatch.setattr(resume, "unfinished_record", lambda *_: None)
    pulumi.has(resources=(STACK, IDENTITY, INSTALLED))
    run(CONSENT)
    assert deleted == []
    assert pulumi.calls == ["refresh"]


@pytest.mark.parametrize(("status", "imported"), [("pending-install", False), ("pending-upgrade", True)])
def test_release_without_another_record_is_not_imported(
    monkeypatch: pytest.MonkeyPatch,
    pulumi: FakePulumi,
    deleted: list[list[str]],
    status: str,
    imported: bool,
) -> None:
    monkeypatch.setattr(resume, "unfinished_record", lambda *_: unfinished(status))
    monkeypatch.setattr(ExistingObjects, "_release", lambda *_: "vault/vault")
    release = resource(RELEASE, "vault", inputs={"name": "vault"})
    pulumi.has(*creating(release), resources=(STACK, IDENTITY))
    run(CONSENT)
    assert deleted == [["refresh"]]
    assert ("import" in pulumi.calls) is imported


def test_release_without_a_cluster_is_an_error(pulumi: FakePulumi) -> None:
    pulumi.has(resources=(resource(RELEASE, "vault", inputs={"name": "vault"}),))
    with pytest.raises(DeploymentError, match="which names the cluster"):
        run(CONSENT)


def test_failure_of_pulumi_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, pulumi="echo 'no stack selected' >&2; exit 255")
    with pytest.raises(DeploymentError, match="no stack selected"):
        run(CONSENT)
