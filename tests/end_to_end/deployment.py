"""A stack of the program in the sandbox: alone as `make up` has it, or beside others in the same cluster."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

import boto3

from sandbox.lifecycle import Environment
from sandbox.stack import SandboxStack
from tests.end_to_end.running_vault import Cluster, RunningVault

DEFAULT_NAME = "vault"
ONE_POD: Mapping[str, object] = {"replicas": 1, "injector": {"enabled": False}}
"""Settings of a deployment in which neither raft nor the injector is what is tried."""
CLUSTER_WIDE = "mutatingwebhookconfigurations,clusterroles,clusterrolebindings"


@dataclass
class Deployment:
    """One stack, and which settings it is deployed with now."""

    environment: Environment
    name: str = DEFAULT_NAME
    """Of the namespace and the release; it has ``vault`` in it, as the chart then adds nothing."""
    deployed: Mapping[str, object] | None = None
    node_security_group: str = ""
    """The nodes' security group that only this stack knows; empty for the sandbox's."""

    def beside(self, name: str) -> Self:
        """Create another stack, with a namespace, release, key, role and state of its own."""
        state = self.stack.layout.run / "backends" / name
        stack = dataclasses.replace(self.stack, name=name, backend=state)
        other = type(self)(dataclasses.replace(self.environment, stack=stack), name)
        other.prepare_cloud()
        other.configure({})
        stack.select()
        return other

    def prepare_cloud(self) -> None:
        """Create a security group: AWS takes the injector's rule once in a group."""
        ec2 = self.aws("ec2")
        nodes = self.environment.settings["nodeSecurityGroupId"]
        [group] = ec2.describe_security_groups(GroupIds=[nodes])["SecurityGroups"]
        self.node_security_group = ec2.create_security_group(
            GroupName=self.name, Description=f"nodes of {self.name}", VpcId=group["VpcId"]
        )["GroupId"]

    @property
    def stack(self) -> SandboxStack:
        """The stack."""
        return self.environment.stack

    @property
    def cluster(self) -> Cluster:
        """The Kubernetes cluster."""
        return Cluster(self.stack)

    @property
    def vault(self) -> RunningVault:
        """The Vault of this deployment, whether or not its update has come to its end."""
        return RunningVault(self.cluster, self.name, self.name)

    @property
    def in_namespace(self) -> str:
        """kubectl's option that names the namespace."""
        return f"--namespace={self.name}"

    @property
    def alias(self) -> str:
        """Alias of the seal's key."""
        return "alias/vault-auto-unseal" if self.name == DEFAULT_NAME else f"alias/{self.name}"

    def ensure(self, settings: Mapping[str, object]) -> None:
        """Deploy with these settings on top of the sandbox's own; anew, unless that is so already."""
        if self.deployed != settings:
            self.ensure_nothing()
            self.configure(settings)
            self.up()
            self.deployed = settings

    def ensure_nothing(self) -> None:
        """Destroy what is deployed."""
        state = json.loads(self.stack.pulumi("stack", "export", quiet=True))
        if state["deployment"].get("resources"):
            self.stack.pulumi("destroy", "--yes", "--skip-preview", quiet=True)
        self.deployed = None

    def discard(self) -> None:
        """Let everything in the cluster go, without waiting for it; no other stack has these names.

        For a deployment whose destroy isn't what is tried: what it had in the cloud stays.
        """
        self.cluster.run("delete", "namespace", self.name, "--wait=false", "--ignore-not-found")
        own = f"--selector=app.kubernetes.io/instance={self.name}"
        self.cluster.run("delete", CLUSTER_WIDE, own, "--wait=false")

    def up(self) -> None:
        """Update, which has to succeed."""
        self.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)

    def run_command(
        self, *arguments: str, stdin: str = "", expected: Collection[int] = (0,)
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command of the program on this stack, which has to end with one of these exit codes."""
        result = subprocess.run(
            [sys.executable, "-m", "components", *arguments],
            cwd=self.stack.program,
            env={**self.stack.environment(), "PULUMI_STACK": self.stack.name},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert result.returncode in expected, result.stdout + result.stderr
        return result

    def configure(self, settings: Mapping[str, object]) -> None:
        """Write the sandbox's configuration with these settings on top, or without those that are None."""
        own = {} if self.name == DEFAULT_NAME else self.own_names(settings)
        self.stack.configure({**self.environment.settings, **settings, **own})

    def set_secret(self, name: str, value: str) -> None:
        """Set an encrypted setting on top of those that were configured last."""
        subprocess.run(
            self.stack.command(("config", "set", "--secret", name)),
            cwd=self.stack.program,
            env=self.stack.environment(),
            input=value,
            text=True,
            check=True,
            capture_output=True,
        )

    def own_names(self, settings: Mapping[str, Any]) -> dict[str, object]:
        """Settings that have names in them, with the names that only this deployment has."""
        names: dict[str, object] = {"namespace": self.name, "releaseName": self.name}
        if settings.get("nodeSecurityGroupId", self.node_security_group) is not None:
            names["nodeSecurityGroupId"] = self.node_security_group
        if settings.get("seal", "awskms") != "awskms":
            return names | {"key": None}
        key = {"alias": self.alias, "retainOnDestroy": False, "deletionWindowDays": 7}
        wanted = settings.get("key", {})
        static = settings.get("identity", {}).get("kind") == "static"
        role = settings.get("role", {})
        # A key or role that exists has its own name.
        own_role = role if "arn" in role else {"name": self.name, **role}
        return names | {
            "key": wanted if "arn" in wanted else {**key, **wanted},
            "role": None if static else own_role,
        }

    def outputs(self) -> dict[str, Any]:
        """Stack outputs, secrets in clear."""
        text = self.stack.pulumi("stack", "output", "--json", "--show-secrets", quiet=True)
        outputs: dict[str, Any] = json.loads(text)
        return outputs

    def has_key(self) -> bool:
        """Whether there is an alias of the seal's key in AWS."""
        return self.alias in [alias["AliasName"] for alias in self.aws("kms").list_aliases()["Aliases"]]

    def has_namespace(self) -> bool:
        """Whether Vault's namespace is there."""
        return self.cluster.run("get", "namespace", self.name).returncode == 0

    def aws(self, service: str) -> Any:
        """A boto3 client with the operator's credentials."""
        environment = self.stack.cloud_environment
        return boto3.client(
            service,  # type: ignore[call-overload]  # the stubs want a literal for each service
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
