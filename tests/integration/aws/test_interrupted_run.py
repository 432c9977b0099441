"""Runs that are killed when AWS has created something: once for each kind of resource, on one stack."""

import http.client
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from typing_extensions import override

from sandbox.network import REGION
from tests.integration.aws.permissions.permission_stack import branch, empty_stack, settings_for
from tests.integration.aws.running_cloud import OPERATOR, Cloud
from tests.integration.interruptions import interruption_table as table
from tests.integration.interruptions.interrupted_stack import InterruptedStack
from tests.integration.interruptions.interrupting_proxy import Target, interrupting_proxy

pytestmark = pytest.mark.timeout(900)


class Aws(Target):
    """All of AWS behind one address, whose requests have the API's names of what they do."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc

    @override
    def connect(self, host: str) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address, timeout=60)

    @override
    def action(self, request: BaseHTTPRequestHandler, body: bytes) -> str:
        # EKS has paths in place of names.
        if request.command == "POST" and request.path.endswith("/pod-identity-associations"):
            return "CreatePodIdentityAssociation"
        named = str(request.headers.get("X-Amz-Target", "")).rpartition(".")[2]
        return named or parse_qs(body.decode(errors="replace")).get("Action", [""])[0]


@pytest.fixture
def interrupted(cloud: Cloud, tmp_path: Path) -> Iterator[InterruptedStack]:
    """With a key, a role for EKS Pod Identity, a rule and a secret that has a key of its own."""
    (tmp_path / "empty").mkdir()
    settings = settings_for(
        cloud,
        key={"alias": "alias/interrupted"},
        role={"name": "interrupted"},
        identity={"kind": "pod-identity"},
        namespace="interrupted",
        injector={"port": 30555},
        custody={
            "store": "aws-secrets-manager",
            "name": "vault/interrupted",
            "region": REGION,
            "readers": [cloud.sts().get_caller_identity()["Arn"]],
        },
    )
    stack = branch(empty_stack(cloud, tmp_path / "empty"), tmp_path / "stack", settings, OPERATOR)
    with interrupting_proxy(Aws(cloud.url)) as proxy:
        stack.variables = {**stack.variables, "AWS_ENDPOINT_URL": proxy.url}
        yield InterruptedStack(stack, proxy)


def test_each_interrupted_creation_is_repeated_or_taken_over(
    interrupted: InterruptedStack, cloud: Cloud
) -> None:
    others = enabled_keys(cloud)
    interrupted.kill(table.AWS_KEY, table.AWS_ROLE, table.AWS_RULE)
    interrupted.settle()
    interrupted.kill(table.AWS_ALIAS, table.AWS_POLICY, table.AWS_SECRET_ROW, table.AWS_ASSOCIATION)
    interrupted.settle()
    interrupted.kill(table.AWS_ATTACHMENT, table.AWS_SECRET_POLICY)
    interrupted.settle()
    stack = interrupted.stack
    assert stack.foretold() == {}
    keys = {stack.outputs()[name].rpartition("/")[2] for name in ("key_id", "secret_key_arn")}
    assert enabled_keys(cloud) - others == keys


def enabled_keys(cloud: Cloud) -> set[str]:
    """List the ids of the cloud's enabled keys, also those that an earlier test of its left."""
    kms = cloud.kms()
    found = {key["KeyId"] for key in kms.list_keys()["Keys"]}
    return {key for key in found if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"}
