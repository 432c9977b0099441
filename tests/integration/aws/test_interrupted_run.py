"""Runs that are killed when AWS has created something: once for each kind of resource, on one stack."""

import json
import subprocess
from collections.abc import Iterator, Set
from pathlib import Path

import pytest

from sandbox.network import REGION
from tests.end_to_end.faults import sessions
from tests.integration.aws.interrupting_proxy import InterruptingProxy, interrupting_proxy
from tests.integration.aws.permissions.permission_stack import branch, empty_stack, settings_for
from tests.integration.aws.running_cloud import OPERATOR, Cloud
from tests.integration.plugin_stack import PluginStack

pytestmark = pytest.mark.timeout(900)

RESUMED = "-m components resume"
REPEATED = frozenset({"AttachRolePolicy", "PutResourcePolicy"})
"""What AWS does again without a complaint, so that the next run goes on by itself."""
RULE = "AuthorizeSecurityGroupIngress"
"""The next run takes an equal rule for somebody else's, and goes on without one of its own."""
CREATIONS = REPEATED | {
    RULE,
    "CreateAlias",
    "CreateKey",
    "CreatePolicy",
    "CreateRole",
    "CreateSecret",
}


@pytest.fixture
def proxy(cloud: Cloud) -> Iterator[InterruptingProxy]:
    with interrupting_proxy(cloud.url) as running:
        yield running


@pytest.fixture
def stack(cloud: Cloud, proxy: InterruptingProxy, tmp_path: Path) -> PluginStack:
    """With a key, a role, a rule and a secret that has a key of its own."""
    (tmp_path / "empty").mkdir()
    settings = settings_for(
        cloud,
        key={"alias": "alias/interrupted"},
        role={"name": "interrupted"},
        injector={"port": 30555},
        custody={
            "store": "aws-secrets-manager",
            "name": "vault/interrupted",
            "region": REGION,
            "readers": [cloud.sts().get_caller_identity()["Arn"]],
        },
    )
    made = branch(empty_stack(cloud, tmp_path / "empty"), tmp_path / "stack", settings, OPERATOR)
    made.variables = {**made.variables, "AWS_ENDPOINT_URL": proxy.url}
    return made


def killed_run(stack: PluginStack, proxy: InterruptingProxy, actions: Set[str]) -> str:
    """Update, killed with all its processes after the first of these actions, which is returned."""
    done: list[str] = []
    # One after the other, so that a run doesn't leave several of them.
    command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--parallel=1"]
    with (stack.folder / "killed.log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=stack.folder,
            env=stack.variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

        def kill(action: str) -> None:
            done.append(action)
            sessions.kill(process.pid)

        proxy.interrupt_after(actions, kill)
        assert process.wait(timeout=180) < 0, (stack.folder / "killed.log").read_text()
    stack.pulumi("cancel", "--yes")
    return done[0]


def resume(stack: PluginStack) -> str:
    result = stack.components("resume", "--yes")
    assert result.returncode == 0, result.stderr
    return result.stderr


def unfinished(stack: PluginStack) -> Set[str]:
    """URNs of what the state has as being created."""
    deployment = json.loads(stack.pulumi("stack", "export"))["deployment"]
    return {operation["resource"]["urn"] for operation in deployment.get("pending_operations", ())}


def test_each_interrupted_creation_is_repeated_or_taken_over(
    stack: PluginStack, proxy: InterruptingProxy, cloud: Cloud
) -> None:
    others = enabled_keys(cloud)
    left, repeated = set(CREATIONS), set[str]()
    while left:
        action = killed_run(stack, proxy, left)
        left.discard(action)
        (urn,) = unfinished(stack) - repeated
        if action in REPEATED:
            # The next run does it again; Pulumi warns of it until the end.
            repeated.add(urn)
            continue
        if action != RULE:
            # Alone, so that the others are there to be interrupted.
            said = stack.pulumi("up", "--yes", "--skip-preview", "--target", urn, fails=True)
            assert RESUMED in said, f"{action}: {said}"
        assert " exists: " in resume(stack), action
        repeated.clear()
        assert unfinished(stack) == set()
    stack.up()
    resume(stack)
    assert stack.foretold() == {}
    keys = {stack.outputs()[name].rpartition("/")[2] for name in ("key_id", "secret_key_arn")}
    assert enabled_keys(cloud) - others == keys


def enabled_keys(cloud: Cloud) -> set[str]:
    """List the ids of the cloud's enabled keys, also those that an earlier test of its left."""
    kms = cloud.kms()
    found = {key["KeyId"] for key in kms.list_keys()["Keys"]}
    return {key for key in found if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"}
