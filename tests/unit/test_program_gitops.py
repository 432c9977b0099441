"""The whole program on Pulumi's mocks if others install the release."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from pulumi.runtime import MockResourceArgs

from components.awaits_release import MISSING
from tests.unit.fakes.mocked_account import (
    ADMISSION,
    ANSWERS,
    AUDIT_DEVICES,
    EKS,
    INIT,
    INJECTOR_ROLLOUT,
    INSTALLED,
    KEY_ID,
    POD_ROLLOUT,
    QUORUM,
    RELEASE,
    RELEASE_COMPONENT,
    REVOCATION,
    ROLE_ARN,
    UNSEAL,
    computed,
    shamir,
    up,
)
from tests.unit.fakes.recorded_deployment import Deployment, deploy

pytestmark = pytest.mark.usefixtures("program_commands")

WAITING = (INJECTOR_ROLLOUT, ADMISSION, INIT, POD_ROLLOUT, QUORUM, AUDIT_DEVICES)


@pytest.fixture
def by_others() -> Deployment:
    return up({**EKS, "release": "false"})


def test_the_rest_of_the_resources_is_the_same(by_others: Deployment, awskms: Deployment) -> None:
    assert by_others.types == sorted([INSTALLED if type_ == RELEASE else type_ for type_ in awskms.types])
    installed = by_others.only(INSTALLED)
    assert installed.parent == by_others.only(RELEASE_COMPONENT).urn
    assert by_others.prerequisites(installed) == awskms.prerequisites(awskms.only(RELEASE))


def test_values_are_those_that_the_stack_would_install(by_others: Deployment, awskms: Deployment) -> None:
    text = by_others.outputs["chart_values"]
    assert yaml.safe_load(text) == awskms.only(RELEASE).inputs["values"]
    assert ROLE_ARN in text
    # As lines, which a review can read.
    assert f'kms_key_id = "{KEY_ID}"\n' in text
    assert by_others.outputs["chart_version"] == "0.34.1"
    assert by_others.outputs["chart_repository"] == "https://helm.releases.hashicorp.com"
    assert by_others.outputs["release_name"] == "vault"


def test_own_release_exports_no_values(awskms: Deployment) -> None:
    assert not {name for name in awskms.outputs if name.startswith("chart")}


def test_release_is_compared_with_what_the_values_have(by_others: Deployment) -> None:
    inputs = by_others.only(INSTALLED).inputs
    values = yaml.safe_load(by_others.outputs["chart_values"])["server"]
    assert inputs["configuration"] == values["ha"]["raft"]["config"]
    assert inputs["replicas"] == values["ha"]["replicas"]
    assert inputs["service_account"] == values["serviceAccount"]["name"]


def missing(args: MockResourceArgs) -> Mapping[str, Any]:
    """A cluster in which nobody has installed anything."""
    answer = {"missing": "there is no StatefulSet vault", "revision": ""}
    return answer if args.typ == INSTALLED else computed(args)


def test_all_that_needs_the_release_knows_what_it_lacks() -> None:
    configuration = {**EKS, "release": "false", "init": json.dumps({"rootToken": "revoke"})}
    deployment = deploy(configuration, answers=ANSWERS, outputs=missing)
    for type_ in (*WAITING, REVOCATION):
        assert deployment.only(type_).inputs[MISSING] == "there is no StatefulSet vault"
    assert any("there is no StatefulSet vault. Until it is" in line for line in deployment.log)
    assert MISSING in shamir(release="false").only(UNSEAL).inputs


def test_release_that_is_there_is_not_warned_of(by_others: Deployment) -> None:
    assert [by_others.only(type_).inputs[MISSING] for type_ in WAITING] == [""] * len(WAITING)
    assert not any("Until it is" in line for line in by_others.log)
    assert by_others.only(QUORUM).inputs["release_revision"] == "5f/1/0"


def test_own_release_is_waited_for_by_nobody(awskms: Deployment) -> None:
    assert [MISSING in awskms.only(type_).inputs for type_ in WAITING] == [False] * len(WAITING)


@pytest.mark.parametrize(
    ("release", "recorded", "retained"),
    [("true", None, False), ("handover", None, True), ("false", "others", False)],
)
def test_release_is_retained_if_it_is_handed_over(release: str, recorded: str | None, retained: bool) -> None:
    deployment = up({**EKS, "release": release})
    assert deployment.only(INIT).inputs.get("release") == recorded
    assert [entry.retain_on_delete for entry in deployment.of_type(RELEASE)] == (
        [] if release == "false" else [retained]
    )
    assert any("From this update on" in line for line in deployment.log) is retained
