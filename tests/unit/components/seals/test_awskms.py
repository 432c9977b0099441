"""The seal of AWS KMS: its settings, and what Vault learns of key and role."""

import json
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws
import pulumi_kubernetes
import pytest

from components.aws.cluster import EksCluster
from components.aws.pod_trust import IrsaTrust, PodIdentityTrust
from components.aws.provider_settings import AwsProviderSettings
from components.config.reader import ConfigReader
from components.errors import DeploymentError
from components.seals.awskms import Seal, stanza
from components.seals.seal import PodRequirements, ProvisionedSeal, SealArgs, SealStanza
from tests.unit.fakes.mocked_account import (
    ACCOUNT,
    ALIAS,
    ATTACHMENT,
    AWS_PROVIDER,
    CONTROL_PLANE_GROUP,
    GET_STATE,
    ISSUER,
    KEY,
    KEY_ARN,
    KEY_ID,
    POLICY,
    REGION,
    ROLE,
    ROLE_ARN,
    computed,
)
from tests.unit.fakes.recorded_deployment import Answer, Deployment, deploy

ROLE_OF_THE_STACK = f"arn:aws-cn:iam::{ACCOUNT}:role/vault/unsealer"
CREATED: dict[str, Any] = {"role": {"name": "unsealer", "path": "/vault/"}}
EXISTING_KEY = f"arn:aws-cn:kms:cn-north-1:999999999999:key/mrk-{'0' * 32}"
EXISTING: dict[str, Any] = {"key": {"arn": EXISTING_KEY}, "role": {"arn": ROLE_OF_THE_STACK}}
TRUST = IrsaTrust("arn:of:the:provider", ISSUER, "secrets", "vault").policy()
ANSWERS: dict[str, Answer] = {
    GET_STATE: {"outputs": {}},
    "aws:kms/getKey:getKey": {
        "keySpec": "SYMMETRIC_DEFAULT",
        "keyUsage": "ENCRYPT_DECRYPT",
        "keyState": "Enabled",
    },
    "aws:iam/getRole:getRole": {
        "arn": ROLE_OF_THE_STACK,
        "path": "/vault/",
        "uniqueId": "AROAOTHER",
        "assumeRolePolicy": TRUST,
    },
}


def read(values: dict[str, Any], cluster_name: str | None = "example") -> tuple[Seal, list[str]]:
    problems: list[str] = []
    return Seal.from_settings(ConfigReader(values, problems, path="vault-autounseal"), cluster_name), problems


def provisioned(
    values: dict[str, Any] = CREATED, *, oidc_provider: bool = True, on_eks: bool = True
) -> tuple[Deployment, ProvisionedSeal]:
    seal, _ = read(values)
    found: list[ProvisionedSeal] = []

    def program() -> None:
        cluster = EksCluster(
            name="example",
            region=REGION,
            partition="aws-cn",
            account_id=ACCOUNT,
            endpoint="https://example.eks.amazonaws.com",
            certificate_authority="Q0E=",
            issuer=ISSUER,
            security_group_id=CONTROL_PLANE_GROUP,
            oidc_provider_arn="arn:of:the:provider" if oidc_provider else None,
            provider=pulumi_aws.Provider("aws"),
        )
        args = SealArgs(
            cluster=cluster if on_eks else None,
            kubernetes_provider=pulumi_kubernetes.Provider("kubernetes"),
            namespace="secrets",
            namespace_name="secrets",
            service_account="vault",
            pod="vault-0",
            pod_start_seconds=300,
            project=None,
            enable_apis=False,
            aws_provider=AwsProviderSettings(),
            guard=None,
            key_statements=(),
            protect=True,
            tags={},
        )
        result = seal.provision(args)
        found.append(result)
        assert result.stanza is not None
        pulumi.export("stanza", result.stanza.apply(lambda told: {"type": told.type, **told.parameters}))
        pulumi.export("preflight", dict(result.preflight))
        pulumi.export("annotations", dict(result.pods.service_account_annotations))
        pulumi.export("key", result.key)
        for name, value in result.outputs.items():
            pulumi.export(name, value)

    return deploy({}, answers=ANSWERS, outputs=computed, program=program), found[0]


POD_IDENTITY = {"identity": {"kind": "pod-identity"}}
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"


@pytest.mark.parametrize(("values", "issuer", "agent"), [({}, True, False), (POD_IDENTITY, False, True)])
def test_pods_need_an_identity(values: dict[str, Any], issuer: bool, agent: bool) -> None:
    seal, problems = read(values)
    assert problems == []
    assert (seal.needs_token_issuer, seal.needs_pod_identity_agent) == (issuer, agent)
    assert Seal.unseals_itself is True


def test_eks_gives_the_role_to_the_associated_service_account() -> None:
    deployment, seal = provisioned({**CREATED, **POD_IDENTITY}, oidc_provider=False)
    assert seal.pods == PodRequirements()
    cluster = f"arn:aws-cn:eks:{REGION}:{ACCOUNT}:cluster/example"
    trust = PodIdentityTrust(cluster, "secrets", "vault")
    assert deployment.only(ROLE).inputs["assumeRolePolicy"] == trust.policy()
    assert deployment.only(ASSOCIATION).inputs == {
        "clusterName": "example",
        "namespace": "secrets",
        "serviceAccount": "vault",
        "roleArn": ROLE_ARN,
    }
    assert "vault-association" in {resource._name for resource in seal.prerequisites}
    assert deployment.outputs["preflight"] == {
        "seal": "awskms",
        "role_arn": ROLE_ARN,
        "key_arn": KEY_ARN,
        "region": REGION,
        "service_account": "vault",
        "identity": "pod-identity",
        "cluster": "example",
        "cluster_region": REGION,
        "pod": "vault-0",
        "deployer": "",
    }


