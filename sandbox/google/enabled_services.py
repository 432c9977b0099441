"""Which APIs a project has enabled (Service Usage API v1).

https://cloud.google.com/service-usage/docs/reference/rest/v1/services. An operation is done when it is
answered; its name can be asked for once more all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    "sts.googleapis.com": "Security Token Service API",
}
_FROM_THE_BEGINNING = (
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "iamcredentials.googleapis.com",
    "serviceusage.googleapis.com",
    "sts.googleapis.com",
)
"""What a project with a GKE cluster and workload identity has in any case."""

_TYPES = "type.googleapis.com/google.api.serviceusage.v1"


@dataclass
class EnabledServices:
    """The API, and the project's enabled ones."""

    policies: Policies
    enabled: set[str] = field(default_factory=lambda: set(_FROM_THE_BEGINNING))
    _operations: dict[str, JsonObject] = field(default_factory=dict)

    def require(self, service: str, project: str) -> None:
        """Raise GoogleError (SERVICE_DISABLED) if the project may not use the API."""
        if project == PROJECT_ID and service not in self.enabled:
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
            Route("GetOperation", "GET", "/v1/{name=operations/*}", self._get_operation),
        ]

    def _require(self, call: Call, permission: str) -> str:
        """Return the project's name; raises GoogleError if the caller may not."""
        name = call.names.get("parent") or call.names["name"]
        project = "/".join(name.split("/")[:2])
        self.policies.require(call.caller.member, f"serviceusage.services.{permission}", project)
        return project

    def _describe(self, project: str, service: str) -> JsonObject:
        numbered = by_project_number(project)
        return {
            "name": f"{numbered}/services/{service}",
            "parent": numbered,
            "config": {"name": service, "title": TITLES[service]},
            "state": "ENABLED" if service in self.enabled else "DISABLED",
        }

    def _list(self, call: Call) -> JsonObject:
        project = self._require(call, "list")
        wanted = {"": TITLES, "state:ENABLED": self.enabled, "state:DISABLED": set(TITLES) - self.enabled}
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
        (service,) = _known([call.names["name"].rpartition("/")[2]])
        self.enabled.add(service)
        return self._done("EnableServiceResponse", {"service": self._describe(project, service)})

    def _batch_enable(self, call: Call) -> JsonObject:
        project = self._require(call, "enable")
        services = _known(call.body.get("serviceIds") or [])
        if not 0 < len(services) <= 20:
            raise GoogleError("INVALID_ARGUMENT", "Between 1 and 20 services can be enabled at once.")
        self.enabled.update(services)
        described = [self._describe(project, service) for service in services]
        return self._done("BatchEnableServicesResponse", {"services": described})

    def _disable(self, call: Call) -> JsonObject:
        project = self._require(call, "disable")
        (service,) = _known([call.names["name"].rpartition("/")[2]])
        if service not in self.enabled:
            raise GoogleError("FAILED_PRECONDITION", f"Service {service} is not enabled for {project}.")
        self.enabled.discard(service)
        return self._done("DisableServiceResponse", {"service": self._describe(project, service)})

    def _done(self, kind: str, response: JsonObject) -> JsonObject:
        name = f"operations/acf.p2-{PROJECT_NUMBER}-{uuid4()}"
        operation: JsonObject = {"name": name, "done": True}
        self._operations[name] = {**operation, "response": {"@type": f"{_TYPES}.{kind}", **response}}
        return self._operations[name]

    def _get_operation(self, call: Call) -> JsonObject:
        if call.names["name"] not in self._operations:
            raise GoogleError("NOT_FOUND", f"Operation {call.names['name']} not found.")
        return self._operations[call.names["name"]]


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
