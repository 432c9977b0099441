"""Which policy decides, and with which of AWS's sentences."""

import json
from collections.abc import Mapping

import pytest

from sandbox.aws.account import ACCOUNT_ID, iam_arn
from sandbox.aws.policy_conditions import UnsupportedPolicyError
from sandbox.aws.policy_document import PolicyDocument, parse_policy
from sandbox.aws.policy_evaluation import (
    AccessRequest,
    Caller,
    Denial,
    identity_denial,
    key_denial,
    secret_denial,
    web_identity_allowed,
)

KEY = f"arn:aws:kms:ap-northeast-2:{ACCOUNT_ID}:key/1234"
ROLE = Caller(
    "AssumedRole",
    f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/vault/pod",
    iam_arn("role/apps/vault"),
    "AROAVAULT",
    "AROAVAULT:pod",
)
USER = Caller("User", iam_arn("user/alice"), iam_arn("user/alice"), "AIDAALICE", "AIDAALICE")
IDS = {ROLE.entity_arn: ROLE.entity_id, USER.entity_arn: USER.entity_id}
PROVIDER = iam_arn("oidc-provider/oidc.example.com/id/1")


def policy(*statements: Mapping[str, object]) -> PolicyDocument:
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def statement(effect: str, action: object, resource: object = "*", **more: object) -> dict[str, object]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def encrypt(resource: str | None = KEY, caller: Caller = ROLE) -> AccessRequest:
    return AccessRequest("kms:Encrypt", resource, {"aws:principalarn": caller.entity_arn})


def to_account(action: object = "kms:*", **more: object) -> dict[str, object]:
    return statement("Allow", action, Principal={"AWS": iam_arn("root")}, **more)


ALLOW_ALL = policy(statement("Allow", "*"))


# Identity policies


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("kms:Encrypt", KEY),
        ("KMS:encrypt", "*"),
        ("kms:Enc*", f"arn:aws:kms:*:{ACCOUNT_ID}:key/*"),
        (["kms:Decrypt", "kms:?ncrypt"], ["arn:aws:s3:::bucket", KEY]),
    ],
)
def test_an_allow_that_matches_suffices(action: object, resource: object) -> None:
    assert identity_denial(encrypt(), [policy(statement("Allow", action, resource))], None) is None


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("kms:Decrypt", KEY),
        ("kms:Encryp", KEY),
        ("kms:Encrypt", KEY[:-1]),
        ("kms:Encrypt", KEY.upper()),
        ("kms:Encrypt", KEY.replace(".", "?") + "?"),
    ],
)
def test_an_allow_that_does_not_match_is_no_permission(action: object, resource: object) -> None:
    denial = identity_denial(encrypt(), [policy(statement("Allow", action, resource))], None)
    assert denial == Denial("identity-based policy", explicit=False)


def test_not_action_and_not_resource_are_the_rest() -> None:
    rest = {"Effect": "Allow", "NotAction": "kms:Decrypt", "NotResource": f"{KEY}5"}
    assert identity_denial(encrypt(), [policy(rest)], None) is None
    others = {"Effect": "Allow", "NotAction": "kms:Enc*", "NotResource": f"{KEY}5"}
    assert identity_denial(encrypt(), [policy(others)], None) is not None
    elsewhere = {"Effect": "Allow", "NotAction": "kms:Decrypt", "NotResource": KEY}
    assert identity_denial(encrypt(), [policy(elsewhere)], None) is not None


def test_a_deny_in_any_policy_wins() -> None:
    deny = policy(statement("Deny", "kms:Encrypt"))
    denial = identity_denial(encrypt(), [ALLOW_ALL, deny], None)
    assert denial == Denial("identity-based policy", explicit=True)


def test_a_boundary_only_limits() -> None:
    decrypt_only = policy(statement("Allow", "kms:Decrypt"))
    assert identity_denial(encrypt(), [ALLOW_ALL], ALLOW_ALL) is None
    assert identity_denial(encrypt(), [], ALLOW_ALL) == Denial("identity-based policy", explicit=False)
    assert identity_denial(encrypt(), [ALLOW_ALL], decrypt_only) == Denial(
        "permissions boundary", explicit=False
    )
    deny = policy(statement("Allow", "*"), statement("Deny", "kms:Encrypt"))
    assert identity_denial(encrypt(), [ALLOW_ALL], deny) == Denial("permissions boundary", explicit=True)


def test_an_action_without_resources_needs_every_resource() -> None:
    assert identity_denial(encrypt("*"), [policy(statement("Allow", "kms:*"))], None) is None
    assert identity_denial(encrypt("*"), [policy(statement("Allow", "kms:*", KEY))], None) is not None


