"""The whole of a Vault in somebody else's program, on Pulumi's mocks."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest

from components.errors import DeploymentError, SettingsError
from components.settings.load import PACKAGE_NAMESPACE
from tests.unit.fakes.mocked_account import ANSWERS, EKS, INIT, ROOT_TOKEN, computed, provide_commands
from tests.unit.fakes.recorded_deployment import Deployment, Secret, deploy
from vault_autounseal import Vault
from vault_autounseal.vault import TYPE

pytestmark = pytest.mark.usefixtures("program_commands")


def deployed(program: Callable[[], Any], configuration: Mapping[str, str] = EKS) -> Deployment:
    return deploy(configuration, answers=ANSWERS, outputs=computed, program=program)


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A program that exports the outputs of its Vault."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        provide_commands(monkeypatch, tmp_path_factory.mktemp("account"))
        return deployed(lambda: Vault().export())


def test_it_registers_what_a_clone_registers(packaged: Deployment, awskms: Deployment) -> None:
    assert packaged.types == sorted([*awskms.types, TYPE])
    ours = {(entry.type, entry.name): entry for entry in packaged.registrations}
    for theirs in awskms.registrations:
        own = ours[theirs.type, theirs.name]
        assert (own.protect, own.retain_on_delete) == (theirs.protect, theirs.retain_on_delete), own.urn
        inputs = {name: value for name, value in own.inputs.items() if name != "configuration_namespace"}
        assert inputs.keys() == theirs.inputs.keys(), own.urn


def test_each_resource_at_the_root_becomes_a_child_that_is_known_there(
    packaged: Deployment, awskms: Deployment
) -> None:
    vault = packaged.only(TYPE)
    stack = vault.parent
    at_root = {(entry.type, entry.name) for entry in awskms.registrations if entry.parent == stack}
    children = [entry for entry in packaged.registrations if entry.parent == vault.urn]
    assert {(entry.type, entry.name) for entry in children} == at_root
    assert all("" in entry.alias_parents for entry in children)
    assert [entry for entry in packaged.registrations if entry.parent == stack] == [vault]


def test_exports_are_those_of_a_clone_and_where_its_settings_are(
    packaged: Deployment, awskms: Deployment
) -> None:
    assert packaged.outputs == {**awskms.outputs, "configuration_namespace": PACKAGE_NAMESPACE}
    assert packaged.outputs["root_token"] == Secret(ROOT_TOKEN)
    assert packaged.only(INIT).inputs["configuration_namespace"] == PACKAGE_NAMESPACE


def test_settings_of_the_program_and_of_the_configuration() -> None:
    given = {"replicas": 5, "namespace": "theirs", "injector": {"enabled": False}, "chart": None, **EKS}
    found = deployed(lambda: Vault(settings=given).export(), {"namespace": "configured", "other:a": "1"})
    assert (found.outputs["replicas"], found.outputs["namespace"]) == (5, "configured")


def test_wrong_settings_register_nothing() -> None:
    found: list[Deployment] = []
    with pytest.raises(SettingsError, match="vault-autounseal:replicas"):
        found.append(deployed(lambda: Vault(settings={"replicas": 2})))
    assert found == []


def test_what_can_not_be_given_as_a_setting_is_never_shown() -> None:
    given = {"token": "hvs.plain", "replicas": pulumi.Output.from_input(3)}
    with pytest.raises(SettingsError) as raised:
        deployed(lambda: Vault(settings=given))
    said = str(raised.value)
    assert "pulumi config set --secret vault-autounseal:token" in said
    assert "replicas has something else than texts" in said
    assert "hvs.plain" not in said


def test_second_vault_of_a_stack() -> None:
    def program() -> None:
        Vault()
        with pytest.raises(DeploymentError, match="A stack has one Vault"):
            Vault("another")
        # And what comes after it is the stack's again.
        pulumi.ComponentResource("their:index:Own", "own")

    found = deployed(program)
    assert found.only("their:index:Own").parent == found.only(TYPE).parent


def test_who_depends_on_it_waits_for_its_resources() -> None:
    def program() -> None:
        vault = Vault()
        pulumi.ComponentResource("their:index:Own", "own", None, pulumi.ResourceOptions(depends_on=[vault]))

    found = deployed(program)
    assert INIT in found.prerequisites(found.only("their:index:Own"))


def test_outputs_are_attributes() -> None:
    found = deployed(lambda: pulumi.export("seen", Vault().cluster_id))
    assert found.outputs["seen"] == "7d"
    assert json.dumps(found.outputs).count(ROOT_TOKEN) == 0
