"""The sandbox with its Google Cloud, brought up once for all tests here."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.charts import own_chart
from sandbox.google import stop_google
from sandbox.google.project import CONTROL_PREFIX, OWNER, PROJECT_ID
from sandbox.layout import Layout
from sandbox.lifecycle import Sources, World, bring_up, tear_down
from sandbox.progress import Progress
from tests.end_to_end.conftest import Deployment

PROJECT = f"projects/{PROJECT_ID}"
RING = f"{PROJECT}/locations/global/keyRings/vault-auto-unseal"
KEY = f"{RING}/cryptoKeys/unseal-key"
KMS = "cloudkms.googleapis.com/v1"
IAM = "iam.googleapis.com/v1"
_CALL_SECONDS = 10


@dataclass
class GoogleDeployment(Deployment):
    """The program's stack in the sandbox's Google Cloud."""

    def ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> requests.Response:
        """One REST call as the project's owner, who may do anything; ``url`` without a scheme."""
        environment = self.stack.cloud_environment
        proxy = environment["HTTPS_PROXY"]
        token = requests.post(
            f"{proxy}{CONTROL_PREFIX}token", json={"member": OWNER}, timeout=_CALL_SECONDS
        ).json()["access_token"]
        return requests.request(
            method,
            f"https://{url}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            proxies={"https": proxy},
            verify=environment["SSL_CERT_FILE"],
            timeout=_CALL_SECONDS,
        )

    def google(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """As :meth:`ask`, but it has to succeed."""
        response = self.ask(method, url, body)
        assert response.ok, f"{method} {url}: {response.status_code} {response.text}"
        answer: dict[str, Any] = response.json()
        return answer

    def bindings(self, resource: str) -> Mapping[str, list[str]]:
        """Members by role, of the resource's own policy; ``resource`` with the API's host and version."""
        # Services of Google's differ in how they want to be asked.
        method = "POST" if resource.startswith((IAM, "cloudresourcemanager")) else "GET"
        policy = self.google(method, f"{resource}:getIamPolicy")
        return {binding["role"]: binding["members"] for binding in policy.get("bindings", [])}

    def bind(self, resource: str, bindings: Mapping[str, list[str]]) -> None:
        """Replaces the resource's policy."""
        policy = {"bindings": [{"role": role, "members": members} for role, members in bindings.items()]}
        self.google("POST", f"{resource}:setIamPolicy", {"policy": policy})

    def set_version_state(self, key: str, number: int, state: str) -> None:
        """Enables or disables a version of a key."""
        url = f"{KMS}/{key}/cryptoKeyVersions/{number}?updateMask=state"
        self.google("PATCH", url, {"state": state})


@pytest.fixture(scope="package")
def google() -> Iterator[GoogleDeployment]:
    """The sandbox, up with Google Cloud, with an empty stack."""
    layout = Layout()
    tear_down(layout)
    yield GoogleDeployment(_brought_up(layout))
    tear_down(layout)


@pytest.fixture
def empty_project(google: GoogleDeployment) -> GoogleDeployment:
    """Nothing deployed, and a project that never had anything: a destroy leaves rings and ids of roles."""
    google.ensure_nothing()
    layout = google.stack.layout
    stop_google(layout)
    google.world = _brought_up(layout)
    return google


def _brought_up(layout: Layout) -> World:
    chart = os.environ.get("CHART")
    sources = Sources(chart=Path(chart) if chart else own_chart(), download=False)
    world = bring_up(layout, Progress(sys.stderr), sources, cloud="gcp")
    world.stack.select()
    return world


@pytest.fixture
def gcpckms(google: GoogleDeployment) -> GoogleDeployment:
    """The stack as ``make up CLOUD=gcp`` deploys it."""
    google.ensure({})
    return google
