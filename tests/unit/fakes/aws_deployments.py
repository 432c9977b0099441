"""Deployments in AWS with different settings, as the IAM documents are made for them, and those documents."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.permissions.aws_arns import DeploymentScope, deployment_scope
from tests.unit.fakes.stack_settings import EKS, parse

ACCOUNT = "123456789012"
KEY_ID = "11111111-2222-3333-4444-555555555555"
KEY_ARN = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/{KEY_ID}"
ANY_KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/*"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/workload-boundary"
OF_THE_ALIAS = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/vault-auto-unseal"}}
OF_NO_OTHER_ALIAS = {"ForAllValues:StringEquals": {"kms:ResourceAliases": "alias/vault-auto-unseal"}}
OF_NO_ALIAS = {"ForAllValues:StringNotLike": {"kms:ResourceAliases": "*"}}

FULL: Mapping[str, Any] = {
    **EKS,
    "role": {
        "name": "unsealer",
        "policyName": "unseal",
        "path": "/vault/",
        "permissionsBoundary": BOUNDARY,
    },
    "tags": {"team": "platform", "environment": "prod"},
}
EXISTING_KEY_ARN = f"arn:aws:kms:us-west-2:999999999999:key/mrk-{'0' * 32}"
EXISTING_ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/teams/vault"
EXISTING: Mapping[str, Any] = {
    **EKS,
    "key": {"arn": EXISTING_KEY_ARN},
    "role": {"arn": EXISTING_ROLE_ARN},
}
SHAMIR_ON_EKS: Mapping[str, Any] = {**EKS, "seal": "shamir"}
CHINA: Mapping[str, Any] = {**FULL, "region": "cn-north-1"}
GOVERNMENT: Mapping[str, Any] = {**EKS, "region": "us-gov-west-1"}

SECRET_KEY_ID = "66666666-7777-8888-9999-000000000000"
SECRET_KEY_ARN = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/{SECRET_KEY_ID}"
SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:vault/prod/operator-init"
CUSTODY: Mapping[str, Any] = {
    "store": "aws-secrets-manager",
    "name": "vault/prod/operator-init",
    "region": "eu-central-1",
    "readers": [f"arn:aws:iam::{ACCOUNT}:role/deployer"],
}
IN_SECRET: Mapping[str, Any] = {**FULL, "custody": CUSTODY}
IN_SECRET_UNDER_UNSEAL_KEY: Mapping[str, Any] = {**FULL, "custody": {**CUSTODY, "kmsKey": "unseal-key"}}

SNAPSHOTS: Mapping[str, Any] = {
    "schedule": "17 * * * *",
    "bucket": "acme-vault",
    "createBucket": True,
    "roleName": "backups",
}
WITH_SNAPSHOTS: Mapping[str, Any] = {**FULL, "snapshots": SNAPSHOTS}


def scope(
    configuration: Mapping[str, Any] = FULL, key_id: str | None = None, secret_key_id: str | None = None
) -> DeploymentScope:
    """Return the scope of a stack with these settings."""
    return deployment_scope(
        parse(configuration), account_id=ACCOUNT, key_id=key_id, secret_key_id=secret_key_id
    )


def statements(document: str) -> dict[str, Any]:
    """Return a document's statements by their Sid."""
    parsed = json.loads(document)
    assert parsed["Version"] == "2012-10-17"
    by_sid = {statement["Sid"]: statement for statement in parsed["Statement"]}
    assert len(by_sid) == len(parsed["Statement"])
    return by_sid


def actions(document: str) -> set[str]:
    """Return the actions that a document names."""
    return {action for statement in statements(document).values() for action in statement["Action"]}


def resources(statement: Mapping[str, Any]) -> Sequence[str]:
    """Return the resources of a statement, which may have one or several."""
    resource = statement["Resource"]
    return [resource] if isinstance(resource, str) else resource
