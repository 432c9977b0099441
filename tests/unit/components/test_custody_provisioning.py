"""What is made for each store, as the engine is asked for it."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi.runtime import MockResourceArgs

from components.aws.cluster import EksCluster
from components.custody_provisioning import ProvisionedCustody, provision_custody
from components.errors import DeploymentError
from components.seals.seal import ProvisionedSeal
from tests.unit.fakes import mocked_google
from tests.unit.fakes.recorded_deployment import Deployment, deploy
from tests.unit.fakes.stack_settings import EKS, GKE, SHAMIR, parse

SECRET = "aws:secretsmanager/secret:Secret"
KEY = "aws:kms/key:Key"
ACCOUNT = "123456789012"
UNSEAL_KEY_ARN = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/unseal"
OWN_KEY_ARN = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/own"
CUSTODY = {
    "store": "aws-secrets-manager",
    "name": "vault/example/operator-init",
    "region": "eu-central-1",
    "readers": [f"arn:aws:iam::{ACCOUNT}:role/deployer"],
}


def computed(args: MockResourceArgs) -> Mapping[str, Any]:
    by_type = {SECRET: {"arn": "arn-of-the-secret"}, KEY: {"arn": OWN_KEY_ARN}}
    return by_type.get(args.typ, {})


def provisioned(
    configuration: Mapping[str, Any], *, with_cluster: bool = True, with_key: bool = True
) -> tuple[Deployment, ProvisionedCustody]:
    results = []

    def program() -> None:
        cluster = EksCluster(
            name="example",
            region="eu-central-1",
            partition="aws",
            account_id=ACCOUNT,
            endpoint="https://example",
            certificate_authority="Q0E=",
            issuer="https://oidc.example",
            security_group_id="sg-1",
            oidc_provider_arn="arn",
            provider=aws.Provider("aws", region="eu-central-1"),
        )
        seal = ProvisionedSeal(
            outputs={"key_arn": pulumi.Output.from_input(UNSEAL_KEY_ARN)} if with_key else {}
        )
        custody = provision_custody(parse(configuration), cluster if with_cluster else None, seal)
        results.append(custody)
        for name, output in custody.outputs.items():
            pulumi.export(name, output)

    deployment = deploy({}, answers={}, outputs=computed, program=program)
    return deployment, results[0]


@pytest.mark.parametrize(
    "custody",
    [
        {},
        {"store": "kubernetes-secret", "namespace": "custody"},
        {"store": "file", "path": "/var/lib/k/keys"},
    ],
)
def test_most_stores_need_nothing(custody: Mapping[str, str]) -> None:
    deployment, result = provisioned({**SHAMIR, "custody": custody}, with_cluster=False)
    assert (list(result.prerequisites), dict(result.outputs)) == ([], {})
    assert [entry.type for entry in deployment.registrations] == ["pulumi:providers:aws"]


@pytest.mark.parametrize(
    ("kms_key", "used", "own_keys"),
    [
        ("own", OWN_KEY_ARN, 1),
        ("unseal-key", UNSEAL_KEY_ARN, 0),
        (f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/given", f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/given", 0),
    ],
)
def test_a_secret_is_made_under_the_key_of_the_settings(kms_key: str, used: str, own_keys: int) -> None:
    deployment, result = provisioned({**EKS, "custody": {**CUSTODY, "kmsKey": kms_key}})
    secret = deployment.only(SECRET)
    assert secret.inputs["name"] == CUSTODY["name"]
    assert secret.inputs["kmsKeyId"] == used
    assert secret.protect
    assert secret.provider.startswith(deployment.only("pulumi:providers:aws").urn)
    assert len(deployment.of_type(KEY)) == own_keys
    assert len(result.prerequisites) == 1
    assert deployment.outputs == {
        "secret_arn": "arn-of-the-secret",
        "secret_name": CUSTODY["name"],
        "secret_key_arn": used,
    }


def test_the_readers_are_those_of_the_settings() -> None:
    deployment, _ = provisioned({**EKS, "custody": CUSTODY})
    policy = deployment.only("aws:secretsmanager/secretPolicy:SecretPolicy")
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": CUSTODY["readers"]}}


def test_without_an_eks_cluster_there_is_no_account_for_the_secret() -> None:
    with pytest.raises(DeploymentError, match="set clusterName and region, or choose another store"):
        provisioned({**SHAMIR, "custody": CUSTODY}, with_cluster=False)


def test_the_secret_is_in_the_region_of_the_cluster() -> None:
    with pytest.raises(DeploymentError, match=r"set custody\.region to eu-central-1 \(it is us-east-1"):
        provisioned({**EKS, "custody": {**CUSTODY, "region": "us-east-1"}})


def test_a_seal_without_a_key_has_none_for_the_secret() -> None:
    with pytest.raises(DeploymentError, match="this seal has no KMS key: use own, or the ARN of a key"):
        provisioned({**EKS, "custody": {**CUSTODY, "kmsKey": "unseal-key"}}, with_key=False)


GOOGLE_SECRET = "projects/acme-custody/secrets/vault-keys"
GOOGLE_CUSTODY = {
    "store": "gcp-secret-manager",
    "secret": GOOGLE_SECRET,
    "readers": ["serviceAccount:deployer@acme-prod.iam.gserviceaccount.com"],
}


def on_google(configuration: Mapping[str, Any]) -> tuple[Deployment, ProvisionedCustody]:
    results = []

    def program() -> None:
        custody = provision_custody(parse(configuration), None, ProvisionedSeal())
        results.append(custody)
        for name, output in custody.outputs.items():
            pulumi.export(name, output)

    deployment = deploy({}, answers={}, outputs=mocked_google.computed, program=program)
    return deployment, results[0]


def test_a_google_secret_is_made_for_its_readers() -> None:
    deployment, result = on_google({**GKE, "custody": GOOGLE_CUSTODY, "tags": {"app": "vault"}})
    secret = deployment.only(mocked_google.SECRET)
    assert (secret.inputs["project"], secret.inputs["secretId"]) == ("acme-custody", "vault-keys")
    assert secret.inputs["labels"] == {"app": "vault"}
    assert secret.protect
    assert len(deployment.of_type(mocked_google.SECRET_MEMBER)) == 2
    api = deployment.only(mocked_google.SERVICE)
    assert (api.inputs["service"], api.inputs["project"]) == ("secretmanager.googleapis.com", "acme-custody")
    assert api.urn in secret.dependencies
    assert len(result.prerequisites) == 1
    assert deployment.outputs == {"secret_name": GOOGLE_SECRET}


def test_the_api_of_a_google_secret_is_left_alone_where_the_settings_say_so() -> None:
    deployment, _ = on_google({**GKE, "custody": GOOGLE_CUSTODY, "enableApis": False})
    assert deployment.of_type(mocked_google.SERVICE) == []


@pytest.mark.parametrize("settings", [GKE, SHAMIR])
def test_a_google_secret_without_readers_is_there_already(settings: Mapping[str, Any]) -> None:
    deployment, result = on_google({**settings, "custody": {**GOOGLE_CUSTODY, "readers": []}})
    assert deployment.registrations == []
    assert (list(result.prerequisites), dict(result.outputs)) == ([], {})


def test_a_google_secret_can_not_be_made_without_a_project() -> None:
    with pytest.raises(DeploymentError, match=r"project isn't set. Set it, or make the secret"):
        on_google({**SHAMIR, "custody": GOOGLE_CUSTODY})
