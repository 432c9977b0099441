"""PodMonitor, PrometheusRule and dashboard on the real engine and API server.

The definitions of the operator's objects are cut down to what the stack sets of them, which they allow alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.layout import REPOSITORY
from tests.integration.control_plane import ControlPlane
from tests.integration.plugin_stack import PluginStack

PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes

from components.kubernetes.kubectl import KubernetesTarget
from components.kubernetes_connection import KubernetesConnection
from components.metrics_provisioning import provision_metrics
from components.server_certificate import ProvisionedCertificate
from components.settings.load import parse_settings

settings = parse_settings(
    {{"seal": "shamir", "kubeContext": "here", "tls": {{"source": "own"}}, "metrics": {metrics}}},
    namespace="plugins",
    token=None,
)
target = KubernetesTarget("{kubeconfig}", "here", "default")
provider = kubernetes.Provider("provider", kubeconfig="{kubeconfig}", context="here")
authority = pulumi.Output.from_input("the authority")
outputs = {{"tls_not_after": pulumi.Output.from_input("{not_after}")}}
certificate = ProvisionedCertificate(authority, (), outputs)
connection = KubernetesConnection(target, provider, pulumi.Output.from_input("1"))
provision_metrics(settings, connection, "default", certificate, alarms_after=())
"""
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
TEXT_BY_NAME = {"type": "object", "additionalProperties": TEXT}


def of(**properties: Any) -> Mapping[str, Any]:
    """A schema of an object with these properties, all of which it has to have."""
    return {"type": "object", "properties": properties, "required": [*properties]}


SPECIFICATIONS = {
    # Prometheus operator, pkg/apis/monitoring/v1/podmonitor_types.go
    "PodMonitor": of(
        selector=of(matchLabels=TEXT_BY_NAME),
        podMetricsEndpoints={
            "type": "array",
            "items": of(
                port=TEXT,
                path=TEXT,
                scheme={"enum": ["http", "https"], **TEXT},
                params={"type": "object", "additionalProperties": TEXTS},
                tlsConfig=of(serverName=TEXT, ca=of(configMap=of(key=TEXT, name=TEXT))),
            ),
        },
    ),
    # Prometheus operator, pkg/apis/monitoring/v1/prometheusrule_types.go
    "PrometheusRule": of(
        groups={
            "type": "array",
            "items": of(
                name=TEXT,
                rules={
                    "type": "array",
                    "items": of(
                        alert=TEXT,
                        expr={"x-kubernetes-int-or-string": True},
                        annotations=TEXT_BY_NAME,
                        labels=TEXT_BY_NAME,
                        **{"for": {**TEXT, "pattern": "^(0|(([0-9]+)h)?(([0-9]+)m)?)$"}},
                    ),
                },
            ),
        }
    ),
}


def definition(kind: str) -> Mapping[str, Any]:
    """The definition of a kind of the Prometheus operator."""
    schema = {"type": "object", "properties": {"spec": SPECIFICATIONS[kind]}, "required": ["spec"]}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()},
            "versions": [version],
        },
    }


def program(plane: ControlPlane, not_after: str = "2030-01-01T00:00:00+00:00", **metrics: Any) -> str:
    """The part of the program that is about metrics."""
    given = {"enabled": True, **metrics}
    return PROGRAM.format(kubeconfig=plane.kubeconfig, metrics=given, not_after=not_after)


def live(plane: ControlPlane, kind: str, name: str) -> Mapping[str, Any]:
    """An object as the API server has it."""
    found: Mapping[str, Any] = json.loads(
        plane.kubectl("get", kind, name, "--namespace=default", "--output=json")
    )
    return found


def test_objects_are_refused_without_definitions_and_kept_with_them(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    stack = PluginStack(tmp_path, {"PYTHONPATH": str(REPOSITORY)})
    stack.program(program(control_plane))
    refusal = stack.pulumi("preview", fails=True)
    assert "of monitoring.coreos.com/v1, so it was not created. Install the definitions" in refusal
    for kind in SPECIFICATIONS:
        control_plane.kubectl("create", "--filename=-", stdin=yaml.safe_dump(definition(kind)))
        name = definition(kind)["metadata"]["name"]
        control_plane.kubectl("wait", f"crd/{name}", "--for=condition=Established", "--timeout=60s")

    stack.up()
    assert stack.foretold() == {}
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {}
    recorded = stack.state()
    for kind, made in (("podmonitor", "pod-monitor"), ("prometheusrule", "alarms")):
        name = recorded[made]["inputs"]["metadata"]["name"]
        # A field that the definition doesn't know would be gone.
        assert live(control_plane, kind, name)["spec"] == recorded[made]["inputs"]["spec"]
    assert live(control_plane, "configmap", "vault-metrics-ca")["data"] == {"ca.crt": "the authority"}
    assert live(control_plane, "configmap", "vault-dashboard")["metadata"]["labels"] == {
        "grafana_dashboard": "1"
    }

    stack.program(program(control_plane, "2031-01-01T00:00:00+00:00", labels={"release": "prometheus"}))
    assert stack.foretold() == {"pod-monitor": "update", "alarms": "update"}
    stack.up()
    assert live(control_plane, "podmonitor", "vault-server")["metadata"]["labels"] == {
        "release": "prometheus"
    }
    stack.program(program(control_plane, scrape="none", dashboard=False))
    stack.up()
    left = control_plane.kubectl("get", "podmonitor,prometheusrule", "--namespace=default", "--output=name")
    assert left == ""
    stack.pulumi("destroy", "--yes", "--skip-preview")
