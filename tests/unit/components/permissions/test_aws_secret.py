"""What the documents say of a secret that holds the keys, and of its own key."""

import pytest

from components.errors import DeploymentError
from components.permissions.aws import destroy_policy, preview_policy, up_policy
from components.permissions.aws_secret import secret_deletion, secret_reads, secret_writes
from tests.unit.fakes.aws_deployments import (
    ANY_KEY,
    IN_SECRET,
    IN_SECRET_UNDER_UNSEAL_KEY,
    KEY_ID,
    SECRET,
    SECRET_KEY_ARN,
    SECRET_KEY_ID,
    actions,
    scope,
    statements,
)
from tests.unit.fakes.stack_settings import EKS


def test_without_a_secret_nothing_is_allowed() -> None:
    unprotected = scope({**EKS, "protect": False})
    assert [*secret_reads(unprotected), *secret_writes(unprotected), *secret_deletion(unprotected)] == []


def test_the_secret_is_named() -> None:
    found = statements(up_policy(scope(IN_SECRET)))
    assert found["WriteSecret"]["Resource"] == [f"{SECRET}-??????", SECRET]
    assert found["UseSecretValue"]["Resource"] == f"{SECRET}-??????"
    assert statements(preview_policy(scope(IN_SECRET)))["ReadSecret"]["Resource"] == f"{SECRET}-??????"


def test_preview_reads_no_value() -> None:
    assert not {action for action in actions(preview_policy(scope(IN_SECRET))) if "Value" in action}


def test_preview_reads_the_key_that_is_the_secrets_own() -> None:
    own = statements(preview_policy(scope(IN_SECRET, KEY_ID, SECRET_KEY_ID)))["ReadSecretKey"]
    assert own["Resource"] == SECRET_KEY_ARN
    assert "ReadSecretKey" not in statements(preview_policy(scope(IN_SECRET_UNDER_UNSEAL_KEY)))


def test_own_key_of_the_secret_is_created_and_then_told_by_its_id() -> None:
    first = statements(up_policy(scope(IN_SECRET, KEY_ID)))
    assert first["CreateSecretKey"]["Action"] == ["kms:CreateKey"]
    # AWS asks whoever creates a key for the right to change its policy.
    assert "kms:PutKeyPolicy" in first["FinishSecretKey"]["Action"]
    assert "ChangeSecretKey" not in first
    later = statements(up_policy(scope(IN_SECRET, KEY_ID, SECRET_KEY_ID)))
    assert "CreateSecretKey" not in later
    assert later["ChangeSecretKey"]["Resource"] == SECRET_KEY_ARN
    assert ANY_KEY not in up_policy(scope(IN_SECRET, KEY_ID, SECRET_KEY_ID))
    assert not [
        sid
        for sid in statements(up_policy(scope(IN_SECRET_UNDER_UNSEAL_KEY)))
        if "SecretKey" in sid and sid != "UseSecretKey"
    ]


@pytest.mark.parametrize("secret_key_id", [None, SECRET_KEY_ID])
@pytest.mark.parametrize("tagged", [True, False])
def test_secret_and_key_are_tagged_if_the_settings_have_tags(secret_key_id: str | None, tagged: bool) -> None:
    settings = {**IN_SECRET, "tags": {"team": "platform"} if tagged else {}}
    tagging = {
        action
        for statement in secret_writes(scope(settings, KEY_ID, secret_key_id))
        for action in statement["Action"]
        if action.endswith(":TagResource")
    }
    assert tagging == ({"kms:TagResource", "secretsmanager:TagResource"} if tagged else set())


def test_a_protected_secret_is_not_deleted() -> None:
    assert not {action for action in actions(destroy_policy(scope(IN_SECRET))) if "secret" in action.lower()}


def test_deletion_of_the_own_key_is_of_one_key() -> None:
    unprotected = {**IN_SECRET, "protect": False}
    with pytest.raises(DeploymentError, match="--secret-key-id"):
        destroy_policy(scope(unprotected, KEY_ID))
    found = statements(destroy_policy(scope(unprotected, KEY_ID, SECRET_KEY_ID)))
    assert found["DeleteSecret"]["Resource"] == f"{SECRET}-??????"
    assert found["ScheduleSecretKeyDeletion"]["Resource"] == SECRET_KEY_ARN


def test_key_that_is_not_the_secrets_own_is_not_deleted_with_it() -> None:
    (deletion,) = secret_deletion(scope({**IN_SECRET_UNDER_UNSEAL_KEY, "protect": False}, KEY_ID))
    assert deletion["Sid"] == "DeleteSecret"
