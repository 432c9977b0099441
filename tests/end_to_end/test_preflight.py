"""What is proved before the init: nothing irreversible happens while Vault's role can't use its key."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.end_to_end.conftest import Deployment

ACTIONS = ("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey")


@dataclass(frozen=True)
class Cloud:
    """Role and key of a stack whose init hasn't happened yet, to be broken behind Pulumi's back."""

    deployment: Deployment
    boundary: str
    """ARN of the policy that bounds the role."""

    @property
    def iam(self) -> Any:
        return self.deployment.aws("iam")

    @property
    def kms(self) -> Any:
        return self.deployment.aws("kms")

    @property
    def role(self) -> Mapping[str, Any]:
        return self._resource("aws:iam/role:Role")

    @property
    def key(self) -> Mapping[str, Any]:
        return self._resource("aws:kms/key:Key")

    def bound(self, actions: Sequence[str]) -> None:
        """Lets the role do these actions at most."""
        versions = self.iam.list_policy_versions(PolicyArn=self.boundary)["Versions"]
        self.iam.create_policy_version(
            PolicyArn=self.boundary, PolicyDocument=allowing(actions), SetAsDefault=True
        )
        for version in versions:
            self.iam.delete_policy_version(PolicyArn=self.boundary, VersionId=version["VersionId"])

    def up(self) -> str:
        """What an update says that has to fail."""
        result = self.deployment.stack.run("up", "--yes", "--skip-preview")
        assert result.returncode != 0, result.stdout
        assert "Traceback" not in result.stdout
        return result.stdout

    def _resource(self, kind: str) -> Mapping[str, Any]:
        state = json.loads(self.deployment.stack.pulumi("stack", "export", quiet=True))
        (found,) = (entry for entry in state["deployment"]["resources"] if entry["type"] == kind)
        outputs: Mapping[str, Any] = found["outputs"]
        return outputs


def allowing(actions: Sequence[str]) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def cloud(deployment: Deployment) -> Iterator[Cloud]:
    """The stack up to its init, which a boundary without `kms:Encrypt` has stopped."""
    deployment.ensure_nothing()
    policy = deployment.aws("iam").create_policy(
        PolicyName="preflight-boundary", PolicyDocument=allowing(ACTIONS[1:])
    )["Policy"]
    deployment.configure(
        {"role": {"permissionsBoundary": policy["Arn"]}, "deadlines": {"preflightSeconds": 10}}
    )
    found = Cloud(deployment, policy["Arn"])
    said = found.up()
    assert "kms:Encrypt failed: AccessDeniedException" in said
    yield found
    deployment.ensure_nothing()
    deployment.aws("iam").delete_policy(PolicyArn=policy["Arn"])


@contextmanager
def missing(cloud: Cloud, action: str) -> Iterator[None]:
    cloud.bound([kept for kept in ACTIONS if kept != action])
    yield
    cloud.bound(ACTIONS)


@contextmanager
def other_trust(cloud: Cloud) -> Iterator[None]:
    role = cloud.role
    wrong = role["assumeRolePolicy"].replace(":vault:", ":vault:other-than-")
    assert wrong != role["assumeRolePolicy"]
    cloud.bound(ACTIONS)
    cloud.iam.update_assume_role_policy(RoleName=role["name"], PolicyDocument=wrong)
    yield
    cloud.iam.update_assume_role_policy(RoleName=role["name"], PolicyDocument=role["assumeRolePolicy"])


@contextmanager
def key_without_role(cloud: Cloud) -> Iterator[None]:
    key = cloud.key
    policy = json.loads(key["policy"])
    policy["Statement"] = [found for found in policy["Statement"] if found["Sid"] != "VaultRoleUsesKey"]
    cloud.bound(ACTIONS)
    cloud.kms.put_key_policy(KeyId=key["keyId"], Policy=json.dumps(policy))
    yield
    cloud.kms.put_key_policy(KeyId=key["keyId"], Policy=key["policy"])


@contextmanager
def disabled_key(cloud: Cloud) -> Iterator[None]:
    cloud.bound(ACTIONS)
    cloud.kms.disable_key(KeyId=cloud.key["keyId"])
    yield
    cloud.kms.enable_key(KeyId=cloud.key["keyId"])


FAULTS: Mapping[str, tuple[Callable[[Cloud], AbstractContextManager[None]], str, str]] = {
    **{
        f"no {action}": (
            functools.partial(missing, action=action),
            f"{action} failed: AccessDeniedException",
            f"has to allow {action} on arn:aws:kms:",
        )
        for action in ACTIONS
    },
    "trust policy": (
        other_trust,
        "sts:AssumeRoleWithWebIdentity failed: AccessDenied",
        "sub system:serviceaccount:vault:vault",
    ),
    "key policy": (
        key_without_role,
        "kms:Encrypt failed: AccessDeniedException",
        "the key policy has to let this role use the key",
    ),
    "disabled key": (disabled_key, "is in the state Disabled", "Enable it: aws kms enable-key"),
}


@pytest.mark.parametrize(("fault", "failed", "mend"), FAULTS.values(), ids=FAULTS)
def test_fault_stops_the_run_before_the_init(
    cloud: Cloud, fault: Callable[[Cloud], AbstractContextManager[None]], failed: str, mend: str
) -> None:
    with fault(cloud):
        said = cloud.up()
    assert failed in said, said
    assert mend in said
    assert "nothing was initialised" in said
    assert journals(cloud) == []


def test_mended_stack_is_initialised_and_leaves_no_journal(cloud: Cloud) -> None:
    cloud.bound(ACTIONS)
    cloud.deployment.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    vault = cloud.deployment.vault
    assert vault.unsealed() == len(vault.pods()) > 0
    assert journals(cloud) == []


def journals(cloud: Cloud) -> list[str]:
    """Journals of an init, in the cluster and on this machine; not those of earlier clusters."""
    cluster = cloud.deployment.cluster
    names = [secret["metadata"]["name"] for secret in cluster.get("secrets", "--namespace=vault")["items"]]
    uid = cluster.get("namespace", "kube-system")["metadata"]["uid"]
    files = (cloud.deployment.stack.layout.pulumi_home / "vault-autounseal").glob("*.json")
    return [
        *(name for name in names if name.endswith("-operator-init")),
        *(str(file) for file in files if uid in file.read_text()),
    ]
