"""EKS Pod Identity: associations, the agent at its address, and the API that the agent calls."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from components.aws.pod_trust import PodIdentityTrust
from components.aws.preflight import prove_seal
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from sandbox.aws.account import ACCOUNT_ID, CLUSTER_NAME, regional_arn
from sandbox.aws.pod_identity_associations import AGENT_ADDON
from sandbox.network import REGION
from tests.integration.aws.running_cloud import (
    Cloud,
    Credentials,
    MakeVaultWorld,
    VaultWorld,
    allow,
    refusal,
)
from tests.unit.fakes.commands_on_path import only_commands

CLUSTER_ARN = regional_arn("eks", REGION, f"cluster/{CLUSTER_NAME}")
ASSOCIATIONS = regional_arn("eks", REGION, f"podidentityassociation/{CLUSTER_NAME}/*")
POD = {"pod": {"name": "vault-0", "uid": str(uuid4())}}
AUDIENCE = ["pods.eks.amazonaws.com"]


def trust(namespace: str = "vault", service_account: str = "vault") -> str:
    return PodIdentityTrust(CLUSTER_ARN, namespace, service_account).policy()


@pytest.fixture
def world(cloud: Cloud, make_vault_world: MakeVaultWorld) -> Iterator[VaultWorld]:
    """A role that trusts the pods of vault/vault, and is associated with them."""
    found = make_vault_world(trust_policy=trust())
    identifier = cloud.eks().create_pod_identity_association(
        clusterName=CLUSTER_NAME, namespace="vault", serviceAccount="vault", roleArn=found.role_arn
    )["association"]["associationId"]
    yield found
    cloud.eks().delete_pod_identity_association(clusterName=CLUSTER_NAME, associationId=identifier)


def pod_token(cloud: Cloud, **claims: object) -> str:
    return cloud.token(None, **{"aud": AUDIENCE, "kubernetes.io": POD, **claims})


def asked(cloud: Cloud, token: str, host: str = "169.254.170.23") -> Mapping[str, str]:
    """What the agent answers a pod; the tests call it by another address than pods do."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{cloud.settings.agent_port}/v1/credentials",
        headers={"Authorization": token, "Host": host},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 loopback
        found: Mapping[str, str] = json.load(answer)
        return found


def refused(cloud: Cloud, token: str, host: str = "169.254.170.23") -> str:
    with pytest.raises(urllib.error.HTTPError) as raised:
        asked(cloud, token, host)
    return raised.value.read().decode()


def eks_auth(cloud: Cloud, credentials: Credentials) -> Any:
    # It has no stubs here.
    return cloud.session(credentials).client("eks-auth", endpoint_url=cloud.url)


def test_pod_gets_its_role_from_the_agent(cloud: Cloud, world: VaultWorld) -> None:
    got = asked(cloud, pod_token(cloud))
    assert got["AccountId"] == ACCOUNT_ID
    credentials = Credentials(got["AccessKeyId"], got["SecretAccessKey"], got["Token"])
    assert world.role_name in cloud.sts(credentials).get_caller_identity()["Arn"]
    assert cloud.kms(credentials).encrypt(KeyId=world.key_arn, Plaintext=b"x")["CiphertextBlob"]


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": ["sts.amazonaws.com"]}, "InvalidTokenException"),
        ({"kubernetes.io": {}}, "InvalidTokenException"),
        ({"iss": "https://oidc.example.com", "exp": 1}, "ExpiredTokenException"),
        ({"sub": "system:serviceaccount:vault:other"}, "ResourceNotFoundException"),
        ({"sub": "system:serviceaccount:other:vault"}, "ResourceNotFoundException"),
    ],
)
def test_token_of_another_kind_or_account_gets_nothing(
    cloud: Cloud, claims: Mapping[str, object], code: str
) -> None:
    assert code in refused(cloud, pod_token(cloud, **claims))


@pytest.mark.usefixtures("world")
def test_agent_answers_at_its_own_address_alone(cloud: Cloud) -> None:
    assert "invalid address" in refused(cloud, pod_token(cloud), host="10.244.0.1")


@pytest.mark.usefixtures("world")
def test_without_the_add_on_there_is_no_agent(cloud: Cloud) -> None:
    cloud.eks().delete_addon(clusterName=CLUSTER_NAME, addonName=AGENT_ADDON)
    try:
        assert "There is no EKS Pod Identity Agent" in refused(cloud, pod_token(cloud))
        with refusal("ResourceNotFoundException"):
            cloud.eks().describe_addon(clusterName=CLUSTER_NAME, addonName=AGENT_ADDON)
    finally:
        cloud.eks().create_addon(clusterName=CLUSTER_NAME, addonName=AGENT_ADDON)


@pytest.mark.parametrize(
    "trust_policy",
    [
        trust(namespace="other"),
        trust(service_account="other"),
        trust().replace(CLUSTER_ARN, f"{CLUSTER_ARN}-2"),
        trust().replace('"sts:TagSession"', '"sts:SetSourceIdentity"'),
        trust().replace("pods.eks", "eks"),
    ],
    ids=["namespace", "service account", "cluster", "no TagSession", "service"],
)
def test_role_that_trusts_other_pods_is_refused(cloud: Cloud, world: VaultWorld, trust_policy: str) -> None:
    cloud.iam().update_assume_role_policy(RoleName=world.role_name, PolicyDocument=trust_policy)
    assert "EKS does not have permissions to assume the associated role" in refused(cloud, pod_token(cloud))


