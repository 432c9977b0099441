"""Rights on each cloud that are wider than what is named."""

from collections.abc import Mapping
from typing import Any

import pytest

from policy.guardrails.resource import UNKNOWN, Circumstances, Resource
from policy.guardrails.rights import wide_rights

ALL = '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'
TRUST = '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}'
AWS_POLICY = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
KEY_MEMBER = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"
CLUSTER_ROLE = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
POOL = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*"


@pytest.mark.parametrize(
    ("type_", "properties", "problems"),
    [
        ("aws:iam/policy:Policy", {"policy": ALL}, 2),
        ("aws:iam/policy:Policy", {"policy": UNKNOWN}, 0),
        ("aws:iam/rolePolicy:RolePolicy", {"policy": ALL}, 2),
        ("aws:iam/role:Role", {"assumeRolePolicy": TRUST}, 1),
        ("aws:iam/role:Role", {"inlinePolicies": [{"name": "x", "policy": ALL}]}, 2),
        ("aws:iam/role:Role", {"managedPolicyArns": [AWS_POLICY]}, 1),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"policyArn": AWS_POLICY}, 1),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"policyArn": "arn:aws:iam::1:policy/x"}, 0),
        ("aws:kms/key:Key", {"policy": ALL}, 1),
        ("aws:kms/key:Key", {}, 1),
        ("aws:secretsmanager/secretPolicy:SecretPolicy", {"policy": TRUST}, 1),
        ("aws:s3/bucketPolicy:BucketPolicy", {"policy": "no JSON"}, 1),
        (KEY_MEMBER, {"member": "serviceAccount:vault@acme.iam.gserviceaccount.com", "role": "roles/x"}, 0),
        (KEY_MEMBER, {"member": "allUsers", "role": "roles/cloudkms.cryptoKeyDecrypter"}, 1),
        (KEY_MEMBER, {"member": POOL, "role": "roles/x"}, 1),
        (KEY_MEMBER, {"member": "user:ann@example.com", "role": "roles/cloudkms.admin"}, 1),
        (KEY_MEMBER, {"member": "user:ann@example.com", "role": UNKNOWN}, 0),
        ("gcp:storage/bucketIAMBinding:BucketIAMBinding", {"members": ["allUsers"], "role": "x"}, 1),
        ("gcp:projects/iAMMember:IAMMember", {"member": "user:ann@example.com", "role": "roles/editor"}, 2),
        (CLUSTER_ROLE, {"rules": [{"verbs": ["get"]}]}, 0),
        (
            "kubernetes:rbac.authorization.k8s.io/v1:Role",
            {"rules": [{"verbs": ["get"]}, {"verbs": ["*"]}]},
            1,
        ),
        (f"{CLUSTER_ROLE}Binding", {"roleRef": {"name": "cluster-admin"}}, 1),
        ("random:index/randomId:RandomId", {"policy": ALL}, 0),
    ],
)
def test_wide_rights_are_found(type_: str, properties: Mapping[str, Any], problems: int) -> None:
    found = wide_rights(Resource(type_, "x", properties, protected=False), Circumstances("prod"))
    assert len(found) == problems, found