def test_an_unknown_resource_is_never_guessed() -> None:
    assert identity_denial(encrypt(None), [ALLOW_ALL], None) is None
    with pytest.raises(UnsupportedPolicyError, match="kms:Encrypt"):
        identity_denial(encrypt(None), [ALLOW_ALL, policy(statement("Deny", "kms:*", KEY))], None)
    # A statement on another action does not matter.
    assert identity_denial(encrypt(None), [ALLOW_ALL, policy(statement("Deny", "s3:*", "a"))], None) is None


def test_a_policy_variable_is_refused() -> None:
    with pytest.raises(UnsupportedPolicyError, match="policy variables"):
        identity_denial(encrypt(), [policy(statement("Allow", "kms:*", "${aws:username}"))], None)


def test_the_sentences_are_those_of_aws() -> None:
    assert (
        Denial("identity-based policy", explicit=False).reason("kms:Encrypt")
        == "because no identity-based policy allows the kms:Encrypt action"
    )
    assert (
        Denial("identity-based policy", explicit=True).reason("kms:Encrypt")
        == "with an explicit deny in an identity-based policy"
    )
    assert (
        Denial("resource-based policy", explicit=True).reason("kms:Encrypt")
        == "with an explicit deny in a resource-based policy"
    )


# Key policies


def test_the_account_lets_identity_policies_decide() -> None:
    key_policy = policy(to_account())
    assert key_denial(encrypt(), ROLE, [ALLOW_ALL], None, key_policy, {}) is None
    assert key_denial(encrypt(), ROLE, [], None, key_policy, {}) == Denial(
        "identity-based policy", explicit=False
    )
    by_number = policy(statement("Allow", "kms:*", Principal={"AWS": ACCOUNT_ID}))
    assert key_denial(encrypt(), ROLE, [ALLOW_ALL], None, by_number, {}) is None


def test_without_the_key_policy_identity_policies_do_not_count() -> None:
    missing = Denial("resource-based policy", explicit=False)
    describe = policy(to_account("kms:DescribeKey"))
    assert key_denial(encrypt(), ROLE, [ALLOW_ALL], None, describe, {}) == missing
    to_service = policy(statement("Allow", "kms:*", Principal={"Service": "s3.amazonaws.com"}))
    assert key_denial(encrypt(), ROLE, [ALLOW_ALL], None, to_service, {}) == missing


def test_the_account_with_a_condition_on_the_role_needs_both() -> None:
    only_role = policy(to_account(Condition={"StringEquals": {"aws:PrincipalArn": ROLE.entity_arn}}))
    assert key_denial(encrypt(), ROLE, [ALLOW_ALL], None, only_role, {}) is None
    assert key_denial(encrypt(), ROLE, [], None, only_role, {}) == Denial(
        "identity-based policy", explicit=False
    )
    assert key_denial(encrypt(caller=USER), USER, [ALLOW_ALL], None, only_role, {}) == Denial(
        "resource-based policy", explicit=False
    )


@pytest.mark.parametrize("caller", [ROLE, USER])
def test_a_principal_that_is_named_needs_no_identity_policy(caller: Caller) -> None:
    named = policy(statement("Allow", "kms:Encrypt", Principal={"AWS": caller.entity_arn}))
    assert key_denial(encrypt(), caller, [], None, named, IDS) is None
    deny = policy(statement("Deny", "kms:*"))
    assert key_denial(encrypt(), caller, [deny], None, named, IDS) == Denial(
        "identity-based policy", explicit=True
    )


def test_a_name_stands_for_the_id_it_had() -> None:
    named = policy(statement("Allow", "kms:Encrypt", Principal={"AWS": ROLE.entity_arn}))
    former = {ROLE.entity_arn: "AROAFORMER"}
    assert key_denial(encrypt(), ROLE, [ALLOW_ALL], None, named, former) == Denial(
        "resource-based policy", explicit=False
    )


def test_a_boundary_limits_a_named_role_but_not_a_named_user_or_session() -> None:
    boundary = policy(statement("Allow", "kms:Decrypt"))
    missing = Denial("permissions boundary", explicit=False)
    for principal, caller, denial in (
        (ROLE.entity_arn, ROLE, missing),
        ("*", ROLE, missing),
        (ROLE.arn, ROLE, None),
        (USER.arn, USER, None),
    ):
        named = policy(statement("Allow", "kms:Encrypt", Principal={"AWS": principal}))
        assert key_denial(encrypt(), caller, [], boundary, named, IDS) == denial, principal


