"""What the parts of the Compute Engine API have in common: its versions, its links and its refusals.

https://cloud.google.com/compute/docs/reference/rest. Google's provider asks the beta version, people and
gcloud v1; an answer's links are of the version that was asked.
"""

import re

from sandbox.google.api_errors import GoogleError
from sandbox.google.policies import Policies
from sandbox.google.rest_routes import Call

VERSIONS = ("v1", "beta")


def path(version: str, rest: str) -> str:
    """Return the template of a method in one version, which the call then names as ``version``."""
    return f"/compute/{{version={version}}}/{rest}"


def link(version: str, name: str) -> str:
    """Return the link to a resource."""
    return f"https://www.googleapis.com/compute/{version}/{name}"


def name_in(reference: str) -> str:
    """Return the name in a link of any version; other references stay as they are."""
    return re.sub(r"^https://[^/]+/compute/(?:v1|beta)/", "", reference)


def require(policies: Policies, call: Call, permission: str, name: str) -> None:
    """Raise GoogleError (PERMISSION_DENIED) if the caller lacks the permission, without its ``compute.``."""
    if not policies.allows(call.caller.member, f"compute.{permission}", name):
        raise GoogleError(
            "PERMISSION_DENIED",
            f"Required 'compute.{permission}' permission for '{name}'",
            compute_reason="forbidden",
        )


def invalid(where: str, value: str) -> GoogleError:
    """Make the error about a field of a request."""
    return GoogleError(
        "INVALID_ARGUMENT", f"Invalid value for field '{where}': '{value}'.", compute_reason="invalid"
    )


def not_found(name: str) -> GoogleError:
    """Make the error about a resource that isn't there."""
    return GoogleError("NOT_FOUND", f"The resource '{name}' was not found", compute_reason="notFound")
