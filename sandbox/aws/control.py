"""What the sandbox needs of its AWS and AWS has no API for; only the loopback listener serves it.

- ``GET /_sandbox/health``: 204 once requests are answered.
- ``PUT /_sandbox/eks/<region>/<cluster>`` with the JSON of ``ClusterFacts``: sets what EKS decides by itself
  and moto makes up (the OIDC issuer, the endpoint and its authority) or leaves out (the cluster's security
  group). 204, or 404 if there is no such cluster.
"""

import json
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from sandbox.aws import moto_state
from sandbox.aws.account import CONTROL_PREFIX, ClusterFacts


class LoopbackApplication:
    """The gateway, to which requests are as good as over TLS, and the control paths beside it."""

    def __init__(self, gateway: WSGIApplication) -> None:
        self._gateway = gateway

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if not request.path.startswith(CONTROL_PREFIX):
            # The host's clients speak TLS to AWS, and here what would only make their set-up harder: a policy
            # about TLS has to find it as there. The header is for those who want to come without.
            environ["wsgi.url_scheme"] = request.headers.get("X-Forwarded-Proto", "https")
            return self._gateway(environ, start_response)
        return _control(request)(environ, start_response)


def _control(request: Request) -> Response:
    match request.method, request.path.removeprefix(CONTROL_PREFIX).split("/"):
        case "GET", ["health"]:
            return Response(status=204)
        case "PUT", ["eks", region, name]:
            return _complete_cluster(region, name, ClusterFacts(**json.loads(request.get_data())))
    return Response(f"nothing at {request.method} {request.path}\n", 404)


def _complete_cluster(region: str, name: str, facts: ClusterFacts) -> Response:
    cluster = moto_state.find_cluster(region, name)
    if cluster is None:
        return Response(f"no cluster {name} in {region}\n", 404)
    cluster.identity = {"oidc": {"issuer": facts.issuer}}
    cluster.endpoint = facts.endpoint
    cluster.certificate_authority = {"data": facts.certificate_authority}
    cluster.resources_vpc_config |= {
        "vpcId": facts.vpc_id,
        "clusterSecurityGroupId": facts.cluster_security_group_id,
    }
    return Response(status=204)
