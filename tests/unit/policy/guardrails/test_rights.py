"""Rights on each cloud that are wider than what is named."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from policy.guardrails.resource import UNKNOWN, Circumstances, Resource
from policy.guardrails.rights import wide_rights

ALL = '{"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'
TRUST = '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}'
AWS_POLICY = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
KEY, BUCKET = "gcp:kms/cryptoKey", "gcp:storage/bucket"
KEY_MEMBER, BUCKET_MEMBER = f"{KEY}IAMMember:CryptoKeyIAMMember", f"{BUCKET}IAMMember:BucketIAMMember"
CUSTOM_ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"
CLUSTER_ROLE = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
POOL = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*"
PODS = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p.svc.id.goog"


def bound(role: str, *members: str) -> str:
    """A policy of Google's with one binding."""
    return json.dumps({"bindings": [{"role": role, "members": members}]})


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
        (KEY_MEMBER, {"member": f"{PODS}/subject/ns/vault/sa/vault", "role": "roles/x"}, 0),
        (KEY_MEMBER, {"member": f"{PODS}/namespace/vault".replace("principal:", "principalSet:")}, 1),
        (KEY_MEMBER, {"member": f"{PODS}/kubernetes.cluster/c".replace("principal:", "principalSet:")}, 1),
        (KEY_MEMBER, {"member": "domain:example.com", "role": "roles/x"}, 1),
        (KEY_MEMBER, {"member": "projectViewer:acme", "role": "roles/x"}, 1),
        (BUCKET_MEMBER, {"member": "user:ann@example.com", "role": "roles/storage.legacyBucketOwner"}, 1),
        (f"{KEY}IAMPolicy:CryptoKeyIAMPolicy", {"policyData": bound("roles/x", "user:ann@example.com")}, 0),
        (f"{KEY}IAMPolicy:CryptoKeyIAMPolicy", {"policyData": bound("roles/cloudkms.admin", "allUsers")}, 2),
        (f"{KEY}IAMPolicy:CryptoKeyIAMPolicy", {"policyData": UNKNOWN}, 0),
        (f"{KEY}IAMPolicy:CryptoKeyIAMPolicy", {"policyData": "no JSON"}, 1),
        ("gcp:projects/iAMPolicy:IAMPolicy", {"policyData": bound("roles/x", "user:ann@example.com")}, 1),
        (CUSTOM_ROLE, {"permissions": ["cloudkms.cryptoKeys.get"]}, 0),
        (CUSTOM_ROLE, {"permissions": ["cloudkms.cryptoKeys.get", "cloudkms.cryptoKeys.setIamPolicy"]}, 1),
        (CUSTOM_ROLE, {"permissions": [UNKNOWN, "iam.roles.update", "iam.serviceAccounts.actAs"]}, 2),
        (f"{BUCKET}AccessControl:BucketAccessControl", {"entity": "allAuthenticatedUsers"}, 1),
        (f"{BUCKET}AccessControl:BucketAccessControl", {"entity": "user-ann@example.com"}, 0),
        (f"{BUCKET}ACL:BucketACL", {"predefinedAcl": "publicRead"}, 1),
        (f"{BUCKET}ACL:BucketACL", {"predefinedAcl": "private"}, 0),
        (f"{BUCKET}ACL:BucketACL", {"roleEntities": ["READER:allUsers", "OWNER:user-ann@example.com"]}, 1),
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
