"""What the engine tells of the stack's own state."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import stack_state
from components.errors import DeploymentError
from components.stack_state import recorded_outputs
from tests.unit.fakes.mocked_account import GET_STATE, RULE
from tests.unit.fakes.recorded_deployment import REFUSAL, Answer, Deployment, deploy

STACK = "urn:pulumi:prod::vault-autounseal::"
OUTPUTS = {"securityGroupRuleId": "sgr-1"}
OWN_RULE = f"{STACK}vault-autounseal:aws:WebhookIngress${RULE}::"
RECORDED: Answer = {
    "outputs": {
        f"{OWN_RULE}webhook-ingress": {
            "type": RULE,
            "outputs": OUTPUTS,
        },
        f"{STACK}aws:kms/key:Key::unseal-key": {"type": "aws:kms/key:Key", "outputs": {"keyId": "1"}},
    }
}


def read(answer: Answer = RECORDED) -> tuple[Mapping[str, Mapping[str, Any]], Deployment]:
    found: list[Mapping[str, Mapping[str, Any]]] = []
    deployment = deploy(
        {},
        answers={GET_STATE: answer},
        outputs=lambda _: {},
        program=lambda: found.append(recorded_outputs(RULE)),
    )
    return found[0], deployment


def test_resources_of_the_type_are_told_by_their_names() -> None:
    assert read()[0] == {"webhook-ingress": OUTPUTS}


RELEASE = "kubernetes:helm.sh/v3:Release"
FOREIGN = [
    f"{STACK}{RELEASE}::ingress-nginx",
    f"{STACK}vault-autounseal:index:Vault${RELEASE}::beside",
    f"{STACK}acme:index:Platform${RELEASE}::vault",
]
OWN = [
    f"{STACK}vault-autounseal:vault:Release${RELEASE}::vault",
    f"{STACK}acme:index:Platform$vault-autounseal:index:Vault$vault-autounseal:vault:Release${RELEASE}::vault",
]


@pytest.mark.parametrize("own", OWN)
def test_releases_of_the_program_around_the_package_are_not_vaults(own: str) -> None:
    """A program of somebody else has releases beside Vault's, and may have parented some to it."""
    resources = [*FOREIGN, own]
    answer = {"outputs": {urn: {"type": RELEASE, "outputs": {"urn": urn}} for urn in resources}}
    found: list[Any] = []
    deploy(
        {},
        answers={GET_STATE: answer},
        outputs=lambda _: {},
        program=lambda: found.append(recorded_outputs(RELEASE)),
    )
    assert found == [{"vault": {"urn": own}}]
    exported = [{"type": RELEASE, "urn": urn, "outputs": {"urn": urn}} for urn in resources]
    assert stack_state.outputs_in({"resources": exported}, RELEASE) == {RELEASE: {"vault": {"urn": own}}}


@pytest.mark.parametrize(
    ("organization", "stack"), [("organization", "prod"), ("acme", "acme/vault-autounseal/prod")]
)
def test_stack_is_named_as_its_backend_knows_it(
    monkeypatch: pytest.MonkeyPatch, organization: str, stack: str
) -> None:
    monkeypatch.setattr(pulumi, "get_organization", lambda: organization)
    monkeypatch.setattr(pulumi, "get_project", lambda: "vault-autounseal")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    _, deployment = read()
    (call,) = deployment.calls
    assert call.args == {"stackName": stack}


def test_one_run_reads_once_and_the_next_one_again() -> None:
    found: list[Mapping[str, Mapping[str, Any]]] = []
    rule = f"{STACK}vault-autounseal:aws:WebhookIngress${RULE}::rule"
    for outputs in (OUTPUTS, {"securityGroupRuleId": "sgr-2"}):
        deployment = deploy(
            {},
            answers={GET_STATE: {"outputs": {rule: {"type": RULE, "outputs": outputs}}}},
            outputs=lambda _: {},
            program=lambda: found.extend(recorded_outputs(RULE) for _ in range(3)),
        )
        assert len(deployment.calls) == 1
    assert found == [{"rule": OUTPUTS}] * 3 + [{"rule": {"securityGroupRuleId": "sgr-2"}}] * 3


def test_engine_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_state, "_READ_SECONDS", 0.2)
    with pytest.raises(DeploymentError, match=r"doesn't tell what the state of stack .* records: .*unknown"):
        read({REFUSAL: "unknown stack"})


def test_state_that_is_being_written_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Answer | None] = [None, RECORDED]

    def outputs(_stack: str) -> Answer:
        if (answer := reads.pop(0)) is None:
            raise DeploymentError("failed to load checkpoint: EOF")
        return answer

    monkeypatch.setattr(stack_state, "_outputs_of", outputs)
    assert read()[0] == {"webhook-ingress": OUTPUTS}


def test_export_is_not_given_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have secrets in plain text; the passphrase is what the CLI itself reads."""
    command = tmp_path / "pulumi"
    given = "${PULUMI_CONFIG-no} ${PULUMI_CONFIG_SECRET_KEYS-no} $PULUMI_CONFIG_PASSPHRASE"
    command.write_text(f"""#!/bin/sh\nprintf '{{"deployment": {{"given": "%s"}}}}' "{given}"\n""")
    command.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("PULUMI_CONFIG", "hush")
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", "hush")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "word")
    assert stack_state.exported_deployment("prod") == {"given": "no no word"}


def test_export_tells_the_same_of_what_is_not_to_be_deleted() -> None:
    recorded = [
        {
            "type": RULE,
            "urn": f"{OWN_RULE}webhook-ingress",
            "outputs": OUTPUTS,
        },
        {"type": RULE, "urn": f"{OWN_RULE}replaced", "outputs": {}, "delete": True},
        {"type": "pulumi:pulumi:Stack", "urn": f"{STACK}pulumi:pulumi:Stack::stack"},
    ]
    found = stack_state.outputs_in({"resources": recorded}, RULE, "pulumi:pulumi:Stack", "other")
    assert found == {RULE: {"webhook-ingress": OUTPUTS}, "pulumi:pulumi:Stack": {"stack": {}}, "other": {}}
    assert stack_state.outputs_in({}, RULE) == {RULE: {}}
