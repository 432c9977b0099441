"""Answers that are no success, as Google's APIs word them.

The codes: https://cloud.google.com/apis/design/errors#handling_errors.
"""

from collections.abc import Mapping
from typing import Any

JsonObject = dict[str, Any]

HTTP_CODES: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}


class GoogleError(Exception):
    """An error of one of Google's APIs.

    ``reason``, ``domain`` and ``metadata`` are those of an ErrorInfo in the answer's details;
    ``compute_reason`` is the word that Compute's older form of an error has.
    """

    def __init__(
        self,
        status: str,
        message: str,
        *,
        reason: str = "",
        domain: str = "googleapis.com",
        metadata: Mapping[str, str] | None = None,
        compute_reason: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.domain = domain
        self.metadata = dict(metadata or {})
        self.compute_reason = compute_reason

    @property
    def code(self) -> int:
        """The HTTP status."""
        return HTTP_CODES[self.status]

    def body(self) -> JsonObject:
        """Return the answer's JSON."""
        error: JsonObject = {"code": self.code, "message": self.message}
        if self.compute_reason:
            error["errors"] = [{"message": self.message, "domain": "global", "reason": self.compute_reason}]
            return {"error": error}
        error["status"] = self.status
        if self.reason:
            info: JsonObject = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.reason}
            error["details"] = [{**info, "domain": self.domain, "metadata": self.metadata}]
        return {"error": error}


class TokenError(Exception):
    """An error of a token endpoint (RFC 6749, section 5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description

    def body(self) -> JsonObject:
        """Return the answer's JSON."""
        return {"error": self.error, "error_description": self.description}


def not_implemented(what: str) -> GoogleError:
    """For what Google has and this sandbox does not."""
    return GoogleError("UNIMPLEMENTED", f"{what}: not implemented by the sandbox's Google Cloud")


def permission_denied(permission: str, resource: str) -> GoogleError:
    """Make the error that IAM gives to a caller who may not; the same where there is no such resource."""
    return GoogleError(
        "PERMISSION_DENIED",
        f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).",
        reason="IAM_PERMISSION_DENIED",
        domain="iam.googleapis.com",
        metadata={"permission": permission, "resource": resource},
    )


def service_disabled(service: str, title: str, project_id: str, project_number: str) -> GoogleError:
    """Make the error that every API gives to a project that has not enabled it."""
    page = f"https://console.developers.google.com/apis/api/{service}/overview?project={project_id}"
    return GoogleError(
        "PERMISSION_DENIED",
        f"{title} has not been used in project {project_id} before or it is disabled. Enable it by "
        f"visiting {page} then retry. If you enabled this API recently, wait a few minutes for the action to "
        "propagate to our systems and retry.",
        reason="SERVICE_DISABLED",
        metadata={
            "service": service,
            "serviceTitle": title,
            "consumer": f"projects/{project_number}",
            "containerInfo": project_id,
            "activationUrl": page,
        },
    )


def text(body: Mapping[str, Any], name: str, default: str = "") -> str:
    """Return a string of a request's body; raises GoogleError if it is something else."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise GoogleError("INVALID_ARGUMENT", f"Invalid value at '{name}' (TYPE_STRING), {value!r}")
    return value
