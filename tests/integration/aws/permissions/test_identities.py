"""The rights for the identities other than IRSA: enough, and each one of their own missed."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import chain
from pathlib import Path
from uuid import uuid4

import pytest

from components.permissions.aws import destroy_policy, preview_policy, up_policy
from sandbox.network import REGION
from tests.integration.aws.permissions.permission_stack import (
    Configuration,
    Deployed,
    NewSettings,
    assert_named,
    bearer,
    branch,
    deploy,
    scope_of,
    two_at_a_time,
    without,
)
from tests.integration.aws.running_cloud import Cloud, Credentials, document
from tests.integration.plugin_stack import PluginStack

pytestmark = pytest.mark.timeout(900)

FROM_NOTHING = (
    "eks:CreatePodIdentityAssociation",
    "eks:DescribeAddon",
    "eks:TagResource",
    "iam:PassRole",
)


def both(first: str, second: str) -> str:
    """Return one document with the statements of two."""
    held = [json.loads(each)["Statement"] for each in (first, second)]
    return document(*({**statement, "Sid": f"S{n}"} for n, statement in enumerate(chain(*held))))


@pytest.fixture(scope="module")
def new_association(new_settings: NewSettings) -> Callable[[], Configuration]:
    """Makes settings with a service account that nothing else has associated."""
    return lambda: new_settings(
        identity={"kind": "pod-identity"}, namespace=f"vault-{uuid4().hex[:8]}", injector={"enabled": False}
    )


@pytest.fixture(scope="module")
def associated(
    empty: PluginStack,
    new_association: Callable[[], Configuration],
    tmp_path_factory: pytest.TempPathFactory,
) -> Deployed:
    return deploy(empty, tmp_path_factory.mktemp("associated"), new_association())


@pytest.fixture(scope="module")
def said(
    cloud: Cloud,
    empty: PluginStack,
    associated: Deployed,
    new_association: Callable[[], Configuration],
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Future[str]]:
    """What a command says without each action."""
    old = associated.settings
    role = {**old["role"], "name": f"{old['role']['name']}-2"}
    updates: Mapping[str, Configuration] = {
        "eks:UntagResource": {**old, "tags": {"team": "two"}},
        "eks:UpdatePodIdentityAssociation": {**old, "role": role},
    }
    deletion = destroy_policy(scope_of(old, associated.key_id))

    def attempt(action: str) -> str:
        folder = tmp_path_factory.mktemp("missed") / "stack"
        if action in FROM_NOTHING:
            settings = new_association()
            who = bearer(cloud, without(up_policy(scope_of(settings)), action))
            return branch(empty, folder, settings, who).up(fails=True)
        if action in updates:
            held = both(up_policy(scope_of(updates[action])), both(up_policy(scope_of(old)), deletion))
            return branch(associated.stack, folder, updates[action], bearer(cloud, without(held, action))).up(
                fails=True
            )
        command: Sequence[str] = ("refresh", "--preview-only")
        held = preview_policy(scope_of(old))
        if action == "eks:DeletePodIdentityAssociation":
            command, held = ("destroy", "--yes", "--skip-preview"), deletion
        who = bearer(cloud, without(held, action))
        return branch(associated.stack, folder, old, who).pulumi(*command, fails=True)

    # The deletion is the last: it takes what it may.
    return two_at_a_time(attempt, ACTIONS)


ACTIONS = (
    *FROM_NOTHING,
    "eks:UntagResource",
    "eks:DescribePodIdentityAssociation",
    "eks:UpdatePodIdentityAssociation",
    "eks:DeletePodIdentityAssociation",
)


@pytest.mark.parametrize("action", ACTIONS)
def test_association_misses_each_action(said: Mapping[str, Future[str]], action: str) -> None:
    assert_named(said[action].result(), action)


def test_rights_are_enough_for_an_association(
    cloud: Cloud, empty: PluginStack, new_association: Callable[[], Configuration], tmp_path: Path
) -> None:
    settings = new_association()
    stack = branch(empty, tmp_path / "stack", settings, bearer(cloud, up_policy(scope_of(settings))))
    stack.up()
    assert stack.foretold() == {}
    deletion = destroy_policy(scope_of(settings, stack.outputs()["key_id"]))
    who = bearer(cloud, deletion)
    branch(stack, tmp_path / "destroyed", settings, who).pulumi("destroy", "--yes", "--skip-preview")
    left = cloud.eks().list_pod_identity_associations(
        clusterName=settings["clusterName"], namespace=settings["namespace"]
    )
    assert left["associations"] == []


def test_rights_are_enough_for_a_users_key(cloud: Cloud, empty: PluginStack, tmp_path: Path) -> None:
    name = f"vault-{uuid4().hex[:8]}"
    user = cloud.iam().create_user(UserName=name)["User"]["Arn"]
    settings: Configuration = {
        "kubeContext": "here",
        "region": REGION,
        "protect": "false",
        "key": {"alias": f"alias/{name}", "retainOnDestroy": False, "deletionWindowDays": 7},
        "identity": {"kind": "static", "userArn": user},
    }
    stack = branch(empty, tmp_path / "stack", settings, bearer(cloud, up_policy(scope_of(settings))))
    stack.up()
    assert stack.foretold() == {}
    key_id = stack.outputs()["key_id"]
    key = cloud.iam().create_access_key(UserName=name)["AccessKey"]
    kms = cloud.kms(Credentials(key["AccessKeyId"], key["SecretAccessKey"]))
    encrypted = kms.encrypt(KeyId=key_id, Plaintext=b"root key")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=encrypted)["Plaintext"] == b"root key"
    who = bearer(cloud, destroy_policy(scope_of(settings, key_id)))
    branch(stack, tmp_path / "destroyed", settings, who).pulumi("destroy", "--yes", "--skip-preview")
