"""The whole program, run by people who have just the IAM documents that the command prints for them."""

import json
import subprocess
import sys
from dataclasses import replace
from uuid import uuid4

from sandbox.aws.account import ACCOUNT_ID
from sandbox.layout import REPOSITORY
from sandbox.stack import SandboxStack
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.scheduled_snapshots import SCHEDULE, objects_of


def printed(deployment: Deployment, document: str, *options: str) -> str:
    """What the command prints for the sandbox's stack."""
    stack = deployment.stack
    command = [sys.executable, "-m", "components", "aws-policy", document]
    result = subprocess.run(
        [*command, "--account-id", ACCOUNT_ID, *options],
        cwd=stack.layout.stack_configuration,
        env={**stack.environment(), "PYTHONPATH": str(REPOSITORY), "PULUMI_STACK": stack.name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def held_by_somebody(deployment: Deployment, policy: str) -> SandboxStack:
    """The stack as it is run by a new user with that policy and nothing else."""
    iam = deployment.aws("iam")
    name = f"bearer-{uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=policy)["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return replace(
        deployment.stack,
        cloud_environment={
            **deployment.stack.cloud_environment,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        },
    )


def test_each_command_needs_no_more_than_its_document(fresh: Deployment) -> None:
    """With everything that a stack makes in AWS; the first snapshot comes after the end of the root token."""
    bucket = f"{fresh.name}-snapshots"
    snapshots = {"schedule": SCHEDULE, "bucket": bucket, "createBucket": True, "roleName": bucket}
    fresh.configure({"snapshots": snapshots, "init": {"rootToken": "revoke"}})
    previewer = held_by_somebody(fresh, printed(fresh, "preview"))
    previewer.pulumi("preview", quiet=True)

    deployer = held_by_somebody(fresh, printed(fresh, "up"))
    deployer.pulumi("up", "--yes", "--skip-preview", quiet=True)
    outputs = fresh.outputs()
    assert fresh.vault.unsealed() == 3
    assert len(objects_of(fresh.aws("s3"), bucket)) == 2

    previewer.pulumi("preview", "--refresh", quiet=True)

    key = ("--key-id", outputs["key_id"])
    later = held_by_somebody(fresh, printed(fresh, "up", *key))
    later.pulumi("up", "--yes", "--skip-preview", quiet=True)
    role = fresh.aws("iam").get_policy_version(PolicyArn=outputs["policy_arn"], VersionId="v1")
    assert role["PolicyVersion"]["Document"] == json.loads(printed(fresh, "vault-role", *key))

    destroyer = held_by_somebody(fresh, printed(fresh, "destroy", *key))
    destroyer.pulumi("destroy", "--yes", "--skip-preview", quiet=True)
    described = fresh.aws("kms").describe_key(KeyId=outputs["key_id"])["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"
    assert len(objects_of(fresh.aws("s3"), bucket)) == 2


def test_a_missing_action_is_named(fresh: Deployment) -> None:
    policy = json.loads(printed(fresh, "up"))
    for statement in policy["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != "iam:AttachRolePolicy"]
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
    deployer = held_by_somebody(fresh, json.dumps(policy))
    result = deployer.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert "not authorized to perform: iam:AttachRolePolicy on resource" in result.stdout + result.stderr
    # Vault doesn't start without the permission to use its key.
    started = fresh.cluster.run("get", "statefulset", fresh.name, fresh.in_namespace)
    assert started.returncode != 0
