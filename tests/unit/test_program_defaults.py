"""The whole program on Pulumi's mocks, with what the stack's state has of an earlier version."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.fakes.mocked_account import (
    ANSWERS,
    EKS,
    GET_STATE,
    GUARD,
    OWN_CERTIFICATE,
    POD_ROLLOUT,
    RELEASE,
    up,
)
from tests.unit.fakes.recorded_deployment import REFUSAL, Answer, Deployment

pytestmark = pytest.mark.usefixtures("program_commands")

URN = "urn:pulumi:test::vault-autounseal::vault-autounseal:vault:Release$kubernetes:helm.sh/v3:Release::vault"
OLDER: Mapping[str, Any] = {
    "version": "0.29.1",
    "values": {"global": {"tlsDisable": True}, "server": {"image": {"tag": "1.18.1"}}},
}
KEPT = "Vault 1.18.1, chart 0.29.1 and plain HTTP are kept, as the stack has them"


def after(outputs: Mapping[str, Any], **settings: str) -> Deployment:
    """The program, on a stack whose release has these outputs."""
    state: Answer = {"outputs": {URN: {"type": RELEASE, "outputs": outputs}}}
    return up({**EKS, **settings}, {**ANSWERS, GET_STATE: state})


def test_older_release_stays_as_it_is_and_the_run_says_so() -> None:
    deployment = after(OLDER)
    release = deployment.only(RELEASE).inputs
    assert (release["version"], release["values"]["global"]["tlsDisable"]) == ("0.29.1", True)
    image = "hashicorp/vault:1.18.1"
    assert (deployment.only(GUARD).inputs["image"], deployment.only(POD_ROLLOUT).inputs["image"]) == (
        image,
        image,
    )
    assert deployment.of_type(OWN_CERTIFICATE) == []
    assert len([line for line in deployment.log if KEPT in line]) == 1


def test_release_is_the_same_after_another_update() -> None:
    first = after(OLDER).only(RELEASE).inputs
    assert after({"version": first["version"], "values": first["values"]}).only(RELEASE).inputs == first


def test_new_stack_is_told_nothing_of_what_is_kept(awskms: Deployment) -> None:
    assert awskms.only(RELEASE).inputs["version"] == "0.34.1"
    assert awskms.of_type(OWN_CERTIFICATE)
    assert [line for line in awskms.log if "kept, as the stack has" in line] == []
    recorded = awskms.only(RELEASE).inputs
    again = after({"version": recorded["version"], "values": recorded["values"]})
    assert again.only(RELEASE).inputs == recorded
    assert [line for line in again.log if "kept, as the stack has" in line] == []


def test_settings_move_a_deployed_stack() -> None:
    deployment = after(OLDER, image='{"tag": "1.21.2"}', tls='{"source": "own"}')
    release = deployment.only(RELEASE).inputs
    assert release["values"]["server"]["image"]["tag"] == "1.21.2"
    assert deployment.of_type(OWN_CERTIFICATE)
    assert any("chart 0.29.1 is kept" in line for line in deployment.log)


def test_state_that_cannot_be_read_upgrades_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.stack_state._READ_SECONDS", 0.2)
    with pytest.raises(Exception, match="The engine doesn't tell what the state of stack"):
        up(EKS, {**ANSWERS, GET_STATE: {REFUSAL: "unknown stack"}})
