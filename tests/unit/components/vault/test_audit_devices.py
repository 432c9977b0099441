"""Which of Vault's audit devices count as a stack's, and what is asked of Vault to have them."""

from typing import Any

import pytest

from components.vault.audit_devices import (
    LOG_FILE,
    AuditDevice,
    device_for,
    disable_device,
    enable_device,
    listed_devices,
    other_devices,
)
from components.vault.client import VaultClient
from tests.unit.fakes.scripted_vault import Answer, ScriptedVault, no_content

LIST = "GET /v1/sys/audit"


def device(path: str, file_path: str, type_: str = "file", **options: str) -> AuditDevice:
    return AuditDevice(path, type_, {"file_path": file_path, **options})


def as_listed(**devices: dict[str, Any]) -> Answer:
    listed = {f"{path}/": device for path, device in devices.items()}
    return Answer({**listed, "data": listed, "request_id": "0"})


def test_devices_are_listed(vault: ScriptedVault) -> None:
    options = {"file_path": "stdout", "log_raw": "false"}
    vault.answers(LIST, as_listed(stdout={"type": "file", "options": options, "path": "stdout/"}))
    assert listed_devices(VaultClient(vault.address)) == [AuditDevice("stdout", "file", options)]


def test_no_device_is_listed(vault: ScriptedVault) -> None:
    vault.answers(LIST, Answer({"data": {}}), Answer({"data": None}))
    client = VaultClient(vault.address)
    assert [listed_devices(client), listed_devices(client)] == [[], []]


def test_device_without_options(vault: ScriptedVault) -> None:
    vault.answers(LIST, as_listed(syslog={"type": "syslog", "options": None}))
    (found,) = listed_devices(VaultClient(vault.address))
    assert (found.target, found.unfit) == ("", "")


@pytest.mark.parametrize(
    ("name", "present"),
    [
        ("file", device("anything", LOG_FILE)),
        ("file", AuditDevice("old", "file", {"path": LOG_FILE})),
        ("stdout", device("anything", "STDOUT")),
    ],
)
def test_device_is_known_by_where_it_writes(name: str, present: AuditDevice) -> None:
    assert device_for(name, [present]) == present
    assert other_devices([present]) == []


@pytest.mark.parametrize(
    "present",
    [device("file", "/vault/audit/other.log"), device("file", LOG_FILE, "socket"), device("file", "stdout")],
)
def test_device_that_writes_elsewhere_is_another(present: AuditDevice) -> None:
    assert device_for("file", [present]) is None


def test_devices_that_write_elsewhere_are_of_others() -> None:
    others = [device("file", "/elsewhere"), device("splunk", "", "socket")]
    assert other_devices([*others, device("stdout", "stdout")]) == others


@pytest.mark.parametrize(
    ("options", "unfit"),
    [
        ({}, ""),
        ({"log_raw": "false", "hmac_accessor": "true", "mode": "0640"}, ""),
        ({"log_raw": "true"}, "its option log_raw is true"),
        ({"log_raw": "1"}, "its option log_raw is 1"),
        ({"hmac_accessor": "false"}, "its option hmac_accessor is false"),
        ({"filter": "mount_type == kv"}, "it has the option filter"),
        ({"exclude": "[]"}, "it has the option exclude"),
        # Of Enterprise: it writes only what no other device's filter lets through.
        ({"fallback": "true"}, "it has the option fallback"),
        ({"fallback": "false"}, ""),
    ],
)
def test_unfit_device(options: dict[str, str], unfit: str) -> None:
    assert device("file", LOG_FILE, **options).unfit == unfit


def test_fit_one_of_two_counts() -> None:
    raw, fit = device("a", LOG_FILE, log_raw="true"), device("b", LOG_FILE)
    assert device_for("file", [raw, fit]) == fit
    assert device_for("file", [raw]) == raw


def test_device_is_enabled_with_hmacs(vault: ScriptedVault) -> None:
    vault.answers("PUT /v1/sys/audit/file", no_content())
    assert enable_device(VaultClient(vault.address, "hvs.token"), "file", []) == "file"
    (request,) = vault.requests
    assert request.body["type"] == "file"
    assert request.body["options"] == {
        "file_path": LOG_FILE,
        "log_raw": "false",
        "hmac_accessor": "true",
        "elide_list_responses": "true",
    }


def test_taken_path_is_passed_by(vault: ScriptedVault) -> None:
    taken = [device("stdout", "/elsewhere"), device("vault-autounseal-stdout-1", "/elsewhere/2")]
    vault.answers("PUT /v1/sys/audit/vault-autounseal-stdout-2", no_content())
    path = enable_device(VaultClient(vault.address), "stdout", taken)
    assert path == "vault-autounseal-stdout-2"


def test_device_is_disabled_at_its_path(vault: ScriptedVault) -> None:
    vault.answers("DELETE /v1/sys/audit/by-hand", no_content())
    disable_device(VaultClient(vault.address), device("by-hand", LOG_FILE))
    assert [request.call for request in vault.requests] == ["DELETE /v1/sys/audit/by-hand"]
