"""GKE's metadata server: gives a pod the tokens of its Kubernetes service account's Google identity.

https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#metadata_server. The pod is
known by its address. Its service account's token goes through the token service as on GKE; where the account
is annotated with a Google service account, that one is impersonated, else the workload is the identity.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from sandbox.google.api_errors import GoogleError, JsonObject, TokenError
from sandbox.google.callers import CLOUD_PLATFORM, LONGEST_SECONDS
from sandbox.google.cloud import GoogleCloud, json_bytes
from sandbox.google.project import (
    CLUSTER_NAME,
    LOCATION,
    METADATA_HOST,
    PROJECT_ID,
    PROJECT_NUMBER,
    STS_AUDIENCE,
    WORKLOAD_POOL,
)
from sandbox.google.rest_routes import NOBODY, Call

LOGGER = logging.getLogger(__name__)
ANNOTATION = "iam.gke.io/gcp-service-account"
_ROOT = "/computeMetadata/v1/"
_ACCOUNTS = "instance/service-accounts/"
_DOCUMENT = "https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to"


class UnknownPodError(Exception):
    """No pod has the address that a request came from, or it can't be looked up."""


@dataclass(frozen=True)
class Workload:
    """The Kubernetes service account that a pod runs as."""

    namespace: str
    service_account: str
    google_account: str
    """What it is annotated with; may be empty."""


class Workloads(Protocol):
    """The cluster, as far as the metadata server asks it."""

    def at(self, address: str) -> Workload:
        """Find the workload of the pod with this address. Raises UnknownPodError."""

    def token(self, workload: Workload, audience: str) -> str:
        """Issue a token of its service account. Raises UnknownPodError."""


class MetadataServer:
    """The server as a WSGI application."""

    def __init__(self, cloud: GoogleCloud, workloads: Workloads) -> None:
        self._cloud = cloud
        self._workloads = workloads

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        response = self._respond(request)
        response.headers["Metadata-Flavor"] = "Google"
        response.headers["Server"] = "GKE Metadata Server"
        status = response.status_code
        self._cloud.log.add(
            "metadata", METADATA_HOST, request.method, request.path, request.remote_addr or "", str(status)
        )
        LOGGER.info("metadata %s for %s: %s", request.path, request.remote_addr, status)
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.path in ("/", "/computeMetadata/", _ROOT):
            return _text("computeMetadata/\n" if request.path == "/" else "instance/\nproject/\nuniverse/\n")
        if request.headers.get("Metadata-Flavor") != "Google" or "X-Forwarded-For" in request.headers:
            return _text("Missing required header 'Metadata-Flavor: Google'.\n", 403)
        if request.method != "GET":
            return _text("Method not allowed.\n", 405)
        path = request.path.removeprefix(_ROOT)
        facts = {
            "project/project-id": PROJECT_ID,
            "project/numeric-project-id": PROJECT_NUMBER,
            "universe/universe-domain": "googleapis.com",
            "instance/zone": f"projects/{PROJECT_NUMBER}/zones/{LOCATION}-a",
            "instance/attributes/cluster-name": CLUSTER_NAME,
            "instance/attributes/cluster-location": LOCATION,
        }
        if path in facts:
            return _text(facts[path])
        if not path.startswith(_ACCOUNTS):
            return _text("Not Found\n", 404)
        try:
            workload = self._workloads.at(request.remote_addr or "")
            return self._account(workload, path.removeprefix(_ACCOUNTS), request)
        except UnknownPodError as error:
            LOGGER.error("no pod at %s: %s", request.remote_addr, error)
            return _text(f"{error}\n", 500)

    def _account(self, workload: Workload, path: str, request: Request) -> Response:
        email = workload.google_account or WORKLOAD_POOL
        if not path:
            return _text(f"default/\n{email}/\n")
        name, _, field = path.partition("/")
        if name not in ("default", email):
            return _text("Not Found\n", 404)
        match field:
            case "" if request.args.get("recursive", "").lower() == "true":
                described = {"aliases": ["default"], "email": email, "scopes": [CLOUD_PLATFORM]}
                return Response(json_bytes(described), content_type="application/json")
            case "":
                return _text("aliases\nemail\nidentity\nscopes\ntoken\n")
            case "email":
                return _text(email)
            case "scopes":
                return _text(f"{CLOUD_PLATFORM}\n")
            case "aliases":
                return _text("default\n")
            case "token":
                scopes = [scope for scope in request.args.get("scopes", CLOUD_PLATFORM).split(",") if scope]
                return self._token(workload, scopes)
            case "identity":
                return _text("Identity tokens: not implemented by the sandbox's Google Cloud\n", 501)
        return _text("Not Found\n", 404)

    def _token(self, workload: Workload, scopes: list[str]) -> Response:
        subject_token = self._workloads.token(workload, WORKLOAD_POOL)
        try:
            with self._cloud.lock:
                answer = self._exchange(subject_token, workload.google_account, scopes)
        except TokenError as error:
            return _text(f"Unable to generate access token; STS returned {error}\n", 403)
        except GoogleError as error:
            words = {403: "403 Forbidden", 404: "404 Not Found"}.get(error.code, str(error.code))
            return _text(
                f"Unable to generate access token; IAM returned {words}: {error.message}\n"
                "This error could be caused by a missing IAM policy binding on the target IAM service "
                "account.\nFor more information, refer to the Workload Identity documentation:\n"
                f"\t{_DOCUMENT}\n",
                error.code,
            )
        return Response(json_bytes(answer), content_type="application/json")

    def _exchange(self, subject_token: str, google_account: str, scopes: list[str]) -> JsonObject:
        for host in ("sts.googleapis.com", "iamcredentials.googleapis.com"):
            self._cloud.outages.check(host)
        exchange = {
            "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": STS_AUDIENCE,
            "scope": CLOUD_PLATFORM if google_account else " ".join(scopes),
            "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
            "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
            "subjectToken": subject_token,
        }
        federated = self._cloud.tokens.exchange(Call(NOBODY, {}, body=exchange))
        if not google_account:
            return {key: federated[key] for key in ("access_token", "expires_in", "token_type")}
        host = "iamcredentials.googleapis.com"
        self._cloud.enabled_services.require(host, PROJECT_ID)
        caller = self._cloud.callers.authenticate(f"Bearer {federated['access_token']}", host)
        name = f"projects/-/serviceAccounts/{google_account}"
        issued = self._cloud.tokens.generate_access_token(
            Call(caller, {"name": name}, body={"scope": scopes})
        )
        return {
            "access_token": issued["accessToken"],
            "expires_in": LONGEST_SECONDS - 1,
            "token_type": "Bearer",
        }


def _text(text: str, status: int = 200) -> Response:
    return Response(text, status, content_type="application/text")
