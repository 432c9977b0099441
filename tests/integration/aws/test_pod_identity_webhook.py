"""The pod identity webhook over TLS, with an API server to ask."""

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from werkzeug.wrappers import Request, Response

from sandbox.aws.account import iam_arn
from tests.http_server import http_server
from tests.integration.aws.running_cloud import Cloud


@pytest.fixture
def api_server(cloud: Cloud) -> Iterator[None]:
    """An API server with one annotated service account, which asks for a client's certificate."""
    server = cloud.authority.issue("api-server", "api-server", addresses=["127.0.0.1"])
    client = cloud.authority.issue("administrator", "administrator")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(server.certificate, server.key)
    tls.load_verify_locations(cloud.authority.certificate)
    tls.verify_mode = ssl.CERT_REQUIRED

    def answer(asked: Request) -> Response:
        if asked.path != "/api/v1/namespaces/vault/serviceaccounts/vault":
            return Response(status=404)
        account = {"metadata": {"annotations": {"eks.amazonaws.com/role-arn": iam_arn("role/vault")}}}
        return Response(json.dumps(account))

    with http_server(answer, tls) as port:
        cluster = {
            "server": f"https://127.0.0.1:{port}",
            "certificate-authority": str(cloud.authority.certificate),
        }
        user = {
            "client-certificate-data": base64.b64encode(client.certificate.read_bytes()).decode(),
            "client-key-data": base64.b64encode(client.key.read_bytes()).decode(),
        }
        kubeconfig = {
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": user}],
        }
        cloud.settings.kubeconfig.write_text(yaml.safe_dump(kubeconfig))
        yield
        cloud.settings.kubeconfig.unlink()


def admit(cloud: Cloud, account: str) -> dict[str, Any]:
    pod = {"metadata": {}, "spec": {"serviceAccountName": account, "containers": [{"name": "vault"}]}}
    review = {"request": {"uid": "a-uid", "namespace": "vault", "object": pod}}
    request = urllib.request.Request(
        f"https://127.0.0.1:{cloud.settings.webhook_port}/mutate",
        data=json.dumps(review).encode(),
        headers={"Content-Type": "application/json"},
    )
    context = ssl.create_default_context(cafile=cloud.authority.certificate)
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:  # noqa: S310 https
        response: dict[str, Any] = json.load(answer)["response"]
        return response


@pytest.mark.usefixtures("api_server")
def test_the_webhook_gives_a_pod_its_role(cloud: Cloud) -> None:
    response = admit(cloud, "vault")
    assert (response["uid"], response["allowed"], response["patchType"]) == ("a-uid", True, "JSONPatch")
    patch = json.loads(base64.b64decode(response["patch"]))
    container = next(operation for operation in patch if operation["path"] == "/spec/containers")["value"][0]
    assert {"name": "AWS_ROLE_ARN", "value": iam_arn("role/vault")} in container["env"]


def test_the_webhook_fails_without_an_api_server(cloud: Cloud) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        admit(cloud, "vault")
    assert raised.value.code == 500
