"""The documents for who runs the stack: what they allow, how narrow they are, and what a linter says."""

from collections.abc import Mapping
from typing import Any

import parliament  # type: ignore[import-untyped]  # it ships no types
import pytest

from components.aws.policies import KEY_READS, unseal_policy
from components.errors import DeploymentError
from components.permissions.aws import (
    DOCUMENTS,
    destroy_policy,
    preview_policy,
    up_policy,
    vault_role_policy,
)
from components.permissions.aws_arns import deployment_scope
from tests.unit.aws_actions import EVERY_ACTION, SERVICES
from tests.unit.fakes.aws_deployments import (
    ACCOUNT,
    ANY_KEY,
    BOUNDARY,
    CHINA,
    CUSTODY,
    FULL,
    GOVERNMENT,
    IN_SECRET,
    IN_SECRET_UNDER_UNSEAL_KEY,
    KEY_ARN,
    KEY_ID,
    OF_NO_ALIAS,
    OF_NO_OTHER_ALIAS,
    OF_THE_ALIAS,
    SECRET_KEY_ID,
    SHAMIR_ON_EKS,
    SNAPSHOTS,
    WITH_SNAPSHOTS,
    actions,
    resources,
    scope,
    statements,
)
from tests.unit.fakes.stack_settings import EKS, NODE_GROUP, parse

RULES = f"arn:aws:ec2:eu-central-1:{ACCOUNT}:security-group-rule/*"
GROUP = f"arn:aws:ec2:eu-central-1:{ACCOUNT}:security-group/{NODE_GROUP}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/vault/unsealer"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/vault/unseal"
ALIAS = f"arn:aws:kms:eu-central-1:{ACCOUNT}:alias/vault-auto-unseal"
STATIC: Mapping[str, Any] = {
    "kubeContext": "here",
    "region": "eu-central-1",
    "identity": {"kind": "static", "userArn": f"arn:aws:iam::{ACCOUNT}:user/vault"},
}
SHORT_LIVED: Mapping[str, Any] = {**EKS, "key": {"retainOnDestroy": False, "rotation": False}}

# AWS has no resource for these (Service Authorization Reference), so nothing narrower than * can be asked.
WITHOUT_RESOURCE = {
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "iam:ListOpenIDConnectProviders",
    "kms:CreateKey",
    "kms:ListAliases",
}


BY_POLICY = "RESOURCE_POLICY_PRIVILEGE_ESCALATION"

EVERY_DOCUMENT = [
    pytest.param(DOCUMENTS[name](found), id=f"{name}-{title}")
    for title, found in (
        ("first", scope(FULL)),
        ("deployed", scope(FULL, KEY_ID)),
        ("short-lived", scope(SHORT_LIVED, KEY_ID)),
        ("china", scope(CHINA)),
        ("government", scope(GOVERNMENT)),
        ("shamir", scope(SHAMIR_ON_EKS)),
        ("pod-identity", scope({**FULL, "identity": {"kind": "pod-identity"}})),
        ("static", scope(STATIC)),
        ("secret", scope(IN_SECRET)),
        ("snapshots", scope(WITH_SNAPSHOTS)),
        ("shamir-with-snapshots", scope({**SHAMIR_ON_EKS, "snapshots": SNAPSHOTS})),
        ("snapshots-pod-identity", scope({**WITH_SNAPSHOTS, "identity": {"kind": "pod-identity"}})),
        ("secret-deployed", scope({**IN_SECRET, "protect": False}, KEY_ID, SECRET_KEY_ID)),
        ("secret-under-unseal-key", scope(IN_SECRET_UNDER_UNSEAL_KEY)),
    )
    for name in DOCUMENTS
    if not (name == "vault-role" and title.startswith("shamir"))
]


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_linter_finds_nothing(document: str) -> None:
    """But for the stars, which `test_star_only_where_aws_has_nothing_narrower` is about, a condition that
    the linter's data has at the resource and that it looks for at the action, and that whoever writes the
    policy of the snapshots' bucket gets at them, which docs/permissions.md tells.
    """
    findings = parliament.analyze_policy_string(document).findings
    lines = [str(finding) for finding in findings if finding.issue not in ("RESOURCE_STAR", BY_POLICY)]
    assert [
        line for line in lines if "Unknown condition kms:ResourceAliases for action kms:" not in line
    ] == []
    (key,) = [kind for kind in SERVICES["kms"]["resources"] if kind["resource"] == "key"]
    assert "kms:ResourceAliases" in key["condition_keys"]


def test_linter_finds_a_misplaced_action() -> None:
    wrong = up_policy(scope()).replace("iam:UntagRole", "iam:UntagPolicy")
    issues = {finding.issue for finding in parliament.analyze_policy_string(wrong).findings}
    assert "RESOURCE_MISMATCH" in issues


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_every_action_is_one_of_aws(document: str) -> None:
    assert actions(document) <= EVERY_ACTION


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_no_action_is_a_pattern(document: str) -> None:
    assert not [action for action in actions(document) if "*" in action or "?" in action]


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_star_only_where_aws_has_nothing_narrower(document: str) -> None:
    for statement in statements(document).values():
        if "*" in resources(statement):
            assert set(statement["Action"]) <= WITHOUT_RESOURCE
            assert statement["Sid"] == "ListIdentityProviders" or "Condition" in statement


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_every_document_fits_into_a_managed_policy(document: str) -> None:
    """6,144 characters without white space: the IAM guide, "IAM and AWS STS quotas"."""
    assert len("".join(document.split())) <= 6144


@pytest.mark.parametrize("document", EVERY_DOCUMENT)
def test_no_document_allows_the_use_of_the_key_except_the_roles(document: str) -> None:
    """By way of Secrets Manager, only for what the secret holds."""
    use = {"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"}
    using = [statement for statement in statements(document).values() if use & set(statement["Action"])]
    for statement in using:
        assert set(statements(document)) == {"UseUnsealKey"} or statement["Condition"]["StringEquals"][
            "kms:ViaService"
        ].startswith("secretsmanager.")


def test_default_tags_of_the_provider_are_set_as_those_of_the_settings() -> None:
    with_custody = {**EKS, "custody": CUSTODY}
    settings = parse(with_custody, aws={"defaultTags": {"tags": {"team": "one"}}})
    tagged = deployment_scope(settings, account_id=ACCOUNT, key_id=None)
    own = scope({**with_custody, "tags": {"team": "one"}})
    assert up_policy(tagged) == up_policy(own) != up_policy(scope(with_custody))


def test_up_begins_with_what_preview_may() -> None:
    for key_id in (None, KEY_ID):
        assert actions(preview_policy(scope(key_id=key_id))) < actions(up_policy(scope(key_id=key_id)))


def test_preview_changes_nothing() -> None:
    verbs = {action.partition(":")[2] for action in actions(preview_policy(scope()))}
    assert not [verb for verb in verbs if not verb.startswith(("Describe", "Get", "List"))]


def test_up_deletes_nothing_but_versions_and_tags() -> None:
    deletions = {
        action
        for action in actions(up_policy(scope(SHORT_LIVED)))
        if any(word in action for word in ("Delete", "Detach", "Revoke", "Untag"))
    }
    assert deletions == {
        "ec2:DeleteTags",
        "iam:DeletePolicyVersion",
        "iam:DeleteRolePermissionsBoundary",
        "iam:UntagPolicy",
        "iam:UntagRole",
        "kms:UntagResource",
    }


def test_with_the_keys_id_nothing_reaches_another_key() -> None:
    for name, document in DOCUMENTS.items():
        text = document(scope(key_id=KEY_ID))
        assert ANY_KEY not in text, name
        assert "kms:CreateKey" not in actions(text), name


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("retained", [False, True])
def test_without_the_id_nothing_is_for_a_key_of_another_alias(secret: bool, retained: bool) -> None:
    """Neither of `up` nor of `up` and `destroy` together, but for reads of the secret's key."""
    found = scope({**FULL, **({"custody": CUSTODY} if secret else {}), "key": {"retainOnDestroy": retained}})
    documents = [up_policy(found), *([destroy_policy(found)] if retained else [])]
    reaching = {
        sid: statement
        for document in documents
        for sid, statement in statements(document).items()
        if ANY_KEY in resources(statement)
        # AWS asks for this right on the alias, too, which keeps other keys out.
        and sid != "DeleteAlias"
    }
    if secret:
        assert reaching.pop("ReadSecretKey")["Action"] == sorted(KEY_READS)
        # By way of Secrets Manager, which asks for nothing but its own secrets.
        del reaching["UseSecretKey"]
    assert {sid: statement["Condition"] for sid, statement in reaching.items()} == {
        "NameKey": OF_NO_OTHER_ALIAS,
        "FinishAndChangeKey": OF_NO_OTHER_ALIAS,
        **({"FinishSecretKey": OF_NO_ALIAS} if secret else {}),
    }


def test_a_key_is_named_finished_and_changed_while_it_has_no_other_alias() -> None:
    found = statements(up_policy(scope()))
    assert found["NameKey"]["Resource"] == [ALIAS, ANY_KEY]
    assert found["FinishAndChangeKey"] == {
        "Sid": "FinishAndChangeKey",
        "Effect": "Allow",
        "Action": sorted(
            [
                *KEY_READS,
                "kms:EnableKeyRotation",
                "kms:PutKeyPolicy",
                "kms:TagResource",
                "kms:UntagResource",
            ]
        ),
        "Resource": ANY_KEY,
        "Condition": OF_NO_OTHER_ALIAS,
    }
    assert statements(preview_policy(scope()))["ReadKey"]["Condition"] == OF_NO_OTHER_ALIAS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_alias_is_never_led_to_another_key(name: str) -> None:
    """Whoever could do so would get at any key by its alias."""
    assert "kms:UpdateAlias" not in actions(DOCUMENTS[name](scope()))


def test_a_new_key_is_the_kind_that_the_program_makes() -> None:
    assert statements(up_policy(scope()))["CreateKey"]["Condition"] == {
        "StringEquals": {
            "aws:RequestedRegion": "eu-central-1",
            "kms:KeySpec": "SYMMETRIC_DEFAULT",
            "kms:KeyUsage": "ENCRYPT_DECRYPT",
        },
        "BoolIfExists": {"kms:BypassPolicyLockoutSafetyCheck": "false"},
    }


def test_role_and_policy_are_named() -> None:
    found = statements(up_policy(scope()))
    assert found["CreateRole"]["Resource"] == ROLE
    assert found["WritePolicy"]["Resource"] == POLICY
    assert found["AttachRolePolicy"]["Condition"]["ArnEquals"]["iam:PolicyARN"] == POLICY


def test_a_boundary_is_asked_of_the_role() -> None:
    found = statements(up_policy(scope()))
    assert found["CreateRole"]["Action"] == ["iam:CreateRole", "iam:PutRolePermissionsBoundary"]
    assert found["CreateRole"]["Condition"] == {"ArnEquals": {"iam:PermissionsBoundary": BOUNDARY}}
    assert found["AttachRolePolicy"]["Condition"]["ArnEquals"]["iam:PermissionsBoundary"] == BOUNDARY
    assert "iam:DeleteRolePermissionsBoundary" not in actions(up_policy(scope()))


def test_without_a_boundary_an_earlier_one_may_go() -> None:
    creation = statements(up_policy(scope(EKS)))["CreateRole"]
    assert creation["Action"] == ["iam:CreateRole", "iam:DeleteRolePermissionsBoundary"]
    assert "Condition" not in creation


def test_the_rule_is_one_of_the_nodes_group() -> None:
    found = statements(up_policy(scope()))
    assert found["CreateWebhookRule"]["Resource"] == [GROUP]
    assert found["ChangeWebhookRule"]["Resource"] == [GROUP, RULES]
    assert found["TagWebhookRule"]["Resource"] == RULES
    assert statements(destroy_policy(scope()))["DeleteWebhookRule"]["Resource"] == [GROUP]


def test_without_tags_nothing_is_tagged() -> None:
    assert {
        action for action in actions(up_policy(scope(EKS))) if "Tag" in action and "Untag" not in action
    } == {
        "ec2:DeleteTags",
        "kms:ListResourceTags",
    }


