"""What identifies Vault's pods in a trust policy, for IRSA and for EKS Pod Identity."""

import json

import pytest

from components.aws.pod_trust import IrsaTrust, PodIdentityTrust, PodTrust

IRSA = IrsaTrust("arn:of:the:provider", "https://oidc.example.com/id/1", "secrets", "vault")
POD_IDENTITY = PodIdentityTrust("arn:of:the:cluster", "secrets", "vault")


def test_pods_are_known_by_the_claims_of_their_token() -> None:
    assert {claim.condition_key: claim.value for claim in IRSA.claims} == {
        "oidc.example.com/id/1:aud": "sts.amazonaws.com",
        "oidc.example.com/id/1:sub": "system:serviceaccount:secrets:vault",
    }


def test_pods_are_known_by_the_tags_that_eks_gives_them() -> None:
    assert {claim.condition_key: claim.value for claim in POD_IDENTITY.claims} == {
        "aws:RequestTag/eks-cluster-arn": "arn:of:the:cluster",
        "aws:RequestTag/kubernetes-namespace": "secrets",
        "aws:RequestTag/kubernetes-service-account": "vault",
    }


@pytest.mark.parametrize("trust", [IRSA, POD_IDENTITY])
def test_policy_has_a_condition_on_every_claim(trust: PodTrust) -> None:
    (statement,) = json.loads(trust.policy())["Statement"]
    action = statement["Action"]
    assert set([action] if isinstance(action, str) else action) == set(trust.actions)
    assert statement["Principal"] == {trust.principal_kind: trust.principal}
    assert statement["Condition"] == {
        "StringEquals": {claim.condition_key: claim.value for claim in trust.claims}
    }
    assert trust.limiting_key in {claim.condition_key for claim in trust.claims}
