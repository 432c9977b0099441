"""The statements for the roles that a stack creates."""

from components.permissions.aws_arns import OwnRoleScope
from components.permissions.aws_roles import MadeRole, role_deletion, role_reads, role_writes

ROLE, POLICY = "arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:policy/a"
OTHER_ROLE, OTHER_POLICY = f"{ROLE}-other", f"{POLICY}-other"
ONE = [MadeRole(ROLE, OwnRoleScope(POLICY, None))]
TWO = [*ONE, MadeRole(OTHER_ROLE, OwnRoleScope(OTHER_POLICY, None), "Other")]


def test_no_role_needs_no_right() -> None:
    assert [*role_reads([]), *role_writes([], tagged=True), *role_deletion([])] == []


def test_two_roles_share_statements_but_never_a_policy() -> None:
    statements = [*role_reads(TWO), *role_writes(TWO, tagged=False), *role_deletion(TWO)]
    by_sid = {str(statement["Sid"]): statement for statement in statements}
    assert len(by_sid) == len(statements)
    assert by_sid["ReadRole"]["Resource"] == by_sid["CreateRole"]["Resource"] == [ROLE, OTHER_ROLE]
    assert by_sid["WritePolicy"]["Resource"] == by_sid["DeletePolicy"]["Resource"] == [POLICY, OTHER_POLICY]
    for sid, role, policy in (("", ROLE, POLICY), ("Other", OTHER_ROLE, OTHER_POLICY)):
        for verb in ("Attach", "Detach"):
            found = by_sid[f"{verb}{sid}RolePolicy"]
            assert found["Resource"] == role
            assert found["Condition"] == {"ArnEquals": {"iam:PolicyARN": policy}}


def test_tags_are_set_only_if_there_are_any() -> None:
    def tagging(tagged: bool) -> set[str]:
        statements = role_writes(ONE, tagged=tagged)
        return {action for one in statements for action in one["Action"] if action.startswith("iam:Tag")}

    assert tagging(True) == {"iam:TagRole", "iam:TagPolicy"}
    assert tagging(False) == set()


def test_role_without_a_boundary_loses_an_earlier_one() -> None:
    creation = role_writes(ONE, tagged=False)[0]
    assert creation["Resource"] == ROLE
    assert creation["Action"] == ["iam:CreateRole", "iam:DeleteRolePermissionsBoundary"]
    assert "Condition" not in creation
