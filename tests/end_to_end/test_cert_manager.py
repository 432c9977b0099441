"""A certificate of cert-manager, whose part the test plays: its kind is defined, and the test issues."""

import base64
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.certificates import CertificateAuthority
from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.running_vault import CALL_SECONDS, Cluster, RunningVault, poll

SETTINGS = {
    **ONE_POD,
    "tls": {"source": "cert-manager", "issuer": {"name": "internal"}},
    "metrics": {"enabled": True, "scrape": "annotations"},
}
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
SPEC: Mapping[str, Any] = {
    "type": "object",
    "required": ["issuerRef", "secretName"],
    "properties": {
        "secretName": TEXT,
        "dnsNames": TEXTS,
        "ipAddresses": TEXTS,
        "duration": TEXT,
        "renewBefore": TEXT,
        "usages": {"type": "array", "items": {"enum": ["digital signature", "server auth"], **TEXT}},
        "issuerRef": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": TEXT, "kind": TEXT, "group": TEXT},
        },
        "privateKey": {
            "type": "object",
            "properties": {
                "algorithm": {"enum": ["RSA", "ECDSA", "Ed25519"], **TEXT},
                "rotationPolicy": {"enum": ["Never", "Always"], **TEXT},
                "size": {"type": "integer"},
            },
        },
    },
}
"""What the stack sets of it, as cert-manager's own definition has it (cert-manager, deploy/crds)."""
NAME = "certificates.cert-manager.io"
DEFINITION: Mapping[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": NAME},
    "spec": {
        "group": "cert-manager.io",
        "scope": "Namespaced",
        "names": {"kind": "Certificate", "plural": "certificates", "singular": "certificate"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC}}},
            }
        ],
    },
}


@pytest.fixture
def cluster(fresh: Deployment) -> Iterator[Cluster]:
    """The cluster, without the definition afterwards."""
    yield fresh.cluster
    fresh.cluster.kubectl("delete", "crd", NAME, "--ignore-not-found")


def issue(fresh: Deployment, authority: CertificateAuthority) -> None:
    """Wait for the Certificate, and put one into its Secret as cert-manager does."""
    name = f"{fresh.name}-server-tls"
    asked = ("get", "certificate.cert-manager.io", name, fresh.in_namespace)
    poll("the Certificate is there", 120, lambda: fresh.cluster.run(*asked).returncode == 0)
    spec = fresh.cluster.get(*asked[1:])["spec"]
    issued = authority.issue("server", name, names=spec["dnsNames"], addresses=spec["ipAddresses"])
    entries = {"tls.crt": issued.certificate, "tls.key": issued.key, "ca.crt": authority.certificate}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": spec["secretName"], "namespace": fresh.name},
        "data": {entry: base64.b64encode(file.read_bytes()).decode() for entry, file in entries.items()},
    }
    fresh.cluster.kubectl("create", "--filename=-", stdin=json.dumps(secret))


def scraped(vault: RunningVault) -> str:
    """What a Prometheus reads that follows the annotations of the one pod, and verifies it."""
    (pod,) = vault.pods()
    said = {
        name.removeprefix("prometheus.io/"): text for name, text in pod["metadata"]["annotations"].items()
    }
    assert said["scrape"] == "true"
    answer = vault.session().get(
        f"{said['scheme']}://{pod['status']['podIP']}:{said['port']}{said['path']}",
        params={"format": said["param_format"]},
        timeout=CALL_SECONDS,
    )
    assert answer.ok, answer.text
    return answer.text


def test_vault_waits_for_its_certificate_and_serves_it(
    fresh: Deployment, cluster: Cluster, tmp_path: Path
) -> None:
    fresh.configure(SETTINGS)
    result = fresh.stack.run("preview")
    assert result.returncode != 0
    assert "has no cert-manager. Nothing was changed" in result.stdout + result.stderr

    cluster.kubectl("create", "--filename=-", stdin=json.dumps(DEFINITION))
    cluster.kubectl("wait", f"crd/{NAME}", "--for=condition=Established", "--timeout=60s")
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    with ThreadPoolExecutor(1) as pool:
        issuing = pool.submit(issue, fresh, authority)
        fresh.up()
        issuing.result()
    assert fresh.outputs()["tls_ca"].strip() == authority.certificate.read_text().strip()
    vault = RunningVault(cluster, fresh.name, fresh.name, authority.certificate)
    assert vault.unsealed() == 1
    assert "vault_core_unsealed" in scraped(vault)
    dashboard = cluster.get("configmap", f"{fresh.name}-dashboard", fresh.in_namespace)
    assert json.loads(dashboard["data"][f"{fresh.name}-{fresh.name}.json"])["panels"]
    result = fresh.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr
