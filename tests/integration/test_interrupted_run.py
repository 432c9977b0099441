"""Runs that are killed when Kubernetes has something, and while Helm is at work on Vault's release."""

import http.client
import json
import re
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from typing_extensions import override

from sandbox.charts import own_chart
from sandbox.google.project import HOST_NAMES, PROJECT_ID
from sandbox.layout import REPOSITORY
from tests.integration.control_plane import ControlPlane, run_control_plane
from tests.integration.google.running_google import RunningGoogle, run_google
from tests.integration.interruptions import interruption_table as table
from tests.integration.interruptions.google_target import Google
from tests.integration.interruptions.interrupted_stack import InterruptedStack
from tests.integration.interruptions.interrupting_proxy import interrupting_proxy
from tests.integration.plugin_stack import PluginStack

pytestmark = pytest.mark.timeout(900)

PROGRAM = """
import pulumi

from components.interrupted_run import watch_for_interrupted_run
from components.kubernetes_connection import connect_kubernetes
from components.network_policy import provision_network_policy
from components.seal_provisioning import provision_seals
from components.settings import load_settings
from components.vault_namespace import provision_namespace
from components.vault_release import VaultRelease, VaultReleaseArgs, pod_access

settings = load_settings()
watch_for_interrupted_run()
connection = connect_kubernetes(settings, None)
namespace = provision_namespace(settings, connection.provider)
guard = pulumi.ComponentResource("test:index:KeyGuard", "guard")
seals = provision_seals(settings, None, connection.provider, namespace.name, guard=lambda *_keys: guard)
policy = provision_network_policy(settings, connection.provider, namespace.name)
VaultRelease(
    "vault",
    VaultReleaseArgs(
        settings=settings,
        access=pod_access(settings, connection.target),
        namespace=namespace.name,
        seal_stanzas=seals.stanzas,
        pods=seals.pods,
        authority=None,
        prerequisites=(*namespace.prerequisites, *policy.prerequisites),
    ),
    pulumi.ResourceOptions(provider=connection.provider),
)
"""
"""What the program creates in Kubernetes before it initialises Vault."""


class ApiServer(Google):
    """A control plane as its administrator sees it, who needs no credentials before the proxy, and Google."""

    # Two writers of one object are no error here: the later one reads it again.
    withholds_conflicts = False

    def __init__(self, plane: ControlPlane, google: RunningGoogle) -> None:
        super().__init__(google)
        self._server = urlsplit(plane.server).netloc
        user = yaml.safe_load(plane.kubeconfig.read_text())["users"][0]["user"]
        self._administrator = ssl.create_default_context(cafile=plane.authority.certificate)
        self._administrator.load_cert_chain(user["client-certificate"], user["client-key"])

    @override
    def connect(self, host: str) -> http.client.HTTPConnection:
        if host in HOST_NAMES:
            return super().connect(host)
        return http.client.HTTPSConnection(self._server, context=self._administrator, timeout=60)

    @override
    def action(self, request: BaseHTTPRequestHandler, body: bytes) -> str:
        if request.command != "POST" or request.headers["Host"] in HOST_NAMES:
            return super().action(request, body)
        # A label of Helm's records, whose requests aren't JSON.
        status = re.search(rb"pending-[a-z]+", body)
        collection = request.path.partition("?")[0].rpartition("/")[2]
        return f"{collection} {status[0].decode()}" if status else collection


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[InterruptedStack]:
    """A stack on a control plane of its own, whose pods use a key of Google's with a key file."""
    for name in ("plane", "google", "stack"):
        (tmp_path / name).mkdir()
    with (
        run_control_plane(tmp_path / "plane") as plane,
        run_google(tmp_path / "google") as google,
        interrupting_proxy(ApiServer(plane, google)) as proxy,
    ):
        google.enable_apis()
        kubeconfig = yaml.safe_load(plane.kubeconfig.read_text())
        kubeconfig["clusters"][0]["cluster"] = {"server": proxy.url}
        kubeconfig["users"][0]["user"] = {}
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
        environment = {**google.environment, "HTTPS_PROXY": proxy.url, "PYTHONPATH": str(REPOSITORY)}
        stack = PluginStack(tmp_path / "stack", environment)
        stack.program(PROGRAM)
        settings = {
            "seal": "gcpckms",
            "project": PROJECT_ID,
            "kubeconfig": str(tmp_path / "kubeconfig"),
            "kubeContext": "here",
            "chart": json.dumps({"path": str(own_chart())}),
            "networkPolicy": "{}",
            # This program has no certificate.
            "tls": json.dumps({"source": "none"}),
            "protect": "false",
        }
        for name, value in settings.items():
            stack.pulumi("config", "set", name, value)
        yield InterruptedStack(stack, proxy)


def test_each_interrupted_creation_and_upgrade_goes_on(interrupted: InterruptedStack) -> None:
    interrupted.kill(table.KUBERNETES_NAMESPACE, table.GOOGLE_ACCOUNT_KEY)
    interrupted.settle()
    interrupted.kill(table.KUBERNETES_SECRET_ROW, table.KUBERNETES_NETWORK_POLICY)
    interrupted.settle()
    interrupted.kill(table.HELM_INSTALL)
    interrupted.settle()
    stack = interrupted.stack
    stack.pulumi("config", "set", "ui", "false")
    refused: list[str] = []
    interrupted.kill(
        table.HELM_UPGRADE,
        before=lambda: refused.append(stack.components("resume", "--yes").stderr),
    )
    assert "the stack is currently locked" in refused[0]
    # Helm's record of the upgrade is still there, which the next run says.
    interrupted.settle()
    assert stack.foretold() == {}
