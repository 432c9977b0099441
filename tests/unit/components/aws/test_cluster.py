"""The EKS cluster as it is looked up, and the kubeconfig that is made from it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi_aws as aws
import pytest

from components.aws.cluster import EksCluster, look_up_eks_cluster
from components.aws.credentials import CredentialSource
from components.aws.provider_settings import AwsProviderSettings
from components.errors import DeploymentError
from tests.unit.fakes.mocked_account import (
    ACCOUNT,
    ANSWERS,
    AWS_PROVIDER,
    CALLER_ARN,
    CONTROL_PLANE_GROUP,
    GET_CALLER,
    GET_CLUSTER,
    GET_OIDC_PROVIDER,
    GET_SECURITY_GROUP,
    ISSUER,
    NODE_GROUP,
    REGION,
)
from tests.unit.fakes.recorded_deployment import NOT_FOUND, Answer, Deployment, deploy


def looked_up(
    answers: Mapping[str, Answer] = ANSWERS,
    *,
    needs_oidc_provider: bool = True,
    needs_pod_identity_agent: bool = False,
    node_security_group_ids: Sequence[str] = (NODE_GROUP,),
    settings: AwsProviderSettings = AwsProviderSettings(),  # noqa: B008 - it is frozen
) -> tuple[EksCluster, Deployment]:
    found: list[EksCluster] = []

    def program() -> None:
        cluster = look_up_eks_cluster(
            "example",
            REGION,
            needs_oidc_provider=needs_oidc_provider,
            needs_pod_identity_agent=needs_pod_identity_agent,
            node_security_group_ids=node_security_group_ids,
            provider_settings=settings,
        )
        found.append(cluster)

    deployment = deploy({}, answers=answers, outputs=lambda _: {}, program=program)
    return found[0], deployment


def test_what_is_told_of_a_cluster() -> None:
    cluster, deployment = looked_up()
    assert (cluster.name, cluster.region, cluster.partition) == ("example", REGION, "aws")
    assert (cluster.account_id, cluster.issuer) == (ACCOUNT, ISSUER)
    assert cluster.endpoint == "https://example.eks.amazonaws.com"
    assert cluster.certificate_authority == "Q0E="
    assert cluster.security_group_id == CONTROL_PLANE_GROUP
    assert cluster.oidc_provider_arn == ANSWERS[GET_OIDC_PROVIDER]["arn"]
    assert cluster.identity == f"eks:aws:{ACCOUNT}:{REGION}:example"
    provider = deployment.only(AWS_PROVIDER)
    assert provider.inputs["region"] == REGION
    assert [(call.token, call.args) for call in deployment.calls] == [
        (GET_CALLER, {}),
        (GET_CLUSTER, {"name": "example"}),
        (GET_OIDC_PROVIDER, {"url": ISSUER}),
        (GET_SECURITY_GROUP, {"id": NODE_GROUP}),
    ]
    assert all(call.provider.startswith(f"{provider.urn}::") for call in deployment.calls)


@pytest.mark.parametrize("groups", [[], [CONTROL_PLANE_GROUP]])
def test_only_what_is_needed_is_looked_up(groups: Sequence[str]) -> None:
    cluster, deployment = looked_up(needs_oidc_provider=False, node_security_group_ids=groups)
    assert cluster.oidc_provider_arn is None
    assert [call.token for call in deployment.calls] == [GET_CALLER, GET_CLUSTER]


GET_ADDON = "aws:eks/getAddon:getAddon"
AUTO_MODE = {**ANSWERS[GET_CLUSTER], "computeConfigs": [{"enabled": True}]}
NODES = {**ANSWERS[GET_CLUSTER], "computeConfigs": [{"enabled": False}]}


@pytest.mark.parametrize(("cluster", "looked_for"), [(ANSWERS[GET_CLUSTER], 1), (NODES, 1), (AUTO_MODE, 0)])
def test_agent_is_looked_for_unless_eks_runs_it_itself(cluster: Answer, looked_for: int) -> None:
    answers = {**ANSWERS, GET_CLUSTER: cluster, GET_ADDON: {"addonName": "eks-pod-identity-agent"}}
    _, deployment = looked_up(answers, needs_oidc_provider=False, needs_pod_identity_agent=True)
    found = [call.args for call in deployment.calls if call.token == GET_ADDON]
    assert found == [{"addonName": "eks-pod-identity-agent", "clusterName": "example"}] * looked_for
    assert not [call for call in deployment.calls if call.token == GET_OIDC_PROVIDER]


def test_cluster_without_the_agent_is_refused() -> None:
    with pytest.raises(DeploymentError) as raised:
        looked_up({**ANSWERS, GET_ADDON: NOT_FOUND}, needs_pod_identity_agent=True)
    for part in ("aws eks create-addon --addon-name eks-pod-identity-agent", "couldn't find resource"):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("token", "parts"),
    [
        (
            GET_CLUSTER,
            [f"EKS cluster 'example' can't be read in {REGION}", "Check clusterName and region"],
        ),
        (
            GET_CALLER,
            [f"The AWS credentials in use don't work in {REGION}", "aws:profile, aws:assumeRoles"],
        ),
        (
            GET_CALLER,
            [f"The AWS credentials in use don't work in {REGION}", "aws:profile, aws:assumeRoles"],
        ),
        (
            GET_OIDC_PROVIDER,
            [
                f"no IAM OIDC provider for EKS cluster 'example' (issuer {ISSUER})",
                f"eksctl utils associate-iam-oidc-provider --approve --cluster example --region {REGION}",
            ],
        ),
        (
            GET_SECURITY_GROUP,
            [f"node security group {NODE_GROUP} can't be read", "Set nodeSecurityGroupIds"],
        ),
    ],
)
def test_look_up_that_finds_nothing_says_what_to_do(token: str, parts: list[str]) -> None:
    with pytest.raises(DeploymentError) as raised:
        looked_up({**ANSWERS, token: NOT_FOUND})
    for part in [*parts, "couldn't find resource"]:
        assert part in str(raised.value)


@pytest.fixture
def kubeconfig() -> Any:
    cluster = EksCluster(
        name="example",
        region="eu-central-1",
        partition="aws",
        account_id="123456789012",
        endpoint="https://0123.gr7.eu-central-1.eks.amazonaws.com",
        certificate_authority="Q0E=",
        issuer="https://oidc.eks.eu-central-1.amazonaws.com/id/0123",
        security_group_id="sg-0aaaaaaaaaaaaaaaa",
        oidc_provider_arn=None,
        provider=object.__new__(aws.Provider),
    )
    return json.loads(cluster.kubeconfig())


def test_cluster_and_its_ca(kubeconfig: Any) -> None:
    (cluster,) = kubeconfig["clusters"]
    assert cluster["cluster"] == {
        "server": "https://0123.gr7.eu-central-1.eks.amazonaws.com",
        "certificate-authority-data": "Q0E=",
    }


def test_token_is_asked_for_at_each_use(kubeconfig: Any) -> None:
    (user,) = kubeconfig["users"]
    assert user["user"].keys() == {"exec"}
    command = user["user"]["exec"]
    assert command["apiVersion"] == "client.authentication.k8s.io/v1beta1"
    assert " ".join([command["command"], *command["args"]]) == (
        "aws eks get-token --output json --cluster-name example --region eu-central-1"
    )


def test_context_joins_cluster_and_user(kubeconfig: Any) -> None:
    assert kubeconfig["current-context"] == "example"
    (context,) = kubeconfig["contexts"]
    assert context["name"] == "example"
    assert context["context"]["cluster"] == kubeconfig["clusters"][0]["name"]
    assert context["context"]["user"] == kubeconfig["users"][0]["name"]


def test_settings_of_the_provider_reach_it_and_kubectl() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/deployer"
    source = CredentialSource(profile="prod", assumed_role=role, allowed_account_ids=(ACCOUNT,))
    cluster, deployment = looked_up(settings=AwsProviderSettings(source, {"team": "one"}, {"max_retries": 3}))
    without_settings = looked_up()[1].only(AWS_PROVIDER).inputs
    inputs = deployment.only(AWS_PROVIDER).inputs
    assert {name: value for name, value in inputs.items() if name not in without_settings} == {
        "profile": "prod",
        "assumeRoles": f'[{{"roleArn": "{role}"}}]',
        "allowedAccountIds": f'["{ACCOUNT}"]',
        "defaultTags": '{"tags": {"team": "one"}}',
        "maxRetries": "3",
    }
    (user,) = json.loads(cluster.kubeconfig())["users"]
    assert user["user"]["exec"]["args"][-4:] == ["--profile", "prod", "--role-arn", role]


def test_account_is_said() -> None:
    _, deployment = looked_up()
    assert deployment.log == [f"AWS account {ACCOUNT}, region {REGION}, as {CALLER_ARN}"]


@pytest.mark.parametrize(
    ("difference", "status"),
    [
        ({"certificateAuthorities": [], "identities": [], "endpoint": ""}, "CREATING"),
        ({"certificateAuthorities": []}, "FAILED"),
        ({"endpoint": ""}, "PENDING"),
        ({}, "DELETING"),
    ],
)
def test_cluster_that_is_not_ready_is_an_error(difference: Answer, status: str) -> None:
    found = {**ANSWERS[GET_CLUSTER], **difference, "status": status}
    with pytest.raises(DeploymentError, match=rf"'example' isn't ready, it is {status}.*aws eks wait"):
        looked_up({**ANSWERS, GET_CLUSTER: found})


@pytest.mark.parametrize("identities", [[], [{"oidcs": []}]])
def test_issuer_is_asked_for_only_if_a_seal_needs_it(identities: list[Any]) -> None:
    answers = {**ANSWERS, GET_CLUSTER: {**ANSWERS[GET_CLUSTER], "identities": identities}}
    with pytest.raises(DeploymentError, match=r"'example' has no OIDC issuer.*Set seal to one"):
        looked_up(answers)
    assert looked_up(answers, needs_oidc_provider=False)[0].issuer == ""
