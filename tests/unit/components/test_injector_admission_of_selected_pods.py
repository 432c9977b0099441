"""The verification of an injector whose webhook isn't asked about every pod."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.injector_admission import InjectorAdmissionProvider
from components.kubernetes.kubectl import KubernetesTarget
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

DEPLOYMENT = "vault-agent-injector"
INPUTS: Mapping[str, Any] = {
    "target": KubernetesTarget(kubeconfig="", context="here", namespace="secrets").to_properties(),
    "deployment": DEPLOYMENT,
    "port": 8080,
    "release_revision": 1,
    "webhook_seconds": 0.3,
}
SELECTOR = {"matchLabels": {"vault-injection": "enabled"}}
CONTAINER = {"name": "sidecar-injector", "image": "hashicorp/vault-k8s:1.5.0"}
PLAIN, INJECTED = '{"spec":{"containers":[]}}', '{"spec":{"containers":[{"name":"vault-agent"}]}}'


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """A cluster that injects pods with the label of ``SELECTOR`` only, and its injector, which is ready."""
    objects = KubernetesObjects(tmp_path / "objects")
    objects.put(
        "deployment",
        DEPLOYMENT,
        spec={"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": [CONTAINER]}}},
        status={"readyReplicas": 1},
    )
    objects.put("namespace", "secrets", metadata={"labels": {"kubernetes.io/metadata.name": "secrets"}})
    injects = f"""read -r pod; case "$pod" in
        *vault-injection*enabled*) echo '{INJECTED}';; *) echo '{PLAIN}';; esac"""
    script = f'case "$*" in *" create "*) {injects};; *) {objects.script};; esac'
    only_commands(monkeypatch, tmp_path / "commands", kubectl=script)
    return objects


def put_webhook(objects: KubernetesObjects, **selectors: Any) -> None:
    objects.put("mutatingwebhookconfiguration", f"{DEPLOYMENT}-cfg", webhooks=[selectors])


def test_pod_gets_the_labels_that_the_webhook_wants(objects: KubernetesObjects) -> None:
    put_webhook(objects, objectSelector=SELECTOR)
    assert InjectorAdmissionProvider().create({**INPUTS}).outs == INPUTS


def test_namespace_that_is_left_out_is_told_and_no_failure(
    objects: KubernetesObjects, capfd: pytest.CaptureFixture[str]
) -> None:
    put_webhook(objects, namespaceSelector=SELECTOR)
    assert InjectorAdmissionProvider().create({**INPUTS}).outs == INPUTS
    assert "isn't verified: by injector.namespaceSelector" in capfd.readouterr().err


def test_injector_that_is_not_ready_is_waited_for(objects: KubernetesObjects) -> None:
    put_webhook(objects, namespaceSelector=SELECTOR)
    objects.put("deployment", DEPLOYMENT, status={})
    with pytest.raises(DeploymentError, match="isn't ready"):
        InjectorAdmissionProvider().create({**INPUTS})


def test_webhook_that_takes_the_pod_and_is_not_asked(objects: KubernetesObjects) -> None:
    put_webhook(objects, namespaceSelector={"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
    ]})  # fmt: skip
    with pytest.raises(DeploymentError, match="without asking the webhook"):
        InjectorAdmissionProvider().create({**INPUTS})


def test_selectors_that_may_not_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, objects: KubernetesObjects
) -> None:
    script = (
        f"case \"$*\" in *' create '*) echo '{PLAIN}';; *mutatingwebhook*) echo 'is forbidden' >&2; exit 1;; "
        f"*) {objects.script};; esac"
    )
    only_commands(monkeypatch, tmp_path / "others", kubectl=script)
    with pytest.raises(DeploymentError, match="whose selectors can't be read: is forbidden"):
        InjectorAdmissionProvider().create({**INPUTS})