@pytest.mark.parametrize(("rotation", "action"), [(True, "Enable"), (False, "Disable")])
@pytest.mark.parametrize("key_id", [None, KEY_ID])
def test_rotation_is_switched_to_the_setting(rotation: bool, action: str, key_id: str | None) -> None:
    found = actions(up_policy(scope({**EKS, "key": {"rotation": rotation}}, key_id)))
    assert {name for name in found if name.endswith("ableKeyRotation")} == {f"kms:{action}KeyRotation"}


def test_without_injector_there_is_no_rule() -> None:
    documents = [document(scope({**EKS, "injector": {"enabled": False}})) for document in DOCUMENTS.values()]
    assert {action for text in documents for action in actions(text) if action.startswith("ec2:")} == {
        "ec2:DescribeSecurityGroups"
    }


def test_shamir_uses_no_key_and_no_role() -> None:
    shamir = scope(SHAMIR_ON_EKS)
    services = {action.partition(":")[0] for action in actions(up_policy(shamir))}
    assert services == {"eks", "ec2"}
    assert actions(destroy_policy(shamir)) == {"ec2:RevokeSecurityGroupIngress"}
    with pytest.raises(DeploymentError, match="no role"):
        vault_role_policy(shamir)


def test_only_the_stacks_alias_is_deleted() -> None:
    """AWS asks for the right on both, so the alias keeps the other keys out."""
    assert statements(destroy_policy(scope()))["DeleteAlias"]["Resource"] == [ALIAS, ANY_KEY]
    assert statements(destroy_policy(scope(key_id=KEY_ID)))["DeleteAlias"]["Resource"] == [ALIAS, KEY_ARN]


def test_a_retained_key_is_not_deleted() -> None:
    assert "kms:ScheduleKeyDeletion" not in actions(destroy_policy(scope(FULL, KEY_ID)))
    assert "kms:DeleteAlias" in actions(destroy_policy(scope(FULL)))


def test_a_deletion_is_of_one_key() -> None:
    deletion = statements(destroy_policy(scope(SHORT_LIVED, KEY_ID)))["ScheduleKeyDeletion"]
    assert deletion["Resource"] == KEY_ARN
    with pytest.raises(DeploymentError, match="--key-id"):
        destroy_policy(scope(SHORT_LIVED))


def test_nothing_to_delete_is_said() -> None:
    with pytest.raises(DeploymentError, match="nothing to delete"):
        destroy_policy(scope({**SHAMIR_ON_EKS, "injector": {"enabled": False}}))


def test_the_roles_document_is_the_programs_own() -> None:
    assert vault_role_policy(scope(key_id=KEY_ID)) == unseal_policy(key_arn=KEY_ARN)
    assert statements(vault_role_policy(scope()))["UseUnsealKey"] == {
        "Sid": "UseUnsealKey",
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"],
        "Resource": ANY_KEY,
        "Condition": OF_THE_ALIAS,
    }


def test_pod_identity_asks_for_the_agent_and_for_no_oidc_provider() -> None:
    found = scope({**FULL, "identity": {"kind": "pod-identity"}})
    assert not {action for action in actions(up_policy(found)) if "OpenIDConnect" in action}
    cluster = f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/example"
    held = statements(up_policy(found))
    assert held["FindPodIdentityAgent"]["Resource"].endswith(":addon/example/eks-pod-identity-agent/*")
    assert held["AssumeRoleAsVault"]["Resource"] == held["CreateAssociation"]["Resource"] == cluster
    assert held["PassRole"]["Resource"] == ROLE
    assert held["PassRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "pods.eks.amazonaws.com"}
    }
    deletion = statements(destroy_policy(found))["DeleteAssociation"]
    assert deletion["Resource"] == f"arn:aws:eks:eu-central-1:{ACCOUNT}:podidentityassociation/example/*"


@pytest.mark.parametrize("preflight", [True, False])
def test_role_is_assumed_as_vault_for_the_preflight_alone(preflight: bool) -> None:
    found = scope({**FULL, "identity": {"kind": "pod-identity"}, "init": {"preflight": preflight}})
    assert ("AssumeRoleAsVault" in statements(up_policy(found))) is preflight


def test_a_users_key_takes_no_rights_in_iam_and_eks() -> None:
    found = scope(STATIC)
    for document in (preview_policy(found), up_policy(found), destroy_policy(found)):
        assert {action.partition(":")[0] for action in actions(document)} == {"kms"}
