"""The project in the sandbox's Google Cloud, and the deployments that the tests ask for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from sandbox.google import stop_google
from sandbox.google.project import CONTROL_PREFIX, OWNER, PROJECT_ID
from sandbox.lifecycle import Environment
from tests.end_to_end.conftest import bring_up_for_tests
from tests.end_to_end.deployment import DEFAULT_NAME, Deployment
from tests.end_to_end.running_vault import poll

PROJECT = f"projects/{PROJECT_ID}"
RING = f"{PROJECT}/locations/global/keyRings/vault-auto-unseal"
KEY = f"{RING}/cryptoKeys/unseal-key"
KMS = "cloudkms.googleapis.com/v1"
IAM = "iam.googleapis.com/v1"
SERVICES = "serviceusage.googleapis.com/v1"
_CALL_SECONDS = 10


@dataclass
class GoogleDeployment(Deployment):
    """One stack of the program on Google Cloud."""

    @property
    def key(self) -> str:
        """The seal's key, as Google names it."""
        return KEY if self.name == DEFAULT_NAME else f"{RING}/cryptoKeys/{self.name}"

    def prepare_cloud(self) -> None:
        """Nothing: names of firewall rules are the stack's own."""

    def own_names(self, settings: Mapping[str, Any]) -> dict[str, object]:
        """Settings that have names in them, with the names that only this deployment has."""
        return {
            "namespace": self.name,
            "releaseName": self.name,
            "key": {"name": self.name, **settings.get("key", {})},
            "identity": {"serviceAccount": self.name, **settings.get("identity", {})},
        }

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

    def enable(self, api: str) -> None:
        """Enables an API, and returns once it is on."""
        self._switch(api, "enable", {})

    def disable(self, api: str) -> None:
        """Disables an API and what depends on it, and returns once it is off."""
        self._switch(api, "disable", {"disableDependentServices": True})

    def _switch(self, api: str, verb: str, body: Mapping[str, Any]) -> None:
        operation = self.google("POST", f"{SERVICES}/{PROJECT}/services/{api}:{verb}", body)
        if not operation.get("done"):
            url = f"{SERVICES}/{operation['name']}"
            poll(f"{verb} {api}", _CALL_SECONDS, lambda: self.google("GET", url).get("done") is True)

    def set_version_state(self, key: str, number: int, state: str) -> None:
        """Enables or disables a version of a key."""
        url = f"{KMS}/{key}/cryptoKeyVersions/{number}?updateMask=state"
        self.google("PATCH", url, {"state": state})


@pytest.fixture(scope="session")
def google(environment: Environment) -> GoogleDeployment:
    """The stack that `make up CLOUD=gcp` has, with nothing deployed."""
    environment.stack.select()
    return GoogleDeployment(environment)


@pytest.fixture
def empty_project(google: GoogleDeployment) -> GoogleDeployment:
    """Nothing deployed, and a project that never had anything: a destroy leaves rings and ids of roles."""
    google.ensure_nothing()
    stop_google(google.stack.layout)
    google.environment = bring_up_for_tests("gcp")
    return google


@pytest.fixture
def gcpckms(google: GoogleDeployment) -> GoogleDeployment:
    """The stack as ``make up CLOUD=gcp`` deploys it."""
    google.ensure({})
    return google


@pytest.fixture
def empty(google: GoogleDeployment) -> GoogleDeployment:
    """Nothing deployed."""
    google.ensure_nothing()
    return google


@pytest.fixture
def fresh_google(google: GoogleDeployment, names: Iterator[str]) -> Iterator[GoogleDeployment]:
    """A stack of the test's own, with nothing deployed."""
    deployment = google.beside(next(names))
    yield deployment
    deployment.discard()
