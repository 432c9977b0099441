"""The sandbox's Google Cloud, all of it in memory: its APIs over one set of accounts and policies."""

import json
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from joserfc.jwk import RSAKey

from sandbox.google.accounts import Accounts
from sandbox.google.api_errors import GoogleError, JsonObject
from sandbox.google.callers import CLOUD_PLATFORM, USER_EMAIL, USER_INFO_HOST, Callers
from sandbox.google.clusters import Clusters
from sandbox.google.custom_roles import CustomRoles
from sandbox.google.enabled_services import TITLES, EnabledServices
from sandbox.google.firewalls import Firewalls
from sandbox.google.instance_groups import InstanceGroups
from sandbox.google.key_management import KeyManagement
from sandbox.google.object_storage import ObjectStorage
from sandbox.google.policies import Policies
from sandbox.google.project import LOCATION, OWNER, PROJECT_ID, REGIONAL_SECRETS_HOST, STORAGE_AGENT
from sandbox.google.projects import Projects
from sandbox.google.rest_routes import Service
from sandbox.google.secret_manager import SecretManager
from sandbox.google.service_accounts import ServiceAccounts
from sandbox.google.token_services import TokenServices

_KEPT_CALLS = 10_000
_PROJECT = f"projects/{PROJECT_ID}"
DEPLOYER_ROLES = (
    "roles/cloudkms.admin",
    "roles/compute.securityAdmin",
    "roles/compute.viewer",
    "roles/container.clusterViewer",
    "roles/iam.roleAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
)
"""What the deploying service account may do on the project: no more than the program needs."""


@dataclass(frozen=True)
class LoggedCall:
    """A request and its end."""

    time: float
    protocol: str
    host: str
    method: str
    resource: str
    caller: str
    status: str
    request: str
    """Method, host and path of a REST call, with stars for names; empty for any other call."""
    permissions: Sequence[str]
    """The IAM permissions that a REST call needed, in alphabetical order."""


@dataclass
class CallLog:
    """The latest calls, for tests to look at."""

    calls: deque[LoggedCall] = field(default_factory=lambda: deque(maxlen=_KEPT_CALLS))

    def add(
        self,
        protocol: str,
        host: str,
        method: str,
        resource: str,
        caller: str,
        status: str,
        request: str = "",
        permissions: Sequence[str] = (),
    ) -> None:
        """Add a call that has ended now."""
        self.calls.append(
            LoggedCall(time.time(), protocol, host, method, resource, caller, status, request, permissions)
        )

    def to_json(self) -> Sequence[JsonObject]:
        """Oldest first."""
        return [asdict(call) for call in list(self.calls)]


@dataclass
class Outages:
    """Hosts that answer nothing but UNAVAILABLE for a while."""

    _until: dict[str, float] = field(default_factory=dict)

    def begin(self, hosts: Sequence[str], seconds: float) -> None:
        """For ``seconds`` from now; zero ends an outage."""
        for host in hosts:
            self._until[host] = time.monotonic() + seconds

    def check(self, host: str) -> None:
        """Raise GoogleError (UNAVAILABLE) during an outage."""
        if self._until.get(host, 0.0) > time.monotonic():
            raise GoogleError("UNAVAILABLE", "The service is currently unavailable.")


def _now() -> datetime:
    return datetime.now(UTC)


class GoogleCloud:
    """Everything that the listeners lead to. Its methods are called by one thread at a time (``lock``)."""

    def __init__(self, cluster_key: RSAKey) -> None:
        """Build an empty cloud; ``cluster_key`` checks the tokens of the cluster's service accounts."""
        self.lock = threading.RLock()
        self.log = CallLog()
        self.outages = Outages()
        self.accounts = Accounts()
        roles = CustomRoles()
        self.policies = Policies(
            role_permissions=roles.permissions,
            account_exists=lambda email: self.accounts.find(email) is not None or email == STORAGE_AGENT,
        )
        self.callers = Callers(self.accounts, _now)
        self.enabled_services = EnabledServices(self.policies, _now)
        self.clusters = Clusters(self.policies)
        self.tokens = TokenServices(self.callers, self.accounts, self.policies, cluster_key)
        accounts = ServiceAccounts(self.accounts, self.policies, _now)
        secrets = SecretManager(self.policies, _now)
        regional_secrets = secrets.routes(f"projects/*/locations/{LOCATION}")
        routes = {
            "cloudkms.googleapis.com": KeyManagement(self.policies, _now).routes(),
            "cloudresourcemanager.googleapis.com": Projects(self.policies).routes(),
            "compute.googleapis.com": [
                *Firewalls(self.policies, _now).routes(),
                *InstanceGroups(self.policies, self.clusters).routes(),
            ],
            "container.googleapis.com": self.clusters.routes(),
            "iam.googleapis.com": [*accounts.routes(), *roles.routes(self.policies)],
            "iamcredentials.googleapis.com": self.tokens.credentials_routes(),
            "secretmanager.googleapis.com": secrets.routes(),
            "serviceusage.googleapis.com": self.enabled_services.routes(),
            "storage.googleapis.com": ObjectStorage(self.policies, _now).routes(),
            "sts.googleapis.com": self.tokens.sts_routes(),
        }
        self.services: Mapping[str, Service] = {
            **{host: Service(host, TITLES[host], found) for host, found in routes.items()},
            REGIONAL_SECRETS_HOST: Service(
                "secretmanager.googleapis.com", TITLES["secretmanager.googleapis.com"], regional_secrets
            ),
            "oauth2.googleapis.com": Service(
                "oauth2.googleapis.com", "OAuth 2.0", self.tokens.oauth_routes(), can_be_disabled=False
            ),
            USER_INFO_HOST: Service(
                USER_INFO_HOST, "OpenID Connect", self.tokens.open_id_routes(), can_be_disabled=False
            ),
        }

    def seed(self, deployer: Mapping[str, Any], deployer_token: str) -> None:
        """Seed the project's owner, and the deploying account with its key and a long-lived token."""
        account = self.accounts.adopt(deployer)
        member = f"serviceAccount:{account.email}"
        for role in DEPLOYER_ROLES:
            self.policies.grant(_PROJECT, role, member)
        self.policies.grant(_PROJECT, "roles/owner", OWNER)
        ten_years = 10 * 365 * 86400.0
        # What gcloud prints for a login or a service account.
        scopes = frozenset({CLOUD_PLATFORM, USER_EMAIL})
        self.callers.register(deployer_token, member, scopes, ten_years, account=account)


def json_bytes(answer: object) -> bytes:
    """Return an answer's body."""
    return json.dumps(answer).encode()