def test_trust_of_an_existing_role_is_judged_for_eks() -> None:
    with pytest.raises(DeploymentError, match="no statement allows sts:TagSession"):
        provisioned({**EXISTING, **POD_IDENTITY}, oidc_provider=False)


def test_stanza_has_no_credentials() -> None:
    assert stanza(REGION, KEY_ID) == SealStanza("awskms", {"region": REGION, "kms_key_id": KEY_ID})


def test_vault_and_the_init_learn_of_key_and_role() -> None:
    deployment, _ = provisioned()
    assert deployment.outputs == {
        "stanza": {"type": "awskms", "region": REGION, "kms_key_id": KEY_ID},
        "annotations": {"eks.amazonaws.com/role-arn": ROLE_ARN},
        "preflight": {
            "seal": "awskms",
            "role_arn": ROLE_ARN,
            "key_arn": KEY_ARN,
            "region": REGION,
            "service_account": "vault",
        },
        "key": KEY_ARN,
        "key_id": KEY_ID,
        "key_arn": KEY_ARN,
        "key_alias": "alias/vault-auto-unseal",
        "policy_arn": f"arn:aws:iam::{ACCOUNT}:policy/vault-auto-unseal-example",
        "role_arn": ROLE_ARN,
        "role_name": "unsealer",
        "role_path": "/vault/",
        "role_unique_id": "AROAEXAMPLE",
    }


def test_only_the_annotation_is_asked_of_the_pods() -> None:
    _, seal = provisioned()
    assert replace(seal.pods, service_account_annotations={}) == PodRequirements()


def test_key_trusts_the_role_of_the_clusters_partition() -> None:
    policy = provisioned()[0].only(KEY).inputs["policy"]
    assert f'"{ROLE_OF_THE_STACK}"' in policy
    assert "arn:aws:" not in policy


def test_vault_waits_for_key_and_role() -> None:
    deployment, seal = provisioned()
    assert {resource._name for resource in seal.prerequisites} == {"unseal-key", "vault-role"}
    provider = deployment.only(AWS_PROVIDER).urn
    for type_ in (KEY, ALIAS, ROLE, POLICY, ATTACHMENT):
        assert deployment.only(type_).provider.startswith(f"{provider}::")


@pytest.mark.parametrize("cluster", [{"on_eks": False}, {"oidc_provider": False}])
def test_cluster_that_vouches_for_no_pod_is_refused(cluster: dict[str, Any]) -> None:
    with pytest.raises(DeploymentError, match="needs an EKS cluster"):
        provisioned(**cluster)


def test_nothing_is_created_if_key_and_role_exist() -> None:
    deployment, seal = provisioned(EXISTING)
    assert [type_ for type_ in deployment.types if type_.startswith("aws:")] == []
    assert seal.prerequisites == ()
    assert deployment.outputs == {
        # The id alone would be looked for in the role's account.
        "stanza": {"type": "awskms", "region": "cn-north-1", "kms_key_id": EXISTING_KEY},
        "annotations": {"eks.amazonaws.com/role-arn": ROLE_OF_THE_STACK},
        "preflight": {
            "seal": "awskms",
            "role_arn": ROLE_OF_THE_STACK,
            "key_arn": EXISTING_KEY,
            "region": "cn-north-1",
            "service_account": "vault",
        },
        "key": EXISTING_KEY,
        "key_id": EXISTING_KEY.rpartition("/")[2],
        "key_arn": EXISTING_KEY,
        "role_arn": ROLE_OF_THE_STACK,
        "role_name": "unsealer",
        "role_path": "/vault/",
        "role_unique_id": "AROAOTHER",
    }


def test_role_of_the_stack_may_use_the_existing_key_alone() -> None:
    deployment, _ = provisioned({"key": EXISTING["key"]})
    assert deployment.of_type(KEY) == deployment.of_type(ALIAS) == []
    (statement,) = json.loads(deployment.only(POLICY).inputs["policy"])["Statement"]
    assert statement["Resource"] == EXISTING_KEY


def test_key_of_the_stack_lets_the_existing_role_use_it() -> None:
    deployment, _ = provisioned({"role": EXISTING["role"]})
    assert deployment.of_type(ROLE) == deployment.of_type(POLICY) == deployment.of_type(ATTACHMENT) == []
    statements = json.loads(deployment.only(KEY).inputs["policy"])["Statement"]
    assert {"AWS": ROLE_OF_THE_STACK} in [statement["Principal"] for statement in statements]


def test_existing_key_is_known_to_the_guard_before_anything_else() -> None:
    args: Any = None
    assert read(EXISTING)[0].key_in_settings(args) == EXISTING_KEY
    assert read(CREATED)[0].key_in_settings(args) is None
