"""Runs that are killed when Kubernetes has the namespace, and while Helm is at work on Vault's release."""

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
from sandbox.layout import REPOSITORY
from tests.integration.control_plane import ControlPlane, run_control_plane
from tests.integration.interruptions import interruption_table as table
from tests.integration.interruptions.interrupted_stack import InterruptedStack
from tests.integration.interruptions.interrupting_proxy import Target, interrupting_proxy
from tests.integration.plugin_stack import PluginStack

pytestmark = pytest.mark.timeout(900)

PROGRAM = """
import pulumi

from components.interrupted_run import watch_for_interrupted_run
from components.kubernetes_connection import connect_kubernetes
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
VaultRelease(
    "vault",
    VaultReleaseArgs(
        settings=settings,
        access=pod_access(settings, connection.target),
        namespace=namespace.name,
        seal_stanzas=seals.stanzas,
        pods=seals.pods,
        prerequisites=namespace.prerequisites,
    ),
    pulumi.ResourceOptions(provider=connection.provider),
)
"""
"""What the program creates in Kubernetes before it initialises Vault."""


class ApiServer(Target):
    """A control plane as its administrator sees it, who needs no credentials before the proxy."""

    def __init__(self, plane: ControlPlane) -> None:
        self._address = urlsplit(plane.server).netloc
        user = yaml.safe_load(plane.kubeconfig.read_text())["users"][0]["user"]
        self._context = ssl.create_default_context(cafile=plane.authority.certificate)
        self._context.load_cert_chain(user["client-certificate"], user["client-key"])

    @override
    def connect(self, host: str) -> http.client.HTTPConnection:
        return http.client.HTTPSConnection(self._address, context=self._context, timeout=60)

    @override
    def action(self, request: BaseHTTPRequestHandler, body: bytes) -> str:
        if request.command != "POST":
            return ""
        # A label of Helm's records, whose requests aren't JSON.
        status = re.search(rb"pending-[a-z]+", body)
        collection = request.path.partition("?")[0].rpartition("/")[2]
        return f"{collection} {status[0].decode()}" if status else collection


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[InterruptedStack]:
    """A stack on a control plane of its own."""
    (tmp_path / "plane").mkdir()
    (tmp_path / "stack").mkdir()
    with (
        run_control_plane(tmp_path / "plane") as plane,
        interrupting_proxy(ApiServer(plane)) as proxy,
    ):
        kubeconfig = yaml.safe_load(plane.kubeconfig.read_text())
        kubeconfig["clusters"][0]["cluster"] = {"server": proxy.url}
        kubeconfig["users"][0]["user"] = {}
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
        stack = PluginStack(tmp_path / "stack", {"PYTHONPATH": str(REPOSITORY)})
        stack.program(PROGRAM)
        settings = {
            "seal": "shamir",
            "kubeconfig": str(tmp_path / "kubeconfig"),
            "kubeContext": "here",
            "chart": json.dumps({"path": str(own_chart())}),
            "protect": "false",
        }
        for name, value in settings.items():
            stack.pulumi("config", "set", name, value)
        yield InterruptedStack(stack, proxy)


def test_each_interrupted_creation_and_upgrade_goes_on(interrupted: InterruptedStack) -> None:
    interrupted.kill(table.KUBERNETES_NAMESPACE)
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
