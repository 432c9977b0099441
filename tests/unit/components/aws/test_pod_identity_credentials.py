"""The credentials of Vault's role from EKS, as the agent gets them for pod 0."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from components.aws.credentials import CredentialSource
from components.aws.pod_identity_credentials import PodIdentityCredentials
from components.aws.vault_credentials import AwsCallError, VaultIdentity
from components.kubernetes.kubectl import KubernetesTarget
from tests.http_server import http_server
from tests.unit.fakes.commands_on_path import only_commands

ROLE = "arn:aws:iam::111122223333:role/vault"
IDENTITY = VaultIdentity(
    ROLE, "eu-central-1", "vault", KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
)
SOURCE = PodIdentityCredentials(
    IDENTITY, CredentialSource(), cluster="prod", region="eu-west-1", pod="vault-0"
)
TOKEN = "the.token.itself"
GIVEN = {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.23/v1/credentials"}
CREDENTIALS = {
    "accessKeyId": "ASIA1",
    "secretAccessKey": "secret",
    "sessionToken": "session",
    "expiration": 1900000000,
}


def provide_kubectl(
    monkeypatch: pytest.MonkeyPatch, folder: Path, variables: list[Mapping[str, str]] | None
) -> None:
    """A kubectl that has pod 0 with these variables, or no pod, and issues tokens."""
    pod = {"spec": {"containers": [{"name": "other"}, {"name": "vault", "env": variables}]}}
    (folder / "pod").write_text("" if variables is None else json.dumps(pod))
    (folder / "token").write_text(json.dumps({"status": {"token": TOKEN}}))
    script = (
        f'case "$*" in *" get pod "*) exec /bin/cat \'{folder}/pod\';; esac; '
        f"/bin/cat > '{folder}/request'; exec /bin/cat '{folder}/token'"
    )
    only_commands(monkeypatch, folder / "commands", kubectl=script)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEPERSON")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def answered(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Mapping[str, Any], code: str = ""
) -> tuple[list[Request], Any]:
    """What the source gets if EKS answers so: the credentials, or the error."""
    asked: list[Request] = []

    def respond(request: Request) -> Response:
        request.get_data()
        asked.append(request)
        headers = {"x-amzn-ErrorType": code} if code else {}
        return Response(json.dumps(body), status, headers, content_type="application/json")

    with http_server(respond) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        try:
            return asked, SOURCE.credentials()
        except AwsCallError as error:
            return asked, error


def test_eks_is_asked_with_a_token_bound_to_the_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provide_kubectl(monkeypatch, tmp_path, [GIVEN])
    (request,), got = answered(monkeypatch, 200, {"credentials": CREDENTIALS})
    assert (got.access_key_id, got.session_token, got.expiration.year) == ("ASIA1", "session", 2030)
    assert "secret" not in repr(got)
    assert request.path == "/clusters/prod/assume-role-for-pod-identity"
    assert json.loads(request.data) == {"token": TOKEN}
    assert "AKIAOFTHEPERSON" in request.headers["Authorization"]
    assert "/eu-west-1/eks-auth/" in request.headers["Authorization"]
    assert json.loads((tmp_path / "request").read_text())["spec"] == {
        "audiences": ["pods.eks.amazonaws.com"],
        "expirationSeconds": 600,
        "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "vault-0"},
    }


@pytest.mark.parametrize(
    ("code", "status", "fix", "settling"),
    [
        ("AccessDeniedException", 403, "may not perform eks-auth:AssumeRoleForPodIdentity on cluster", True),
        ("AccessDeniedException", 403, f"the trust policy of {ROLE} has to let pods.eks.amazonaws.com", True),
        ("ResourceNotFoundException", 404, "has to have a pod identity association", True),
        ("InvalidTokenException", 400, "Fix what AWS names there", False),
    ],
)
def test_refusal_is_told_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, status: int, fix: str, settling: bool
) -> None:
    provide_kubectl(monkeypatch, tmp_path, [GIVEN])
    _, error = answered(monkeypatch, status, {"message": "no"}, code)
    assert error.summary == f"eks-auth:AssumeRoleForPodIdentity: {code}: no"
    assert fix in str(error)
    assert error.settling is settling
    assert TOKEN not in str(error)


@pytest.mark.parametrize(
    ("variables", "said", "settling"),
    [
        (None, "it isn't there", True),
        ([{"name": "AWS_REGION", "value": "x"}], "delete pods --selector component=server", False),
    ],
)
def test_pod_without_the_agents_variable_is_told_of_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: list[Mapping[str, str]] | None,
    said: str,
    settling: bool,
) -> None:
    provide_kubectl(monkeypatch, tmp_path, variables)
    asked, error = answered(monkeypatch, 200, {"credentials": CREDENTIALS})
    assert said in str(error)
    assert error.settling is settling
    assert asked == []