def test_a_deny_in_the_key_policy_wins_for_whom_it_names() -> None:
    deny = policy(to_account(), statement("Deny", "kms:Encrypt", Principal={"AWS": ROLE.entity_arn}))
    assert key_denial(encrypt(), ROLE, [ALLOW_ALL], None, deny, IDS) == Denial(
        "resource-based policy", explicit=True
    )
    assert key_denial(encrypt(caller=USER), USER, [ALLOW_ALL], None, deny, IDS) is None


# Resource policies of secrets


def read_secret(caller: Caller = ROLE) -> AccessRequest:
    arn = f"arn:aws:secretsmanager:ap-northeast-2:{ACCOUNT_ID}:secret:keys-a1b2c3"
    return AccessRequest("secretsmanager:GetSecretValue", arn, {"aws:principalarn": caller.entity_arn})


def to_principal(principal: object, effect: str = "Allow", **more: object) -> PolicyDocument:
    return policy(statement(effect, "secretsmanager:GetSecretValue", Principal=principal, **more))


@pytest.mark.parametrize("caller", [ROLE, USER])
def test_identity_or_resource_policy_suffices_for_a_secret(caller: Caller) -> None:
    request, named = read_secret(caller), to_principal({"AWS": caller.entity_arn})
    others = to_principal({"AWS": iam_arn("user/somebody-else")})
    assert secret_denial(request, caller, [], None, named, IDS) is None
    assert secret_denial(request, caller, [ALLOW_ALL], None, others, IDS) is None
    missing = Denial("identity-based policy", explicit=False)
    assert secret_denial(request, caller, [], None, others, IDS) == missing
    assert secret_denial(request, caller, [], None, to_principal({"AWS": ACCOUNT_ID}), IDS) == missing


def test_a_deny_wins_over_whatever_allows_a_secret() -> None:
    condition = {"ArnNotEquals": {"aws:PrincipalArn": [USER.arn]}}
    only_user = to_principal("*", "Deny", Condition=condition)
    by_resource = Denial("resource-based policy", explicit=True)
    assert secret_denial(read_secret(), ROLE, [ALLOW_ALL], None, only_user, IDS) == by_resource
    assert secret_denial(read_secret(USER), USER, [ALLOW_ALL], None, only_user, IDS) is None
    named, deny = to_principal({"AWS": ROLE.entity_arn}), policy(statement("Deny", "secretsmanager:*"))
    by_identity = Denial("identity-based policy", explicit=True)
    assert secret_denial(read_secret(), ROLE, [deny], None, named, IDS) == by_identity


def test_a_boundary_limits_a_role_that_a_secrets_policy_names() -> None:
    named, boundary = to_principal({"AWS": ROLE.entity_arn}), policy(statement("Allow", "kms:*"))
    assert secret_denial(read_secret(), ROLE, [ALLOW_ALL], boundary, named, IDS) == Denial(
        "permissions boundary", explicit=False
    )
    by_session = to_principal({"AWS": ROLE.arn})
    assert secret_denial(read_secret(), ROLE, [], boundary, by_session, IDS) is None


# Trust policies


def trusting(principal: object = None, action: str = "sts:AssumeRoleWithWebIdentity") -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Principal": principal or {"Federated": PROVIDER},
        "Action": action,
        "Condition": {"StringEquals": {"oidc.example.com/id/1:sub": "system:serviceaccount:vault:vault"}},
    }


def claims(subject: str) -> dict[str, str | None]:
    return {"oidc.example.com/id/1:sub": subject, "oidc.example.com/id/1:aud": "sts.amazonaws.com"}


def test_a_trust_policy_decides_by_provider_action_and_claims() -> None:
    vault, other = claims("system:serviceaccount:vault:vault"), claims("system:serviceaccount:vault:other")
    assert web_identity_allowed(policy(trusting()), PROVIDER, vault)
    assert not web_identity_allowed(policy(trusting()), PROVIDER, other)
    assert not web_identity_allowed(policy(trusting()), f"{PROVIDER}2", vault)
    assert not web_identity_allowed(policy(trusting(action="sts:AssumeRole")), PROVIDER, vault)
    assert not web_identity_allowed(policy(trusting({"AWS": iam_arn("root")})), PROVIDER, vault)
    deny = trusting() | {"Effect": "Deny"}
    assert not web_identity_allowed(policy(trusting(), deny), PROVIDER, vault)


def test_a_claim_that_is_not_known_is_refused() -> None:
    other = trusting() | {"Condition": {"StringEquals": {"oidc.example.com/id/2:sub": "a"}}}
    with pytest.raises(UnsupportedPolicyError, match="id/2:sub"):
        web_identity_allowed(policy(other), PROVIDER, claims("a"))
