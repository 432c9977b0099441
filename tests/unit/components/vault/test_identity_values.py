"""In the whole program on Pulumi's mocks another identity outdates pods, and an update of it doesn't."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from components.resource_types import STACK
from components.settings.deployed_identity import IDENTITY_ANNOTATION, identity_checksum
from tests.unit.fakes.mocked_account import (
    ANSWERS,
    EKS,
    GET_STATE,
    INSTALLED,
    POD_ROLLOUT,
    RELEASE,
    ROLE_ARN,
    up,
)
from tests.unit.fakes.recorded_deployment import Answer, Deployment, Secret

pytestmark = pytest.mark.usefixtures("program_commands")

URN = "urn:pulumi:test::vault-autounseal::vault-autounseal:vault:Release$kubernetes:helm.sh/v3:Release::vault"
AGENT: Mapping[str, Answer] = {"aws:eks/getAddon:getAddon": {"addonName": "eks-pod-identity-agent"}}
NOW = {"eks.amazonaws.com/role-arn": ROLE_ARN}
BEFORE = {"eks.amazonaws.com/role-arn": f"{ROLE_ARN}-before"}


def after(
    account: object,
    annotations: Mapping[str, str] | None = None,
    *,
    secret_keys: Sequence[str] = (),
    **settings: str,
) -> Deployment:
    """The program, on a stack whose release has this service account and these annotations of the pods."""
    server = {"image": {"tag": "1.21.2"}, "serviceAccount": account, "annotations": annotations}
    values = {"global": {"tlsDisable": True}, "server": server}
    state: Answer = {"outputs": {URN: {"type": RELEASE, "outputs": {"version": "0.34.1", "values": values}}}}
    return up({**EKS, **settings}, {**ANSWERS, **AGENT, GET_STATE: state}, secret_keys=secret_keys)


def mark(deployment: Deployment) -> str | None:
    """The checksum of the identity that the pods have."""
    annotations: Mapping[str, Any] = deployment.only(RELEASE).inputs["values"]["server"]["annotations"]
    assert "vault-autounseal/configuration" in annotations
    return annotations.get(IDENTITY_ANNOTATION)


def test_new_stack_begins_with_the_mark_and_keeps_it(awskms: Deployment) -> None:
    assert mark(awskms) == identity_checksum(NOW)
    values = awskms.only(RELEASE).inputs["values"]["server"]
    again = after(values["serviceAccount"], values["annotations"])
    assert mark(again) == identity_checksum(NOW)


def test_stack_of_an_earlier_version_is_not_rolled_by_an_update_of_the_program() -> None:
    assert mark(after({"annotations": NOW})) is None
    assert mark(after({"annotations": {**NOW, "owner": "ada"}})) is None


def test_other_identity_outdates_the_pods_of_an_earlier_version() -> None:
    changed, same = after({"annotations": BEFORE}), after({"annotations": NOW})
    assert mark(changed) == identity_checksum(NOW)
    settings = [found.only(POD_ROLLOUT).inputs["pod_settings"] for found in (changed, same)]
    assert settings[0] != settings[1]


def test_identity_that_pods_no_longer_have_from_the_service_account_outdates_them() -> None:
    """They were created with IRSA, and the agent of Pod Identity has their role now."""
    moved = after({"annotations": NOW}, identity='{"kind": "pod-identity"}')
    assert mark(moved) == identity_checksum({})


def test_mark_follows_each_further_change() -> None:
    marked = {IDENTITY_ANNOTATION: identity_checksum(BEFORE)}
    assert mark(after({"annotations": BEFORE}, marked)) == identity_checksum(NOW)


@pytest.mark.parametrize("before", [NOW, BEFORE])
def test_secret_values_stay_secret_and_the_mark_is_found_in_them(before: Mapping[str, str]) -> None:
    extra = {"extraConfig": "telemetry {\n  disable_hostname = true\n}"}
    marked = {IDENTITY_ANNOTATION: identity_checksum(before)}
    values = (
        after({"annotations": before}, marked, secret_keys=[*extra], **extra).only(RELEASE).inputs["values"]
    )
    assert isinstance(values, Secret)
    assert values.value["server"]["annotations"][IDENTITY_ANNOTATION] == identity_checksum(NOW)


@pytest.mark.parametrize("account", [None, "secret"])
def test_state_that_does_not_tell_rolls_nothing(account: object) -> None:
    assert mark(after(account)) is None


@pytest.mark.parametrize(("before", "expected"), [(NOW, None), (BEFORE, identity_checksum(NOW))])
def test_values_that_others_install_are_marked_likewise(
    before: Mapping[str, str], expected: str | None
) -> None:
    """What the last update has exported for them tells which identity the pods have."""
    exported = yaml.safe_dump({"server": {"serviceAccount": {"annotations": before}}})
    recorded: Mapping[str, Any] = {
        "urn:pulumi:test::vault-autounseal::pulumi:pulumi:Stack::vault-autounseal-test": {
            "type": STACK,
            "outputs": {"chart_values": exported, "chart_version": "0.34.1"},
        },
        f"urn:pulumi:test::vault-autounseal::{INSTALLED}::vault": {"type": INSTALLED, "outputs": {}},
    }
    deployment = up({**EKS, "release": "false"}, {**ANSWERS, GET_STATE: {"outputs": recorded}})
    values = yaml.safe_load(deployment.outputs["chart_values"])
    assert values["server"]["annotations"].get(IDENTITY_ANNOTATION) == expected


def test_pods_without_an_identity_in_the_service_account_have_no_mark() -> None:
    assert mark(up({**EKS, "identity": '{"kind": "pod-identity"}'}, {**ANSWERS, **AGENT})) is None
