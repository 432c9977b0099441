"""Whether a stack whose settings name no audit devices has some."""

from typing import Any

import pytest

from components import audit_default
from components.audit_default import with_audit_default
from components.errors import SettingsError
from components.resource_types import RELEASE, RELEASE_GUARD
from tests.unit.fakes.mocked_account import ANSWERS, AUDIT_DEVICES, GET_STATE, GUARD, up
from tests.unit.fakes.mocked_account import RELEASE as HELM_RELEASE
from tests.unit.fakes.recorded_deployment import Deployment
from tests.unit.fakes.recorded_state import urn
from tests.unit.fakes.stack_settings import EKS, parse

pytestmark = pytest.mark.usefixtures("program_commands")

STACK = {**{key: str(value) for key, value in EKS.items()}, "tls": '{"source": "none"}'}
"""Without TLS, whose loop is in the same container."""
ROTATING = {"server": {"postStart": ["/bin/sh", "-c", "", "watch-audit-log"]}}
EARLIER = {"server": {"image": {"tag": "1.18.1"}}}


def deployed(*recorded: dict[str, Any], **settings: str) -> Deployment:
    """The program on a stack whose state has these resources."""
    state = {urn(entry): {"type": entry["type"], "outputs": entry["outputs"]} for entry in recorded}
    return up({**STACK, **settings}, {**ANSWERS, GET_STATE: {"outputs": state}})


def guard(**outputs: Any) -> dict[str, Any]:
    return {"type": RELEASE_GUARD, "name": "release-guard", "outputs": outputs}


def release(values: Any) -> dict[str, Any]:
    return {"type": RELEASE, "outputs": {"values": values}}


def devices(deployment: Deployment) -> list[Any]:
    """The devices that the stack asks for."""
    return [list(entry.inputs["devices"]) for entry in deployment.of_type(AUDIT_DEVICES)]


def test_new_stack_audits_to_both() -> None:
    deployment = up(STACK)
    assert devices(deployment) == [["file", "stdout"]]
    assert deployment.only(GUARD).inputs["audited"] is True
    assert "watch-audit-log" in deployment.only(HELM_RELEASE).inputs["values"]["server"]["postStart"]
    assert not any("audit" in line for line in deployment.log)


def test_releases_beside_the_packages_vault_make_no_earlier_stack_of_a_new_one() -> None:
    """Its program may have installed others before, of charts with values of the same names."""
    outputs = {"values": EARLIER, "version": "4.11.3"}
    deployment = deployed({"type": RELEASE, "name": "ingress-nginx", "parent": "", "outputs": outputs})
    assert devices(deployment) == [["file", "stdout"]]
    release_ = deployment.only(HELM_RELEASE).inputs
    assert release_["version"] != "4.11.3"
    assert release_["values"]["server"]["image"]["tag"] != "1.18.1"


def test_new_stack_without_the_volume_audits_to_the_log() -> None:
    deployment = up({**STACK, "auditStorage": '{"enabled": false}'})
    assert devices(deployment) == [["stdout"]]
    assert "postStart" not in deployment.only(HELM_RELEASE).inputs["values"]["server"]


@pytest.mark.parametrize(
    "recorded",
    [[guard(audited=True), release(ROTATING)], [guard(audited=True)], [release(ROTATING)]],
    ids=["deployed", "interrupted", "imported"],
)
def test_stack_that_began_with_them_has_them(
    recorded: list[dict[str, Any]],
) -> None:
    assert devices(deployed(*recorded)) == [["file", "stdout"]]


@pytest.mark.parametrize(
    "recorded",
    [[guard(), release(EARLIER)], [guard()], [release(EARLIER)], [release({})], [release(None)]],
    ids=["deployed", "of others", "imported", "without values", "unreadable"],
)
def test_stack_of_an_earlier_version_stays_as_it_is_and_says_so(
    recorded: list[dict[str, Any]],
) -> None:
    deployment = deployed(*recorded)
    assert devices(deployment) == []
    assert "audited" not in deployment.only(GUARD).inputs
    assert "postStart" not in deployment.only(HELM_RELEASE).inputs["values"]["server"]
    assert (deployment.outputs["audit_devices"], deployment.outputs["audit_problem"]) == ([], "")
    (warned,) = [line for line in deployment.log if "audit" in line]
    assert "its Vault is adopted, or of a version that enabled none" in warned
    assert "pulumi config set --path 'audit.devices[0]' file and " in warned
    assert "replaces Vault's pods one by one" in warned


def test_stack_of_an_earlier_version_has_what_its_settings_name() -> None:
    deployment = deployed(guard(), audit='{"devices": ["stdout"]}')
    assert devices(deployment) == [["stdout"]]
    assert deployment.only(GUARD).inputs["audited"] is True


def test_adopted_vault_stays_as_it_is() -> None:
    adopting = {**STACK, "init": '{"adopt": true}', "token": "hvs.mine"}
    assert devices(up(adopting, secret_keys=["token"])) == []


@pytest.mark.parametrize("audit", [{}, {"devices": ["file", "stdout"]}], ids=["default", "given"])
def test_volume_that_is_mounted_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch, audit: dict[str, Any]
) -> None:
    monkeypatch.setattr(audit_default, "recorded_outputs_of", lambda *types: {key: {} for key in types})
    values = {"server": {"auditStorage": {"mountPath": "/audit"}}}
    with pytest.raises(SettingsError, match=r"auditStorage.mountPath is /audit: Vault's audit log is in"):
        with_audit_default(parse({**EKS, "chart": {"values": values}, "audit": audit}))


def test_volume_may_be_anywhere_if_nothing_is_written_to_it() -> None:
    values = {"server": {"auditStorage": {"mountPath": "/audit"}}}
    settings = parse({**EKS, "chart": {"values": values}, "audit": {"devices": ["stdout"]}})
    assert with_audit_default(settings) == settings


def test_stack_without_devices_says_so() -> None:
    deployment = up({**STACK, "audit": '{"devices": []}'})
    assert devices(deployment) == []
    assert any(
        "This stack enables no audit device (audit.devices is empty)" in line for line in deployment.log
    )
