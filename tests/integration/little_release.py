"""A program with a namespace, a Secret and a release of a small chart, and what it leaves in a cluster."""

import base64
import gzip
import json
from pathlib import Path

import yaml

from tests.integration.control_plane import ControlPlane

PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes

from components.chart.value_merge import secret_values
from components.kubernetes.kubectl import KubernetesTarget
from components.vault_release import refuse_unfinished

provider = kubernetes.Provider(
    "provider", kubeconfig="{kubeconfig}", context="here", enable_secret_mutable={mutable}
)
options = pulumi.ResourceOptions(provider=provider)
namespace = kubernetes.core.v1.Namespace(
    "namespace", metadata={{"name": "{namespace}", "labels": {{"team": "{team}"}}}}, opts=options
)
kubernetes.core.v1.Secret(
    "secret",
    metadata={{"name": "credentials", "namespace": namespace.metadata.name}},
    data={{"key": "{data}"}},
    opts=options,
)
release = kubernetes.helm.v3.Release(
    "release",
    name="thing",
    chart="{chart}",
    namespace=namespace.metadata.name,
    timeout=2,
    values={{
        "text": pulumi.Output.secret("{text}"), "workload": {workload}, "number": {number}, **{given}
    }},
    opts=pulumi.ResourceOptions(
        provider=provider,
        hooks=refuse_unfinished("thing", KubernetesTarget("{kubeconfig}", "here", "{namespace}")),
    ),
)
pulumi.export("status", release.status)
pulumi.export("names", release.resource_names)
"""
TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data:
  text: {{ .Values.text | quote }}
  defaults: {{ pick .Values "plain" "nested" | toJson | quote }}
{{- if .Values.workload }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {matchLabels: {app: thing}}
  template:
    metadata: {labels: {app: thing}}
    spec: {containers: [{name: main, image: none}]}
{{- end }}
"""
DEFAULTS = '{"nested":{"gone":2,"kept":1},"plain":"by default"}'


def write_chart(folder: Path) -> Path:
    """Write the chart, which has a schema, into an empty folder; return that."""
    (folder / "templates").mkdir()
    (folder / "templates" / "all.yaml").write_text(TEMPLATE)
    (folder / "values.yaml").write_text("plain: by default\nnested: {kept: 1, gone: 2}\n")
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: little\nversion: 1.2.3\nappVersion: '9'\n")
    (folder / "values.schema.json").write_text('{"properties": {"number": {"type": "integer"}}}')
    return folder


def program(plane: ControlPlane, chart: Path, **changes: str) -> str:
    """The program, with some of it changed."""
    facts = {
        "chart": str(chart),
        "data": "aGlkZGVuIGRhdGE=",
        "given": "{}",
        "mutable": "False",
        "kubeconfig": str(plane.kubeconfig),
        "namespace": "first",
        "number": "1",
        "team": "one",
        "text": "hidden text",
        "workload": "False",
    }
    return PROGRAM.format(**{**facts, **changes})


def config_map(plane: ControlPlane, namespace: str) -> dict[str, str]:
    """What the release has written."""
    data: dict[str, str] = yaml.safe_load(
        plane.kubectl("get", "configmap", "thing", "-n", namespace, "-o", "yaml")
    )["data"]
    return data


def secret_data(plane: ControlPlane, namespace: str) -> str:
    """What the Secret holds, in base64."""
    return plane.kubectl("get", "secret", "credentials", "-n", namespace, "-o", "jsonpath={.data.key}")


def leave_unfinished(plane: ControlPlane, revision: int, status: str) -> None:
    """Have Helm's record say what it says while Helm is at work, as if it had been killed then."""
    name = f"sh.helm.release.v1.thing.v{revision}"
    secret = json.loads(plane.kubectl("get", "secret", name, "-n", "first", "-o", "json"))
    # In it Helm has base64 of a compressed document, which counts; the label is for its lists.
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    release = json.loads(gzip.decompress(packed))
    release["info"]["status"] = status
    packed = gzip.compress(json.dumps(release).encode())
    secret["data"]["release"] = base64.b64encode(base64.b64encode(packed)).decode()
    secret["metadata"]["labels"]["status"] = status
    plane.kubectl("replace", "-f", "-", stdin=json.dumps(secret))
