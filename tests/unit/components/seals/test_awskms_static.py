"""The seal of AWS KMS with a user's access key: on a cluster without EKS, and on EKS."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.errors import DeploymentError
from components.seals.awskms import Seal
from components.seals.seal import ProvisionedSeal, SecretVariable
from components.settings import Settings
from tests.unit.fakes.mocked_account import (
    ACCOUNT,
    ATTACHMENT,
    AWS_PROVIDER,
    GET_STATE,
    KEY,
    KEY_ID,
    ROLE,
    computed,
)
from tests.unit.fakes.recorded_deployment import NOT_FOUND, Answer, Deployment, deploy
from tests.unit.fakes.seal_args import provisioned_seal
from tests.unit.fakes.stack_settings import EKS, parse, problems

REGION = "eu-central-1"
USER = f"arn:aws:iam::{ACCOUNT}:user/machines/vault"
IDENTITY = {"kind": "static", "userArn": USER}
STATIC: Mapping[str, Any] = {"kubeContext": "here", "region": REGION, "identity": IDENTITY}
EXISTING_KEY = f"arn:aws:kms:us-west-2:999999999999:key/{KEY_ID}"
WITH_KEY: Mapping[str, Any] = {
    "kubeContext": "here",
    "key": {"arn": EXISTING_KEY},
    "identity": {
        "kind": "static",
        "secret": "unseal",
        "accessKeyIdEntry": "id",
        "secretAccessKeyEntry": "key",
    },
}
GET_CALLER = "aws:index/getCallerIdentity:getCallerIdentity"
CALLER = {"accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/ada", "userId": "AIDA"}
ANSWERS: Mapping[str, Answer] = {
    GET_CALLER: CALLER,
    GET_STATE: {"outputs": {}},
    "aws:kms/getKey:getKey": {
        "keySpec": "SYMMETRIC_DEFAULT",
        "keyUsage": "ENCRYPT_DECRYPT",
        "keyState": "Enabled",
    },
}


def seal_of(settings: Settings) -> Seal:
    assert isinstance(settings.seal, Seal)
    return settings.seal


def provisioned(
    values: Mapping[str, Any], answers: Mapping[str, Answer] = ANSWERS
) -> tuple[Deployment, ProvisionedSeal]:
    found: list[ProvisionedSeal] = []

    def program() -> None:
        seal = provisioned_seal(parse(values))
        assert seal.stanza is not None
        found.append(seal)
        pulumi.export("stanza", seal.stanza.apply(lambda told: dict(told.parameters)))
        pulumi.export("preflight", dict(seal.preflight))

    return deploy({}, answers=answers, outputs=computed, program=program), found[0]


def test_no_cluster_of_aws_is_needed() -> None:
    seal = seal_of(parse(STATIC))
    assert not (seal.needs_managed_cluster or seal.needs_token_issuer or seal.needs_pod_identity_agent)
    assert seal.role is None
    assert seal.region_without_cluster == REGION
    assert seal_of(parse(WITH_KEY)).region_without_cluster == "us-west-2"


def test_key_lets_the_user_use_it_and_no_role_is_created() -> None:
    deployment, seal = provisioned(STATIC)
    assert deployment.of_type(ROLE) == deployment.of_type(ATTACHMENT) == []
    assert deployment.only(AWS_PROVIDER).inputs["region"] == REGION
    administration, use = json.loads(deployment.only(KEY).inputs["policy"])["Statement"]
    assert administration["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert (use["Principal"], "Condition" in use) == ({"AWS": USER}, False)
    assert deployment.outputs["stanza"] == {"region": REGION, "kms_key_id": KEY_ID}
    assert [resource._name for resource in seal.prerequisites] == ["unseal-key"]


def test_pods_and_preflight_take_the_key_from_the_secret() -> None:
    deployment, seal = provisioned(WITH_KEY)
    assert [type_ for type_ in deployment.types if type_.startswith("aws:")] == []
    assert list(seal.pods.secret_environment) == [
        SecretVariable("AWS_ACCESS_KEY_ID", "unseal", "id"),
        SecretVariable("AWS_SECRET_ACCESS_KEY", "unseal", "key"),
    ]
    assert seal.pods.service_account_annotations == {}
    assert deployment.outputs["stanza"] == {"region": "us-west-2", "kms_key_id": EXISTING_KEY}
    assert deployment.outputs["preflight"] == {
        "seal": "awskms",
        "key_arn": EXISTING_KEY,
        "region": "us-west-2",
        "identity": "static",
        "secret": "unseal",
        "access_key_id": "id",
        "secret_access_key": "key",
    }


@pytest.mark.parametrize(
    ("caller", "said"),
    [
        ({**CALLER, "accountId": "999999999999"}, "created in account 999999999999"),
        (NOT_FOUND, "The AWS credentials in use don't work in eu-central-1"),
    ],
)
def test_account_of_another_user_or_of_nobody_is_refused(caller: Answer, said: str) -> None:
    with pytest.raises(DeploymentError, match=said):
        provisioned(STATIC, {**ANSWERS, GET_CALLER: caller})


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({**STATIC, "identity": {"kind": "static"}}, "identity.userArn"),
        ({**STATIC, "identity": {"kind": "static", "userArn": "vault"}}, "identity.userArn"),
        ({**STATIC, "role": {"name": "vault"}}, "role"),
        ({"kubeContext": "here", "identity": IDENTITY}, "region"),
        ({**WITH_KEY, "region": REGION}, "region"),
        ({**WITH_KEY, "identity": IDENTITY}, "identity.userArn"),
        ({**EKS, "identity": {"kind": "irsa", "userArn": USER}}, "identity.userArn"),
        ({**EKS, "identity": {"kind": "pod-identity", "secret": "x"}}, "identity.secret"),
        ({"kubeContext": "here", "identity": {"kind": "pod-identity"}}, "clusterName"),
    ],
)
def test_setting_that_does_not_fit_the_identity_is_refused(values: Mapping[str, Any], setting: str) -> None:
    (problem,) = problems(values)
    assert problem.startswith(f"vault-autounseal:{setting} is ")


def test_on_eks_the_region_is_the_clusters() -> None:
    assert seal_of(parse({**EKS, "identity": IDENTITY})).region_without_cluster == ""


def test_a_seal_of_a_user_can_be_left() -> None:
    leaving = {"seal": "awskms", "region": REGION, "identity": IDENTITY}
    found = parse({"seal": "shamir", "kubeContext": "here", "migrateFrom": leaving}).migrate_from
    assert isinstance(found, Seal)
    assert found.region_without_cluster == REGION
