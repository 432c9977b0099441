"""What is said if an interrupted run may have created what is about to be created."""

import json
from collections.abc import Sequence
from pathlib import Path

import pulumi
import pytest

from components import stack_state
from components.interrupted_run import (
    RESUME,
    SecondCreationError,
    explain_taken_name,
    refuse_second_key,
    watch_for_interrupted_run,
)
from components.resource_types import KMS_KEY as KEY
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import ALIAS
from tests.unit.fakes.recorded_deployment import deploy

URN = f"urn:pulumi:test::vault-autounseal::{KEY}::unseal-key"
STACK = "organization/vault-autounseal/test"


def arguments(
    errors: Sequence[str] = (), *, operation: str = "create", resource_type: str = "aws:iam/role:Role"
) -> pulumi.ErrorHookArgs:
    return pulumi.ErrorHookArgs(
        urn="urn",
        id="",
        name="vault-role",
        type=resource_type,
        failed_operation=operation,
        errors=list(errors),
    )


@pytest.mark.parametrize(
    "error",
    [
        "creating IAM Role (vault): EntityAlreadyExists: Role with name vault already exists.",
        "api error InvalidPermission.Duplicate: the specified rule already exists",
        "AlreadyExistsException: An alias with the name alias/vault already exists",
        'namespaces "vault" already exists',
    ],
)
def test_name_that_is_taken_is_explained(error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain_taken_name(arguments([error, "older"])) is False
    assert RESUME in capsys.readouterr().err


@pytest.mark.parametrize(
    "failed",
    [
        arguments(["AccessDenied: not authorized"]),
        arguments(["already exists"], operation="update"),
        arguments(["AccessDenied", "already exists"]),
        arguments(),
    ],
    ids=["another error", "another operation", "older error", "no error"],
)
def test_other_errors_are_left_as_they_are(
    failed: pulumi.ErrorHookArgs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain_taken_name(failed) is False
    assert capsys.readouterr().err == ""


def exported(monkeypatch: pytest.MonkeyPatch, folder: Path, *operations: tuple[str, str]) -> Path:
    """Have pulumi export a state with these operations pending; returns where it notes how it was called."""
    asked = folder / "asked"
    pending = [{"type": kind, "resource": {"urn": urn}} for kind, urn in operations]
    state = json.dumps({"deployment": {"pending_operations": pending}})
    only_commands(monkeypatch, folder / "bin", pulumi=f"echo \"$@\" > {asked}; echo '{state}'")
    return asked


def test_second_key_is_refused_by_an_update_and_told_by_a_preview(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = exported(monkeypatch, tmp_path, ("creating", URN), ("creating", URN))
    with pytest.raises(SecondCreationError, match=r"Nothing was created[\s\S]*components resume"):
        refuse_second_key(URN, STACK, dry_run=False)
    assert f"--stack={STACK}" in asked.read_text()
    exported(monkeypatch, tmp_path, ("creating", URN))
    refuse_second_key(URN, STACK, dry_run=True)
    assert RESUME in capsys.readouterr().err


@pytest.mark.parametrize(
    ("operations", "dry_run"),
    [
        # The update's own.
        ([("creating", URN)], False),
        ([("creating", "another"), ("updating", URN)], True),
        ([], True),
    ],
)
def test_first_key_is_created_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    operations: Sequence[tuple[str, str]],
    dry_run: bool,
) -> None:
    exported(monkeypatch, tmp_path, *operations)
    refuse_second_key(URN, STACK, dry_run=dry_run)
    assert capsys.readouterr().err == ""


def test_state_that_cannot_be_exported_is_told_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack_state, "_READ_SECONDS", 0.2)
    only_commands(monkeypatch, tmp_path, pulumi="echo 'no such stack' >&2; exit 255")
    refuse_second_key(URN, STACK, dry_run=False)
    assert (
        f"can't be seen: The state of stack {STACK} can't be read: no such stack" in capsys.readouterr().err
    )


def test_keys_and_names_are_watched() -> None:
    seen: dict[str, pulumi.ResourceHookBinding | None] = {}

    def look(args: pulumi.ResourceTransformationArgs) -> None:
        seen[args.type_] = args.opts.hooks

    def program() -> None:
        watch_for_interrupted_run()
        # Those of a stack are called in the order of their registration.
        pulumi.runtime.register_stack_transformation(look)
        for resource_type in (KEY, ALIAS, "aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
            pulumi.CustomResource(resource_type, "one", {})

    deploy({}, answers={}, outputs=lambda _: {}, program=program)
    of_key, of_alias, of_attachment = seen.values()
    assert of_key is not None
    assert of_key.before_create
    assert of_alias is not None
    assert of_alias.on_error
    assert of_attachment is None
