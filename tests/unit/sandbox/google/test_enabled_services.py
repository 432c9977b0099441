import pytest

from sandbox.google.api_errors import GoogleError
from sandbox.google.project import PROJECT_ID
from tests.unit.sandbox.google.google_clock import PROJECT, Parts

KMS = "cloudkms.googleapis.com"
SOMEBODY = "user:somebody@example.com"


def is_on(parts: Parts, service: str) -> bool:
    """Whether the API answers."""
    try:
        parts.services.require(service, PROJECT_ID)
    except GoogleError as error:
        assert error.reason == "SERVICE_DISABLED"
        return False
    return True


def test_a_new_project_has_no_resource_manager(parts: Parts) -> None:
    assert is_on(parts, "container.googleapis.com")
    assert not is_on(parts, "cloudresourcemanager.googleapis.com")


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_an_api_is_on_when_its_operation_is_done(parts: Parts, version: str) -> None:
    operation = parts.call("POST", f"{PROJECT}/services/{KMS}:enable")
    path = f"/{version}/{operation['name']}"
    assert "done" not in operation
    assert "done" not in parts.call("GET", path)
    assert not is_on(parts, KMS)
    parts.clock.pass_time(seconds=1)
    assert parts.call("GET", path)["response"]["service"]["state"] == "ENABLED"
    assert is_on(parts, KMS)


def test_several_at_once_and_nothing_to_do(parts: Parts) -> None:
    body = {"serviceIds": [KMS, "iam.googleapis.com"]}
    parts.call("POST", f"{PROJECT}/services:batchEnable", body)
    parts.clock.pass_time(seconds=1)
    again = parts.call("POST", f"{PROJECT}/services:batchEnable", body)
    assert again["done"] is True
    assert [service["state"] for service in again["response"]["services"]] == ["ENABLED", "ENABLED"]


def test_an_api_is_off_when_its_operation_is_done(parts: Parts) -> None:
    name = "container.googleapis.com"
    parts.call("POST", f"{PROJECT}/services/{name}:disable")
    assert is_on(parts, name)
    parts.clock.pass_time(seconds=1)
    assert not is_on(parts, name)
    off = parts.error_of("POST", f"{PROJECT}/services/{name}:disable")
    assert off == f"FAILED_PRECONDITION: Service {name} is not enabled for {PROJECT}."


def test_waiting_takes_a_permission_of_its_own(parts: Parts) -> None:
    operation = parts.call("POST", f"{PROJECT}/services/{KMS}:enable")
    refused = parts.error_of("GET", operation["name"], member=SOMEBODY)
    assert "Permission 'serviceusage.operations.get' denied" in refused
    parts.policies.grant(PROJECT, "roles/serviceusage.serviceUsageViewer", SOMEBODY)
    assert parts.call("GET", operation["name"], member=SOMEBODY) == operation
