"""The defaults of new stacks, and those that a deployed one keeps."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.config.reader import ConfigReader
from components.settings.defaults import CHART_VERSION, IMAGE_TAG, TLS_SOURCE, kept_defaults
from components.settings.deployed_vault import DeployedVault
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, handed_on, parse, problems

OLDER = DeployedVault("1.18.1", "0.29.1", "none")
NEW = DeployedVault(IMAGE_TAG, CHART_VERSION, TLS_SOURCE)
INGRESS = {"ingress": {"host": "vault.example.com"}}


def versions(deployed: DeployedVault | None, **settings: Any) -> tuple[str, str | None, str]:
    found = parse({**SHAMIR, **settings}, deployed=deployed)
    return found.image.tag, found.chart.version, found.tls.source


def told(deployed: DeployedVault | None, **settings: Any) -> str | None:
    return kept_defaults(ConfigReader(handed_on(settings), [], path=PROJECT), deployed)


def test_new_stack_gets_the_newest_and_tls() -> None:
    assert versions(None) == ("1.21.2", "0.34.1", "own")


def test_deployed_stack_keeps_what_it_has() -> None:
    assert versions(OLDER) == ("1.18.1", "0.29.1", "none")
    assert versions(NEW) == versions(None)
    newer = DeployedVault("2.0.4", "0.40.0", "own")
    assert versions(newer) == ("2.0.4", "0.40.0", "own")


def test_agents_of_a_deployed_stack_stay_with_its_vault() -> None:
    assert parse(SHAMIR, deployed=OLDER).injector.agent_image.tag == "1.18.1"


def test_what_the_state_does_not_tell_is_the_newest() -> None:
    assert versions(DeployedVault(None, None, "none")) == ("1.21.2", "0.34.1", "none")


@pytest.mark.parametrize("deployed", [None, OLDER, NEW])
def test_settings_come_before_all(deployed: DeployedVault | None) -> None:
    settings = {
        "image": {"tag": "1.20.4"},
        "chart": {"version": "0.30.0"},
        "tls": {"source": "secret"},
    }
    assert versions(deployed, **settings) == ("1.20.4", "0.30.0", "secret")
    assert told(deployed, **settings) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"podAddress": "http://{pod}.example.com"},
        {"podAddress": "https://{pod}.example.com"},
        {"init": {"adopt": True, "adoptedKeysFile": "keys.json"}},
    ],
)
def test_own_certificate_is_not_for_pods_that_are_reached_or_spoken_to_otherwise(
    settings: Mapping[str, Any],
) -> None:
    assert versions(None, **settings)[2] == "none"


def test_address_of_the_pods_of_a_deployed_stack_changes_nothing() -> None:
    address = "https://{pod}.example.com"
    assert versions(NEW, podAddress=address)[2] == "own"
    assert versions(OLDER)[2] == "none"


def test_ingress_of_a_new_stack_has_to_say_how_it_speaks_to_vault() -> None:
    (problem,) = problems({**SHAMIR, **INGRESS})
    assert "ingress.backendTls is not set: Vault speaks TLS, as new stacks do" in problem
    assert "with tls.source none Vault speaks HTTP" in problem
    assert parse({**SHAMIR, **INGRESS, "tls": {"source": "none"}}).ingress is not None
    assert parse({**SHAMIR, **INGRESS}, deployed=OLDER).ingress is not None


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mode": "standalone"},
        {"release": "false"},
        {"gateway": {"parentRefs": [{"name": "public"}]}},
        {"chart": {"path": "./chart"}},
    ],
)
def test_own_certificate_fits_every_other_new_stack(settings: Mapping[str, Any]) -> None:
    assert versions(None, **settings)[2] == "own"


@pytest.mark.parametrize("source", ["secret", "cert-manager"])
def test_source_that_needs_more_settings_is_not_kept_without_them(source: Any) -> None:
    deployed = DeployedVault("1.21.2", "0.34.1", source)
    found = problems(SHAMIR, deployed=deployed)
    assert f"tls.source is not set: Vault has a certificate of source {source}; set that again" in found[0]
    assert versions(deployed, tls={"source": "none"})[2] == "none"


@pytest.mark.parametrize(
    ("deployed", "settings", "line"),
    [
        (
            OLDER,
            {},
            "Vault 1.18.1, chart 0.29.1 and plain HTTP are kept, as the stack has them; new stacks get "
            "1.21.2, 0.34.1 and TLS (own): set image.tag, chart.version and tls.source to move",
        ),
        (
            OLDER,
            {"tls": {"source": "none"}},
            "Vault 1.18.1 and chart 0.29.1 are kept, as the stack has them; new stacks get 1.21.2 and "
            "0.34.1: set image.tag and chart.version to move",
        ),
        (
            OLDER,
            {"image": {"tag": "1.18.1"}, "chart": {"version": "0.29.1"}},
            "plain HTTP is kept, as the stack has it; new stacks get TLS (own): set tls.source to move",
        ),
        (
            OLDER,
            {"chart": {"path": "./chart"}, "tls": {"source": "own"}, "image": {"repository": "a/vault"}},
            "Vault 1.18.1 is kept, as the stack has it; new stacks get 1.21.2: set image.tag to move",
        ),
    ],
)
def test_kept_defaults_are_told_in_a_line_with_the_way_to_move(
    deployed: DeployedVault, settings: Mapping[str, Any], line: str
) -> None:
    assert told(deployed, **settings) == f"{line} (docs/operations.md#versions-that-a-stack-keeps)"


@pytest.mark.parametrize("deployed", [None, NEW, DeployedVault(None, None, "own")])
def test_nothing_is_told_if_nothing_differs(deployed: DeployedVault | None) -> None:
    assert told(deployed) is None
