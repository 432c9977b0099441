"""What the sandbox and its tests need of their Google Cloud and Google has no API for, on loopback only.

- ``GET /_sandbox/health``: 204 once requests are answered.
- ``PUT /_sandbox/cluster`` with the JSON of ``ClusterFacts``: the GKE cluster, which is there from then on.
- ``GET /_sandbox/calls``: the latest calls, oldest first, as a list of ``LoggedCall``; ``DELETE`` forgets
  them.
- ``PUT /_sandbox/outage`` with ``{"hosts": [...], "seconds": 10}``: those hosts answer UNAVAILABLE for that
  long, from now; zero seconds end an outage.
- ``POST /_sandbox/token`` with ``{"member": "user:owner@example.com"}``: an access token of anyone who is no
  service account, as ``{"access_token": ...}``.
"""

import json
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from sandbox.google.callers import CLOUD_PLATFORM, LONGEST_SECONDS, USER_EMAIL
from sandbox.google.cloud import GoogleCloud, json_bytes
from sandbox.google.project import CONTROL_PREFIX, ClusterFacts


class ControlApplication:
    """The control paths as a WSGI application."""

    def __init__(self, cloud: GoogleCloud) -> None:
        self._cloud = cloud

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        with self._cloud.lock:
            response = self._respond(request)
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        match request.method, request.path.removeprefix(CONTROL_PREFIX):
            case "GET", "health":
                return Response(status=204)
            case "GET", "calls":
                return _json(self._cloud.log.to_json())
            case "DELETE", "calls":
                self._cloud.log.calls.clear()
                return Response(status=204)
            case "PUT", "cluster":
                self._cloud.clusters.facts = ClusterFacts(**json.loads(request.get_data()))
                return Response(status=204)
            case "PUT", "outage":
                body = json.loads(request.get_data())
                self._cloud.outages.begin(body["hosts"], float(body["seconds"]))
                return Response(status=204)
            case "POST", "token":
                member = str(json.loads(request.get_data())["member"])
                if not member.startswith("user:"):
                    return Response("only people get a token here\n", 400)
                scopes = frozenset({CLOUD_PLATFORM, USER_EMAIL})
                token, _ = self._cloud.callers.issue(member, scopes, LONGEST_SECONDS)
                return _json({"access_token": token})
        return Response(f"nothing at {request.method} {request.path}\n", 404)


def _json(answer: object) -> Response:
    return Response(json_bytes(answer), content_type="application/json")
