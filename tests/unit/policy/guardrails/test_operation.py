"""Which key snapshots are kept under, by what keeps them."""

from collections.abc import Mapping
from typing import Any

import pytest

from policy.guardrails.operation import shared_keys
from policy.guardrails.resource import UNKNOWN, Circumstances, Resource
from policy.guardrails.types import AWS_BUCKET_ENCRYPTION, CRON_JOB, GOOGLE_BUCKET, OPERATOR_INIT

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def environment(key: Any) -> Mapping[str, Any]:
    container = {"env": [{"name": "RCLONE_CONFIG_STORE_SSE_KMS_KEY_ID", "value": key}]}
    pod = {"template": {"spec": {"containers": [container]}}}
    return {"spec": {"jobTemplate": {"spec": pod}}}


def encryption(key: Any) -> Mapping[str, Any]:
    return {"rules": [{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": key}}]}


KEEPERS = [
    (CRON_JOB, environment),
    (AWS_BUCKET_ENCRYPTION, encryption),
    (GOOGLE_BUCKET, lambda key: {"encryption": {"defaultKmsKeyName": key}}),
]


@pytest.mark.parametrize(("type_", "properties"), KEEPERS)
@pytest.mark.parametrize(
    ("unseal_key", "key", "shared"),
    [
        (KEY, KEY, True),
        (KEY, f"{KEY}0", False),
        ("", "", False),
        (UNKNOWN, UNKNOWN, False),
        (KEY, None, False),
    ],
)
def test_key_that_unseals_vault_keeps_no_snapshots(
    type_: str, properties: Any, unseal_key: Any, key: Any, shared: bool
) -> None:
    resources = [
        Resource(OPERATOR_INIT, "init", {"seal_key": unseal_key}, protected=True),
        Resource(type_, "keeper", properties(key), protected=False),
    ]
    found = shared_keys(resources, Circumstances("prod"))
    assert bool(found) is shared
    # No value of a property is ever shown.
    assert KEY not in "".join(found)
