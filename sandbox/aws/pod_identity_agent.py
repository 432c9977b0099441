"""The EKS Pod Identity Agent: gives a pod the credentials of its service account's role.

Source: https://github.com/aws/eks-pod-identity-agent. The real one runs on each node, at a link-local address
of the node, and calls EKS with the node's role, which may do that on every node that EKS has set up.
"""

import json
import logging
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from sandbox.aws.account import ACCOUNT_ID
from sandbox.aws.callers import TemporaryCredentials
from sandbox.aws.error_responses import AwsError

LOGGER = logging.getLogger(__name__)

ADDRESS = "169.254.170.23"
CREDENTIALS_PATH = "/v1/credentials"


class PodIdentityAgent:
    """The agent as a WSGI application; ``assume`` gives the credentials for a pod's token."""

    def __init__(self, assume: Callable[[str], TemporaryCredentials]) -> None:
        self._assume = assume

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.method != "GET" or request.path != CREDENTIALS_PATH:
            return Response("404 page not found\n", 404)
        if request.host.partition(":")[0] != ADDRESS:
            return Response(f"Called agent through invalid address, please use {ADDRESS}\n", 403)
        token = request.headers.get("Authorization", "")
        if not token:
            return Response("Service account token cannot be empty\n", 400)
        try:
            credentials = self._assume(token)
        except AwsError as error:
            LOGGER.warning("no credentials for the pod at %s: %s", request.remote_addr, error)
            return Response(f"[{error.code}]: {error.message}\n", error.status)
        LOGGER.info("the pod at %s gets %s", request.remote_addr, credentials.role_name)
        body = {
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Token": credentials.session_token,
            "AccountId": ACCOUNT_ID,
            "Expiration": credentials.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return Response(json.dumps(body), content_type="application/json")
