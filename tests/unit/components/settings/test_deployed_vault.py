"""Which Vault a stack's state tells of, of this program or an earlier version of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.resource_types import (
    CERTIFICATE,
    GIVEN_CERTIFICATE,
    INSTALLED_RELEASE,
    OPERATOR_INIT,
    OWN_CERTIFICATE,
    RELEASE,
    RELEASE_GUARD,
    STACK,
)
from components.settings.deployed_vault import RECORDING_TYPES, DeployedVault, deployed_vault

GUARD = {"image": "registry.example:5000/vault:1.20.4"}
EXPORTED = """
global: {tlsDisable: false}
server:
  image: {repository: hashicorp/vault, tag: 1.19.5}
"""


def release(tag: str = "1.18.1", *, tls: bool = False, **changed: Any) -> Mapping[str, Any]:
    image = {"repository": "hashicorp/vault", "tag": tag}
    values = {"global": {"tlsDisable": not tls}, "server": {"image": image}}
    return {"version": "0.29.1", "values": values, **changed}


def recorded(**outputs: Mapping[str, Any]) -> DeployedVault | None:
    """What a state tells that has these resources, each under one name of its own."""
    types = {
        "certificate": CERTIFICATE,
        "given": GIVEN_CERTIFICATE,
        "guard": RELEASE_GUARD,
        "init": OPERATOR_INIT,
        "installed": INSTALLED_RELEASE,
        "own": OWN_CERTIFICATE,
        "release": RELEASE,
        "stack": STACK,
    }
    found: dict[str, dict[str, Any]] = {type_: {} for type_ in RECORDING_TYPES}
    for name, values in outputs.items():
        found[types[name]]["server-certificate" if name == "certificate" else name] = values
    return deployed_vault(found)


def test_certificates_that_another_program_requests_are_not_vaults() -> None:
    """With the package, cert-manager may be asked for other ones in the same stack."""
    found: dict[str, dict[str, Any]] = {type_: {} for type_ in RECORDING_TYPES}
    found[RELEASE]["vault"] = release(tls=True)
    found[GIVEN_CERTIFICATE]["server-certificate"] = {}
    found[CERTIFICATE]["shop"] = {}
    deployed = deployed_vault(found)
    assert deployed is not None
    assert deployed.tls_source == "secret"


@pytest.mark.parametrize(
    "outputs",
    [
        {},
        {"stack": {}},
        # An interrupted first update, and one that failed before the release.
        {"guard": GUARD, "own": {}, "stack": {"vault_version": "1.18.1"}},
    ],
)
def test_stack_without_a_release_and_init_has_no_vault(outputs: Mapping[str, Mapping[str, Any]]) -> None:
    assert recorded(**outputs) is None


def test_release_tells_of_itself() -> None:
    assert recorded(release=release()) == DeployedVault("1.18.1", "0.29.1", "none")
    over_tls = recorded(release=release("1.21.2", tls=True, version="0.34.1"), own={}, init={})
    assert over_tls == DeployedVault("1.21.2", "0.34.1", "own")


def test_release_counts_before_what_later_runs_have_recorded() -> None:
    """An update that ended between the guard and the release hasn't changed Vault."""
    assert recorded(guard=GUARD, release=release(), stack={"vault_version": "1.17.0"}, given={}) == (
        DeployedVault("1.18.1", "0.29.1", "none")
    )


@pytest.mark.parametrize(
    ("certificates", "source"),
    [
        ({}, "own"),
        ({"own": {}}, "own"),
        ({"given": {}}, "secret"),
        ({"given": {}, "certificate": {}}, "cert-manager"),
        ({"given": {}, "own": {}}, "secret"),
    ],
)
def test_source_of_the_certificate_follows_from_its_resources(
    certificates: Mapping[str, Mapping[str, Any]], source: str
) -> None:
    found = recorded(release=release(tls=True), **certificates)
    assert found is not None
    assert found.tls_source == source


@pytest.mark.parametrize("values", [None, "secret", {}, {"4dabf18193072939515e22adb298388d": "1b47"}])
def test_values_that_are_not_told_leave_what_others_tell(values: Any) -> None:
    hidden = release(values=values)
    assert recorded(release=hidden, guard=GUARD) == DeployedVault("1.20.4", "0.29.1", "none")
    assert recorded(release=hidden, own={}) == DeployedVault(None, "0.29.1", "own")


def test_release_of_others_is_as_the_stack_has_exported_it() -> None:
    outputs = {"chart_values": EXPORTED, "chart_version": "0.29.1", "vault_version": "1.18.1"}
    found = recorded(installed={}, own={}, stack=outputs, guard=GUARD)
    assert found == DeployedVault("1.19.5", "0.29.1", "own")
    on_this_machine = recorded(installed={}, stack={**outputs, "chart_version": ""})
    assert on_this_machine == DeployedVault("1.19.5", None, "own")


def test_release_of_others_that_nothing_was_exported_for_yet() -> None:
    assert recorded(installed={}, guard=GUARD) == DeployedVault("1.20.4", None, "none")


@pytest.mark.parametrize(("said", "tag"), [("1.18.1", "1.18.1"), ("1.18.1+ent", "1.18.1-ent"), ("", None)])
def test_init_outlives_its_release(said: str, tag: str | None) -> None:
    """States of earlier versions have no image in the guard."""
    found = recorded(init={}, guard={"storage": "raft"}, stack={"vault_version": said})
    assert found == DeployedVault(tag, None, "none")
