"""Stacks of the program's AWS part, each run by a user who has just one IAM document."""

import copy
import json
import shutil
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from components.permissions.aws_arns import DeploymentScope, deployment_scope
from components.settings.load import parse_settings
from sandbox.aws.account import ACCOUNT_ID, CLUSTER_NAME, iam_arn
from sandbox.layout import REPOSITORY
from sandbox.network import REGION
from tests.integration.aws.running_cloud import OPERATOR, Cloud, Credentials, allow, document
from tests.integration.plugin_stack import PluginStack

PROJECT = "plugins"
STACK = "test"
PROGRAM = """
import pulumi

from components.custody_provisioning import provision_custody
from components.cluster_lookup import look_up_cluster
from components.interrupted_run import watch_for_interrupted_run
from components.seal_provisioning import provision_seals
from components.settings import load_settings
from components.webhook_rule import open_webhook

settings = load_settings()
watch_for_interrupted_run()
cluster = look_up_cluster(settings)
guard = pulumi.ComponentResource("test:index:KeyGuard", "guard")
seals = provision_seals(settings, cluster, None, settings.namespace, guard=lambda *_keys: guard)
custody = provision_custody(settings, cluster, seals.current)
open_webhook(settings, cluster)
for name, output in {**seals.outputs, **custody.outputs}.items():
    pulumi.export(name, output)
"""
"""What the program makes in AWS; the rest of it needs Kubernetes and nothing of AWS."""

Configuration = Mapping[str, Any]
NewSettings = Callable[..., Configuration]
"""Makes settings with names and a port that nothing else has."""


def scope_of(
    configuration: Configuration, key_id: str | None = None, secret_key_id: str | None = None
) -> DeploymentScope:
    """What the documents of these settings are for."""
    handed_on = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in configuration.items()
    }
    settings = parse_settings(handed_on, namespace=PROJECT, token=None)
    return deployment_scope(settings, account_id=ACCOUNT_ID, key_id=key_id, secret_key_id=secret_key_id)


def settings_for(cloud: Cloud, **changes: Any) -> Configuration:
    """The settings of a stack on the seeded cluster."""
    return {
        "clusterName": CLUSTER_NAME,
        "region": REGION,
        "nodeSecurityGroupId": cloud.seeded.node_security_group_id,
        "protect": "false",
        **changes,
    }


def actions_of(held: str) -> Set[str]:
    """Every action that a document allows."""
    return {action for statement in json.loads(held)["Statement"] for action in statement["Action"]}


def without(held: str, action: str) -> str:
    """The document with one action less, in whichever statement it stands."""
    parsed = json.loads(held)
    for statement in parsed["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != action]
    parsed["Statement"] = [statement for statement in parsed["Statement"] if statement["Action"]]
    return json.dumps(parsed)


def bearer(cloud: Cloud, held: str, name: str | None = None) -> Credentials:
    """A new user with that document and nothing else."""
    name = name or f"bearer-{uuid4().hex[:12]}"
    iam = cloud.iam()
    iam.create_user(UserName=name)
    policy = iam.create_policy(PolicyName=name, PolicyDocument=held)["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def empty_stack(cloud: Cloud, folder: Path) -> PluginStack:
    """A stack of the program's AWS part, with nothing deployed yet."""
    stack = PluginStack(folder, {"AWS_ENDPOINT_URL": cloud.url, "PYTHONPATH": str(REPOSITORY)})
    stack.program(PROGRAM)
    return stack


def branch(stack: PluginStack, folder: Path, configuration: Configuration, who: Credentials) -> PluginStack:
    """A copy of the stack, as far as it is deployed, with other settings and run by somebody else."""
    shutil.copytree(stack.folder, folder, ignore=shutil.ignore_patterns("home"))
    twin = copy.copy(stack)
    twin.folder = folder
    twin.variables = {
        **stack.variables,
        "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
        # What is selected is kept by folder, in the home that the copies share.
        "PULUMI_STACK": STACK,
        "AWS_ACCESS_KEY_ID": who.access_key_id,
        "AWS_SECRET_ACCESS_KEY": who.secret_access_key,
    }
    file = folder / f"Pulumi.{STACK}.yaml"
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    document["config"] = {f"{PROJECT}:{key}": value for key, value in configuration.items()}
    file.write_text(yaml.safe_dump(document))
    return twin


def changed(settings: Configuration, boundary: str | None) -> Configuration:
    """Settings that change every resource in place."""
    role = {key: value for key, value in settings["role"].items() if key != "permissionsBoundary"}
    return {
        **settings,
        "key": {**settings["key"], "rotation": False},
        "role": {**role, "permissionsBoundary": boundary} if boundary else role,
        "injector": {"port": settings["injector"]["port"] + 10000},
        "tags": {"team": "two"},
        "serviceAccount": "another",
    }


@dataclass(frozen=True)
class Deployed:
    """A stack that the operator deployed, with its settings."""

    stack: PluginStack
    settings: Configuration
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key_id(self) -> str:
        return str(self.outputs["key_id"])


def deploy(empty: PluginStack, folder: Path, settings: Configuration) -> Deployed:
    stack = branch(empty, folder / "stack", settings, OPERATOR)
    stack.up()
    return Deployed(stack, settings, stack.outputs())


def fill_versions(cloud: Cloud, settings: Configuration) -> None:
    """Gives the role's policy other documents until there are as many versions as IAM keeps."""
    iam, arn = cloud.iam(), iam_arn(f"policy/vault/{settings['role']['policyName']}")
    for number in range(len(iam.list_policy_versions(PolicyArn=arn)["Versions"]), 5):
        other = document(allow("kms:DescribeKey", resource=f"arn:aws:kms:::key/{number}"))
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=other, SetAsDefault=True)


def two_at_a_time(attempt: Callable[[str], str], actions: Sequence[str]) -> Mapping[str, Future[str]]:
    """What the attempt without each action says; a command leaves half of two cores idle."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return {action: pool.submit(attempt, action) for action in actions}


def assert_named(said: str, *actions: str) -> None:
    """One of the actions is what the refusal names, and not just an advice that stands beside it."""
    assert any(f"is not authorized to perform: {action} on resource" in said for action in actions), said
