"""The resources of a preview, as Pulumi prints them."""

from components.planned_resource import UNKNOWN, Plan, plan_of_preview

PREFIX = "urn:pulumi:prod::vault-autounseal"
COMPONENT = f"{PREFIX}::test:index:Key::unseal-key"
PROVIDER = f"{PREFIX}::pulumi:providers:aws::aws"
KEY = f"{PREFIX}::test:index:Key$aws:kms/key:Key::unseal-key"
ALIAS = f"{PREFIX}::test:index:Key$aws:kms/alias:Alias::unseal-key"


def step(urn: str, resource_type: str, **state: object) -> dict[str, object]:
    return {"op": "create", "urn": urn, "newState": {"urn": urn, "type": resource_type, **state}}


def plan() -> Plan:
    own = {"parent": COMPONENT, "provider": f"{PROVIDER}::{UNKNOWN}"}
    known = step(ALIAS, "aws:kms/alias:Alias", **own, inputs={"name": "alias/a", "targetKeyId": UNKNOWN})
    # What is in the state already counts as well.
    same = {"op": "same", "urn": KEY, "oldState": {"urn": KEY, "type": "aws:kms/key:Key", **own}}
    provider = step(PROVIDER, "pulumi:providers:aws", inputs={"region": "eu-central-1"})
    return plan_of_preview({"steps": [step(COMPONENT, "test:index:Key"), provider, same, known]})


def test_siblings_have_one_parent() -> None:
    _, _, key, alias = plan().resources
    assert plan().sibling(key, "aws:kms/alias:Alias") == alias
    assert plan().sibling(key, "aws:iam/role:Role") is None
    other = plan_of_preview({"steps": [step(ALIAS, "aws:kms/alias:Alias", parent="urn:another")]})
    assert other.sibling(key, "aws:kms/alias:Alias") is None


def test_provider_of_a_resource_is_found_by_its_urn() -> None:
    component, _, key, _ = plan().resources
    assert plan().provider_inputs(key) == {"region": "eu-central-1"}
    assert plan().provider_inputs(component) == {}
    assert plan().of_type("pulumi:providers:aws") is not None


def test_what_only_the_creation_tells_is_no_name() -> None:
    alias = plan().resources[-1]
    assert alias.text("name") == "alias/a"
    assert alias.text("namePrefix") == ""
    assert alias.text("targetKeyId") == ""
