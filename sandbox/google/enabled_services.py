"""Which APIs a project has enabled (Service Usage API v1; operations in v1beta1, too).

https://cloud.google.com/service-usage/docs/reference/rest/v1/services. Enabling takes a moment: until the
operation is done, the API refuses its callers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from sandbox.google.api_errors import GoogleError, JsonObject, not_implemented, service_disabled
from sandbox.google.policies import Policies
from sandbox.google.project import PROJECT_ID, PROJECT_NUMBER, by_project_number
from sandbox.google.rest_routes import Call, Route

TITLES: Mapping[str, str] = {
    "cloudkms.googleapis.com": "Cloud Key Management Service (KMS) API",
    "cloudresourcemanager.googleapis.com": "Cloud Resource Manager API",
    "compute.googleapis.com": "Compute Engine API",
    "container.googleapis.com": "Kubernetes Engine API",
    "iam.googleapis.com": "Identity and Access Management (IAM) API",
    "iamcredentials.googleapis.com": "IAM Service Account Credentials API",
    "secretmanager.googleapis.com": "Secret Manager API",
    "serviceusage.googleapis.com": "Service Usage API",
    "storage.googleapis.com": "Cloud Storage API",
    "sts.googleapis.com": "Security Token Service API",
}
_FROM_THE_BEGINNING = (
    "compute.googleapis.com",
    "container.googleapis.com",
    "iamcredentials.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
)
"""What a project with a GKE cluster and workload identity has in any case."""

_TYPES = "type.googleapis.com/google.api.serviceusage.v1"
_CHANGE_TIME = timedelta(milliseconds=500)
_NOTHING_TO_DO = "operations/noop.DONE_OPERATION"
"""The operation of services that are enabled already."""


@dataclass
class _Operation:
    """A change of some services' state, which takes effect when it ends."""

    method: str
    project: str
    services: Sequence[str]
    ends: datetime
    done: bool = False

    @property
    def disables(self) -> bool:
        """Whether the services are off afterwards."""
        return self.method == "DisableService"


