"""The resources of a preview, as Pulumi prints them."""

from components.planned_resource import UNKNOWN, Plan, plan_of_preview

PREFIX = "urn:pulumi:prod::vault-autounseal"
COMPONENT = f"{PREFIX}::test:index:Key::unseal-key"
KEY = f"{PREFIX}::test:index:Key$aws:kms/key:Key::unseal-key"
ALIAS = f"{PREFIX}::test:index:Key$aws:kms/alias:Alias::unseal-key"


def step(urn: str, resource_type: str, **state: object) -> dict[str, object]:
    return {"op": "create", "urn": urn, "newState": {"urn": urn, "type": resource_type, **state}}


def plan() -> Plan:
    own = {"parent": COMPONENT}
    known = step(ALIAS, "aws:kms/alias:Alias", **own, inputs={"name": "alias/a", "targetKeyId": UNKNOWN})
    # What is in the state already counts as well.
    same = {"op": "same", "urn": KEY, "oldState": {"urn": KEY, "type": "aws:kms/key:Key", **own}}
    return plan_of_preview({"steps": [step(COMPONENT, "test:index:Key"), same, known]})


def test_siblings_have_one_parent() -> None:
    _, key, alias = plan().resources
    assert plan().sibling(key, "aws:kms/alias:Alias") == alias
    assert plan().sibling(key, "aws:iam/role:Role") is None
    other = plan_of_preview({"steps": [step(ALIAS, "aws:kms/alias:Alias", parent="urn:another")]})
    assert other.sibling(key, "aws:kms/alias:Alias") is None


def test_one_of_a_type() -> None:
    _, key, _ = plan().resources
    assert plan().of_type("aws:kms/key:Key") == key
    assert plan().of_type("aws:iam/role:Role") is None


def test_what_only_the_creation_tells_is_no_name() -> None:
    alias = plan().resources[-1]
    assert alias.text("name") == "alias/a"
    assert alias.text("namePrefix") == ""
    assert alias.text("targetKeyId") == ""