def test_api_of_the_agent_takes_a_right_on_the_cluster(cloud: Cloud, world: VaultWorld) -> None:
    token = pod_token(cloud)
    nobody = cloud.user(allow("eks-auth:AssumeRoleForPodIdentity", resource=f"{CLUSTER_ARN}-2"))
    with refusal("AccessDeniedException"):
        eks_auth(cloud, nobody.credentials).assume_role_for_pod_identity(
            clusterName=CLUSTER_NAME, token=token
        )
    node = cloud.user(allow("eks-auth:AssumeRoleForPodIdentity", resource=CLUSTER_ARN))
    answer = eks_auth(cloud, node.credentials).assume_role_for_pod_identity(
        clusterName=CLUSTER_NAME, token=token
    )
    assert answer["subject"] == {"namespace": "vault", "serviceAccount": "vault"}
    assert world.role_name in answer["assumedRoleUser"]["arn"]


def test_association_takes_the_right_to_pass_the_role(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    role = make_vault_world(trust_policy=trust()).role_arn

    def associate(*statements: Mapping[str, object]) -> str:
        eks = cloud.eks(cloud.user(*statements).credentials)
        return eks.create_pod_identity_association(
            clusterName=CLUSTER_NAME, namespace="passing", serviceAccount="vault", roleArn=role
        )["association"]["associationId"]

    creation = allow("eks:CreatePodIdentityAssociation", resource=CLUSTER_ARN)
    to_eks = {"StringEquals": {"iam:PassedToService": "pods.eks.amazonaws.com"}}
    passing = allow("iam:PassRole", resource=role, Condition=to_eks)
    reading = allow("iam:GetRole", resource=role)
    for held in ([creation, reading], [passing, reading], [creation, passing]):
        with refusal("AccessDeniedException"):
            associate(*held)
    identifier = associate(creation, passing, reading)
    with refusal("ResourceInUseException", f"Association already exists: {identifier}"):
        associate(creation, passing, reading)
    with refusal("AccessDeniedException"):
        cloud.eks(cloud.user(creation).credentials).delete_pod_identity_association(
            clusterName=CLUSTER_NAME, associationId=identifier
        )
    deletion = cloud.user(allow("eks:DeletePodIdentityAssociation", resource=ASSOCIATIONS))
    cloud.eks(deletion.credentials).delete_pod_identity_association(
        clusterName=CLUSTER_NAME, associationId=identifier
    )


def test_role_of_an_association_has_to_exist(cloud: Cloud) -> None:
    with refusal("InvalidParameterException", "Role provided in the request does not exist."):
        cloud.eks().create_pod_identity_association(
            clusterName=CLUSTER_NAME,
            namespace="vault",
            serviceAccount="missing",
            roleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/missing",
        )


# The preflight as the pods' role


def prove(
    cloud: Cloud, world: VaultWorld, monkeypatch: pytest.MonkeyPatch, folder: Path, person: Credentials
) -> None:
    variable = {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.23"}
    pod = {"spec": {"containers": [{"name": "vault", "env": [variable]}]}}
    (folder / "pod").write_text(json.dumps(pod))
    (folder / "token").write_text(json.dumps({"status": {"token": pod_token(cloud)}}))
    files = f"""case "$*" in *" get pod "*) exec /bin/cat '{folder}/pod';; esac"""
    only_commands(monkeypatch, folder / "commands", kubectl=f"{files}; exec /bin/cat '{folder}/token'")
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", person.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", person.secret_access_key)
    properties = {
        "seal": "awskms",
        "role_arn": world.role_arn,
        "key_arn": world.key_arn,
        "region": REGION,
        "service_account": "vault",
        "identity": "pod-identity",
        "cluster": CLUSTER_NAME,
        "cluster_region": REGION,
        "pod": "vault-0",
        "deployer": "",
    }
    target = KubernetesTarget(kubeconfig="", context="here", namespace="vault")
    prove_seal(properties, target, 0.1)


def test_preflight_is_made_with_the_pods_role(
    cloud: Cloud, world: VaultWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    person = cloud.user(allow("eks-auth:AssumeRoleForPodIdentity", resource=CLUSTER_ARN)).credentials
    prove(cloud, world, monkeypatch, tmp_path, person)
    cloud.iam().update_assume_role_policy(RoleName=world.role_name, PolicyDocument=trust(namespace="other"))
    with pytest.raises(DeploymentError, match="EKS does not have permissions to assume"):
        prove(cloud, world, monkeypatch, tmp_path, person)


def test_preflight_without_the_right_names_it(
    cloud: Cloud, world: VaultWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    person = cloud.user(allow("eks:DescribeCluster")).credentials
    with pytest.raises(DeploymentError) as raised:
        prove(cloud, world, monkeypatch, tmp_path, person)
    said = f"may not perform eks-auth:AssumeRoleForPodIdentity on cluster '{CLUSTER_NAME}'"
    assert said in str(raised.value)