@dataclass
class EnabledServices:
    """The API, and the project's enabled ones."""

    policies: Policies
    now: Callable[[], datetime]
    _enabled: set[str] = field(default_factory=lambda: set(_FROM_THE_BEGINNING))
    _operations: dict[str, _Operation] = field(default_factory=dict)

    def require(self, service: str, project: str) -> None:
        """Raise GoogleError (SERVICE_DISABLED) if the project may not use the API."""
        self._catch_up()
        if project == PROJECT_ID and service not in self._enabled:
            raise service_disabled(service, TITLES[service], PROJECT_ID, PROJECT_NUMBER)

    def routes(self) -> list[Route]:
        """Return its methods."""
        services, one = "/v1/{parent=projects/*}/services", "/v1/{name=projects/*/services/*}"
        return [
            Route("ListServices", "GET", services, self._list),
            Route("GetService", "GET", one, self._get),
            Route("EnableService", "POST", f"{one}:enable", self._enable),
            Route("DisableService", "POST", f"{one}:disable", self._disable),
            Route("BatchEnableServices", "POST", f"{services}:batchEnable", self._batch_enable),
            Route("BatchGetServices", "GET", f"{services}:batchGet", self._batch_get),
            *(
                Route("GetOperation", "GET", f"/{version}/{{name=operations/*}}", self._get_operation)
                for version in ("v1", "v1beta1")
            ),
        ]

    def _require(self, call: Call, permission: str) -> str:
        """Return the project's name; raises GoogleError if the caller may not."""
        name = call.names.get("parent") or call.names["name"]
        project = "/".join(name.split("/")[:2])
        self.policies.require(call.caller.member, f"serviceusage.services.{permission}", project)
        self._catch_up()
        return project

    def _describe(self, project: str, service: str) -> JsonObject:
        numbered = by_project_number(project)
        return {
            "name": f"{numbered}/services/{service}",
            "parent": numbered,
            "config": {"name": service, "title": TITLES[service]},
            "state": "ENABLED" if service in self._enabled else "DISABLED",
        }

    def _list(self, call: Call) -> JsonObject:
        project = self._require(call, "list")
        wanted = {"": TITLES, "state:ENABLED": self._enabled, "state:DISABLED": set(TITLES) - self._enabled}
        if call.query.get("filter", "") not in wanted:
            raise not_implemented("This filter of services")
        found = sorted(wanted[call.query.get("filter", "")])
        return {"services": [self._describe(project, service) for service in found]}

    def _get(self, call: Call) -> JsonObject:
        project = self._require(call, "get")
        return self._describe(project, _known([call.names["name"].rpartition("/")[2]])[0])

    def _batch_get(self, call: Call) -> JsonObject:
        project = self._require(call, "get")
        names = [name.rpartition("/")[2] for name in call.required_query("names").split(",")]
        return {"services": [self._describe(project, service) for service in _known(names)]}

    def _enable(self, call: Call) -> JsonObject:
        project = self._require(call, "enable")
        return self._begin("EnableService", project, _known([call.names["name"].rpartition("/")[2]]))

    def _batch_enable(self, call: Call) -> JsonObject:
        project = self._require(call, "enable")
        services = _known(call.body.get("serviceIds") or [])
        if not 0 < len(services) <= 20:
            raise GoogleError("INVALID_ARGUMENT", "Between 1 and 20 services can be enabled at once.")
        return self._begin("BatchEnableServices", project, services)

    def _disable(self, call: Call) -> JsonObject:
        project = self._require(call, "disable")
        services = _known([call.names["name"].rpartition("/")[2]])
        if services[0] not in self._enabled:
            raise GoogleError("FAILED_PRECONDITION", f"Service {services[0]} is not enabled for {project}.")
        return self._begin("DisableService", project, services)

    def _begin(self, method: str, project: str, services: Sequence[str]) -> JsonObject:
        operation = _Operation(method, project, services, self.now() + _CHANGE_TIME)
        if not operation.disables and self._enabled.issuperset(services):
            return self._ended(_NOTHING_TO_DO, operation)
        name = f"operations/acf.p2-{PROJECT_NUMBER}-{uuid4()}"
        self._operations[name] = operation
        return {"name": name}

    def _catch_up(self) -> None:
        for operation in self._operations.values():
            if not operation.done and operation.ends <= self.now():
                operation.done = True
                if operation.disables:
                    self._enabled.difference_update(operation.services)
                else:
                    self._enabled.update(operation.services)

    def _get_operation(self, call: Call) -> JsonObject:
        name = call.names["name"]
        operation = self._operations.get(name)
        project = f"projects/{PROJECT_ID}" if operation is None else operation.project
        # By the method's name: Google's table of methods and permissions has no line for operations.
        self.policies.require(call.caller.member, "serviceusage.operations.get", project)
        self._catch_up()
        if operation is None:
            raise GoogleError("NOT_FOUND", f"Operation {name} not found.")
        return self._ended(name, operation) if operation.done else {"name": name}

    def _ended(self, name: str, operation: _Operation) -> JsonObject:
        described = [self._describe(operation.project, service) for service in operation.services]
        several = operation.method == "BatchEnableServices"
        answer: JsonObject = {"services": described} if several else {"service": described[0]}
        kind = f"{_TYPES}.{operation.method}Response"
        return {"name": name, "done": True, "response": {"@type": kind, **answer}}


def _known(services: list[str]) -> list[str]:
    """Raise GoogleError for names that are no services of Google's, as far as the sandbox knows them."""
    unknown = [service for service in services if service not in TITLES]
    if unknown:
        raise GoogleError(
            "PERMISSION_DENIED",
            f"Not found or permission denied for service(s): {', '.join(unknown)}.",
            reason="SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
            domain="serviceusage.googleapis.com",
            metadata={"services": ", ".join(unknown)},
        )
    return services
