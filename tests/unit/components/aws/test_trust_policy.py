"""Which trust policies of an existing role let Vault's pods assume it, and what is said of the others."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from components.aws.pod_trust import IrsaTrust, PodIdentityTrust
from components.aws.trust_policy import judge_trust

HOST = "oidc.eks.eu-central-1.amazonaws.com/id/AB"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{HOST}"
SUBJECT = "system:serviceaccount:secrets:vault"
TRUST = IrsaTrust(PROVIDER, f"https://{HOST}", "secrets", "vault")


def statement(condition: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": PROVIDER},
        "Condition": condition,
        **more,
    }


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


SUB = {"StringEquals": {f"{HOST}:sub": SUBJECT}}
BOTH = {"StringEquals": {f"{HOST}:sub": SUBJECT, f"{HOST}:aud": "sts.amazonaws.com"}}
OTHER = statement({"StringEquals": {f"{HOST}:sub": "system:serviceaccount:other:app"}})


def test_role_that_the_stack_would_create_is_trusted() -> None:
    assert judge_trust(TRUST.policy(), TRUST).problems == ()
    assert judge_trust(policy(TRUST.statement()), TRUST).problems == ()


@pytest.mark.parametrize(
    "trusting",
    [
        statement(BOTH),
        statement({"StringLike": {f"{HOST}:SUB": ["another", SUBJECT]}}),
        statement({"ForAnyValue:StringEquals": {f"{HOST}:sub": [SUBJECT, "another"]}}),
        statement({"StringEqualsIgnoreCase": {f"{HOST}:sub": SUBJECT.upper()}}),
        statement({**SUB, "StringLike": {f"{HOST}:sub": "*"}}),
        statement({**SUB, "StringNotEquals": {f"{HOST}:aud": "another"}}),
        statement({**SUB, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        statement(SUB, Action=["sts:TagSession", "STS:AssumeRoleWith*"]),
        statement(SUB, Principal={"Federated": ["arn:of:another", PROVIDER]}),
    ],
)
def test_statement_that_lets_the_pods_in_is_found_among_others(trusting: Mapping[str, Any]) -> None:
    judged = judge_trust(policy(OTHER, trusting), TRUST)
    assert (judged.problems, judged.any_service_account) == ((), False)


def test_a_single_statement_need_not_be_a_list() -> None:
    assert judge_trust(json.dumps({"Statement": statement(BOTH)}), TRUST).problems == ()


@pytest.mark.parametrize(
    ("refusing", "problem"),
    [
        (statement(BOTH, Principal={"Federated": "arn:of:another"}), f"arn:of:another, not {PROVIDER}"),
        (statement(BOTH, Principal={"Service": "ec2.amazonaws.com"}), f"nobody's, not {PROVIDER}"),
        (statement({"StringEquals": {f"{HOST}:aud": "vault"}}), "audience has to be StringEquals vault"),
        (OTHER, f"StringEquals system:serviceaccount:other:app, and it is {SUBJECT}"),
        # A wildcard is one for StringLike only.
        (statement({"StringEquals": {f"{HOST}:sub": "system:serviceaccount:secrets:*"}}), "StringEquals"),
        (statement({"StringLike": {f"{HOST}:sub": "system:serviceaccount:secrets:v"}}), "StringLike"),
        (statement({"StringNotLike": {f"{HOST}:sub": "*:vault"}}), "StringNotLike"),
        (statement(BOTH, Action="sts:AssumeRole"), "no statement allows sts:AssumeRoleWithWebIdentity"),
        (statement(BOTH, Effect="Deny"), "no statement allows sts:AssumeRoleWithWebIdentity"),
    ],
)
def test_what_is_missing_is_named(refusing: Mapping[str, Any], problem: str) -> None:
    (said,) = judge_trust(policy(refusing), TRUST).problems
    assert problem in said


def test_every_fault_is_named_once() -> None:
    wrong = statement(
        {"StringEquals": {f"{HOST}:sub": "other", f"{HOST}:aud": "other"}}, Principal={"Federated": "other"}
    )
    assert len(judge_trust(policy(wrong, wrong), TRUST).problems) == 3


def test_trust_in_every_service_account_is_noticed() -> None:
    everybody = statement({"StringEquals": {f"{HOST}:aud": "sts.amazonaws.com"}})
    assert judge_trust(policy(everybody), TRUST).any_service_account is True
    assert judge_trust(policy(everybody, statement(BOTH)), TRUST).any_service_account is True


@pytest.mark.parametrize(
    "condition",
    [
        {"StringLike": {f"{HOST}:sub": "*"}},
        {"StringLike": {f"{HOST}:sub": "system:serviceaccount:*:vault"}},
        {"StringLike": {f"{HOST}:SUB": ["another", "system:serviceaccount:secrets:vaul?"]}},
        {"StringNotEquals": {f"{HOST}:sub": "system:serviceaccount:other:app"}},
        {"StringNotLike": {f"{HOST}:sub": "*:app"}},
        {"StringEqualsIfExists": {f"{HOST}:sub": SUBJECT}},
        {"ForAllValues:StringEquals": {f"{HOST}:sub": SUBJECT}},
        {"Null": {f"{HOST}:sub": "false"}},
    ],
    ids=str,
)
def test_condition_that_others_meet_limits_nothing(condition: Mapping[str, Any]) -> None:
    judged = judge_trust(policy(statement(condition)), TRUST)
    assert (judged.problems, judged.any_service_account) == ((), True)


# EKS Pod Identity

CLUSTER = "arn:aws:eks:eu-central-1:123456789012:cluster/prod"
AGENT = PodIdentityTrust(CLUSTER, "secrets", "vault")
NAMESPACE_TAG = "aws:RequestTag/kubernetes-namespace"
ACCOUNT_TAG = "aws:RequestTag/kubernetes-service-account"


def eks(condition: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Condition": condition,
        **more,
    }


def test_statement_for_eks_names_cluster_namespace_and_service_account() -> None:
    assert AGENT.statement()["Condition"] == {
        "StringEquals": {
            "aws:RequestTag/eks-cluster-arn": CLUSTER,
            NAMESPACE_TAG: "secrets",
            ACCOUNT_TAG: "vault",
        }
    }
    judged = judge_trust(AGENT.policy(), AGENT)
    assert (judged.problems, judged.any_service_account) == ((), False)


def test_the_two_actions_may_be_in_two_statements() -> None:
    limited = {"StringLike": {ACCOUNT_TAG: "vault"}}
    parts = [eks(limited, Action=action) for action in ("sts:AssumeRole", "sts:TagSession")]
    judged = judge_trust(policy(*parts), AGENT)
    assert (judged.problems, judged.any_service_account) == ((), False)


@pytest.mark.parametrize(
    ("refusing", "problem"),
    [
        (eks({}, Action="sts:AssumeRole"), "no statement allows sts:TagSession"),
        (
            eks({}, Principal={"Service": "ec2.amazonaws.com"}),
            "ec2.amazonaws.com, not pods.eks.amazonaws.com",
        ),
        (eks({}, Principal={"Federated": PROVIDER}), "nobody's, not pods.eks.amazonaws.com"),
        (eks({"StringEquals": {NAMESPACE_TAG: "other"}}), "namespace has to be StringEquals other"),
        (
            eks({"StringEquals": {"aws:RequestTag/eks-cluster-arn": "x"}}),
            f"StringEquals x, and it is {CLUSTER}",
        ),
    ],
)
def test_what_is_missing_for_eks_is_named(refusing: Mapping[str, Any], problem: str) -> None:
    (said,) = judge_trust(policy(refusing), AGENT).problems
    assert problem in said


@pytest.mark.parametrize(
    "condition",
    [{}, {"StringEquals": {NAMESPACE_TAG: "secrets"}}, {"StringLike": {ACCOUNT_TAG: "v*"}}],
)
def test_trust_in_eks_for_every_service_account_is_noticed(condition: Mapping[str, Any]) -> None:
    assert judge_trust(policy(eks(condition)), AGENT).any_service_account is True
