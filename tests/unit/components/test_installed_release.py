"""The release that others install: what the cluster has of it, and when that counts as a change."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.installed_release import InstalledReleaseProvider, OtherConfigurationError
from components.kubernetes.kubectl import KubectlError
from components.seals.seal import SealStanza
from components.vault.configuration import render_configuration
from components.vault.running_configuration import (
    CONFIGURATION_ANNOTATION,
    CONFIGURATION_KEY,
    configuration_checksum,
)
from tests.unit.fakes.init_inputs import access
from tests.unit.fakes.kubectl_answers import KubectlAnswers, provide_answers

CONFIGURATION = render_configuration(
    ui=True, raft=None, join=[], seals=[SealStanza("awskms", {"kms_key_id": "1"})]
)
OTHER_KEY = CONFIGURATION.replace('"1"', '"2"')
SHAMIRS = render_configuration(ui=True, raft=None, join=[], seals=[])
PROPERTIES: Mapping[str, Any] = {
    "access": access().to_properties(),
    "configuration": CONFIGURATION,
    "replicas": 3,
    "service_account": "vault",
}
STATEFUL_SET, CONFIG_MAP = ("statefulset", "vault"), ("configmap", "vault-config")


@pytest.fixture
def kubectl(monkeypatch: pytest.MonkeyPatch) -> KubectlAnswers:
    return provide_answers(monkeypatch)


def install(
    kubectl: KubectlAnswers,
    *,
    configuration: str = CONFIGURATION,
    given: str = CONFIGURATION,
    replicas: int = 3,
    account: str = "vault",
    generation: int = 1,
) -> None:
    """Has the cluster the release: with pods for the ``given`` configuration, and a ConfigMap with this."""
    annotations = {CONFIGURATION_ANNOTATION: configuration_checksum(given)} if given else None
    kubectl.objects[STATEFUL_SET] = {
        "metadata": {"uid": "5f", "generation": generation},
        "spec": {
            "replicas": replicas,
            "template": {
                "metadata": {"annotations": annotations},
                "spec": {"serviceAccountName": account},
            },
        },
    }
    kubectl.objects[CONFIG_MAP] = {"data": {CONFIGURATION_KEY: f"disable_mlock = true\n{configuration}"}}


def observed() -> tuple[str, str]:
    """What a creation records beside its inputs."""
    created = InstalledReleaseProvider().create(dict(PROPERTIES))
    assert created.id == "secrets/vault"
    assert created.outs is not None
    assert {name: created.outs[name] for name in PROPERTIES} == PROPERTIES
    return created.outs["missing"], created.outs["revision"]


def test_release_that_nobody_has_installed_is_missing(kubectl: KubectlAnswers) -> None:
    assert observed() == ("there is no StatefulSet vault", "")
    assert {question[0] for question in kubectl.asked} == {"get"}


def test_release_with_the_values_of_the_stack_lacks_nothing(kubectl: KubectlAnswers) -> None:
    install(kubectl)
    missing, revision = observed()
    assert missing == ""
    assert revision.startswith("5f/1/")


@pytest.mark.parametrize(
    ("installed", "why"),
    [
        ({"replicas": 1}, "replicas 1 instead of 3"),
        ({"account": "default"}, "service account default instead of vault"),
        ({"given": SHAMIRS, "configuration": SHAMIRS}, "checksum of Vault's configuration"),
        ({"given": ""}, "checksum of Vault's configuration none instead of"),
        # Values of before another key was set: no error, as they are only to be exported.
        ({"given": OTHER_KEY, "configuration": OTHER_KEY}, "checksum of Vault's configuration"),
    ],
)
def test_release_with_other_values_is_waited_for(
    kubectl: KubectlAnswers, installed: Mapping[str, Any], why: str
) -> None:
    install(kubectl, **installed)
    missing, _ = observed()
    assert missing.startswith("StatefulSet vault has ")
    assert why in missing


@pytest.mark.parametrize("configuration", [SHAMIRS, OTHER_KEY, ""])
def test_another_seal_than_the_values_have_is_refused(kubectl: KubectlAnswers, configuration: str) -> None:
    install(kubectl, configuration=configuration)
    with pytest.raises(OtherConfigurationError, match="isn't this stack's") as raised:
        observed()
    assert "ConfigMap vault-config" in str(raised.value)


def test_config_map_that_is_gone_is_another_seal(kubectl: KubectlAnswers) -> None:
    install(kubectl)
    del kubectl.objects[CONFIG_MAP]
    with pytest.raises(OtherConfigurationError):
        observed()


def state(kubectl: KubectlAnswers) -> dict[str, Any]:
    """The state after the release was installed and recorded."""
    install(kubectl)
    outs = InstalledReleaseProvider().create(dict(PROPERTIES)).outs
    assert outs is not None
    return outs


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        ({}, False),
        ({"generation": 2}, True),
        ({"replicas": 5}, True),
        ({"configuration": f"{CONFIGURATION}# by others"}, True),
    ],
)
def test_only_another_release_is_a_change(
    kubectl: KubectlAnswers, now: Mapping[str, Any], changes: bool
) -> None:
    olds = state(kubectl)
    install(kubectl, **now)
    assert InstalledReleaseProvider().diff("id", olds, dict(PROPERTIES)).changes is changes


def test_release_that_is_missing_still_is_no_change(kubectl: KubectlAnswers) -> None:
    olds = InstalledReleaseProvider().create(dict(PROPERTIES)).outs or {}
    assert InstalledReleaseProvider().diff("id", olds, dict(PROPERTIES)).changes is False
    install(kubectl)
    assert InstalledReleaseProvider().diff("id", olds, dict(PROPERTIES)).changes is True


def test_other_settings_are_a_change_that_the_cluster_is_not_asked_for(kubectl: KubectlAnswers) -> None:
    olds = state(kubectl)
    kubectl.asked.clear()
    assert InstalledReleaseProvider().diff("id", olds, {**PROPERTIES, "replicas": 5}).changes is True
    assert kubectl.asked == []


def test_override_of_the_seal_shows_in_the_preview(kubectl: KubectlAnswers) -> None:
    olds = state(kubectl)
    install(kubectl, configuration=OTHER_KEY)
    with pytest.raises(OtherConfigurationError):
        InstalledReleaseProvider().diff("id", olds, dict(PROPERTIES))


def test_cluster_that_is_away_is_no_change_and_keeps_what_is_known(
    kubectl: KubectlAnswers, capsys: pytest.CaptureFixture[str]
) -> None:
    olds = state(kubectl)
    kubectl.refusal = "Unable to connect to the server"
    assert InstalledReleaseProvider().diff("id", olds, dict(PROPERTIES)).changes is False
    assert InstalledReleaseProvider().read("id", olds).outs == olds
    said = capsys.readouterr().err
    assert said.count("Unable to connect to the server") == 2
    with pytest.raises(KubectlError):
        InstalledReleaseProvider().update("id", olds, dict(PROPERTIES))


def test_update_and_refresh_record_what_is_there(kubectl: KubectlAnswers) -> None:
    olds = state(kubectl)
    install(kubectl, generation=2)
    updated = InstalledReleaseProvider().update("id", olds, dict(PROPERTIES)).outs or {}
    assert updated["revision"] != olds["revision"]
    assert InstalledReleaseProvider().read("id", olds).outs == updated


def test_destroy_leaves_the_release_and_says_so(
    kubectl: KubectlAnswers, capsys: pytest.CaptureFixture[str]
) -> None:
    InstalledReleaseProvider().delete("secrets/vault", state(kubectl))
    assert "Vault's release secrets/vault stays" in capsys.readouterr().err
