"""The resource that verifies the injector's webhook, with a script in the place of kubectl."""

import base64
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.injector_admission import InjectorAdmissionProvider
from components.kubernetes.injected_pod import admission_probe
from components.kubernetes.kubectl import KubernetesTarget
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

OWN_VAULT, OTHER_VAULT = "http://vault.secrets.svc:8200", "http://vault.vault.svc:8200"
PLAIN = json.dumps({"spec": {"containers": [{"name": "probe"}]}})


def injected(address: str) -> str:
    """A pod that an injector has changed, for the Vault at that address."""
    configuration = base64.b64encode(json.dumps({"vault": {"address": address}}).encode()).decode()
    agent = {"name": "vault-agent", "env": [{"name": "VAULT_CONFIG", "value": configuration}]}
    return json.dumps({"spec": {"containers": [{"name": "probe"}, agent]}})


INJECTED = injected(OWN_VAULT)
OWN_FAILED = 'Error from server (InternalError): failed calling webhook "vault.hashicorp.com": timed out'


def inputs(**changed: Any) -> dict[str, Any]:
    target = KubernetesTarget(kubeconfig="", context="here", namespace="secrets")
    return {
        "target": target.to_properties(),
        "deployment": "vault-agent-injector",
        "port": 8080,
        "release_revision": 1,
        "webhook_seconds": 0.3,
        **changed,
    }


LABELS = {"app.kubernetes.io/name": "vault-agent-injector"}
TEMPLATE: Mapping[str, Any] = {
    "spec": {
        "containers": [
            {
                "name": "sidecar-injector",
                "image": "registry.example.com/vault-k8s:1.5.0",
                "env": [{"name": "AGENT_INJECT_VAULT_ADDR", "value": OWN_VAULT}],
            }
        ]
    }
}


def failing(
    folder: Path, probe: str, *, ready: int = 0, log: str = "bad flag", host: bool = False, **pod: Any
) -> str:
    """A kubectl that tells of the injector, its readiness and its pod, and sends the probe nowhere."""
    objects = KubernetesObjects(folder / "objects")
    template = {"spec": {**TEMPLATE["spec"], "hostNetwork": host}}
    objects.put(
        "deployment",
        "vault-agent-injector",
        spec={"selector": {"matchLabels": LABELS}, "template": template},
        status={"readyReplicas": ready} if ready else {},
    )
    if pod:
        objects.put("pod", "injector-1", metadata={"labels": LABELS}, **pod)
    return (
        'case "$*" in\n'
        f"*' create '*) {probe};;\n"
        f"*' logs --selector=app.kubernetes.io/name=vault-agent-injector '*) echo '{log}';;\n"
        f"*' logs injector-1 --container=sidecar-injector '*) echo '{log}';;\n"
        f"*' get '*) {objects.script};;\n"
        "*) exit 1;;\n"
        "esac"
    )


def test_probe_is_a_dry_run_in_the_namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written = tmp_path / "arguments"
    probe = f"echo \"$*\" > '{written}'; /bin/cat > '{tmp_path / 'pod'}'; echo '{INJECTED}'"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=failing(tmp_path, probe))
    result = InjectorAdmissionProvider().create(inputs())
    assert (result.id, result.outs) == ("secrets/vault-agent-injector", inputs())
    assert "create --dry-run=server" in written.read_text()
    pod = json.loads((tmp_path / "pod").read_text())
    assert pod == admission_probe("secrets", "registry.example.com/vault-k8s:1.5.0", {})


def test_create_waits_for_the_webhook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    probe = f"if [ -e '{asked}' ]; then echo '{INJECTED}'; else echo '{PLAIN}'; : > '{asked}'; fi"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=failing(tmp_path, probe))
    assert InjectorAdmissionProvider().create(inputs(webhook_seconds=20)).outs is not None
    assert asked.exists()


def test_injector_that_another_one_comes_before_is_verified_by_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = "[INFO]  handler: Request received: Method=POST URL=/mutate?timeout=30s"
    script = failing(tmp_path, f"echo '{injected(OTHER_VAULT)}'", log=log)
    only_commands(monkeypatch, tmp_path, kubectl=script)
    InjectorAdmissionProvider().create(inputs())
    said = capfd.readouterr().err
    assert f"go to the Vault at {OTHER_VAULT}" in said
    assert f"vault.hashicorp.com/service: {OWN_VAULT}" in said


def test_injection_by_another_injector_proves_nothing_of_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = failing(tmp_path, f"echo '{injected(OTHER_VAULT)}'", ready=1, log="Listening on :8080")
    only_commands(monkeypatch, tmp_path, kubectl=script)
    with pytest.raises(DeploymentError) as raised:
        InjectorAdmissionProvider().create(inputs())
    assert "doesn't reach its webhook: another injector, of the Vault at http://vault.vault.svc:8200" in str(
        raised.value
    )


def test_agent_that_does_not_say_its_vault_counts_as_this_injectors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pod = json.dumps({"spec": {"containers": [{"name": "vault-agent"}]}})
    only_commands(monkeypatch, tmp_path, kubectl=failing(tmp_path, f"echo '{pod}'"))
    assert InjectorAdmissionProvider().create(inputs()).outs == inputs()


@pytest.mark.parametrize(
    "refusal",
    [
        'Error from server (Forbidden): error when creating "STDIN": pods "a" is forbidden: exceeded quota',
        'Error from server: error when creating "STDIN": admission webhook "kyverno" denied the request',
        'Error from server (InternalError): failed calling webhook "validate.kyverno.svc-fail": refused',
        'Error from server (BadRequest): admission webhook "istio" does not support dry run',
        "error: You must be logged in to the server (Unauthorized)",
    ],
)
def test_probe_that_is_refused_is_no_webhook_that_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refusal: str
) -> None:
    probe = f"echo {shlex.quote(refusal)} >&2; exit 1"
    only_commands(monkeypatch, tmp_path, kubectl=failing(tmp_path, probe, ready=1))
    with pytest.raises(DeploymentError) as raised:
        InjectorAdmissionProvider().create(inputs())
    assert f"is unknown, as the pod that would show it isn't admitted: {refusal}\n" in str(raised.value)
    assert "set injector.verify to false" in str(raised.value)
    assert "Let TCP" not in str(raised.value)


@pytest.mark.parametrize(
    ("probe", "state"),
    [
        (f"echo '{PLAIN}'", "the API server admitted a pod without asking the webhook"),
        ("echo 'context deadline exceeded' >&2; exit 1", "context deadline exceeded"),
        (
            f"echo '{OWN_FAILED}' >&2; exit 1",
            OWN_FAILED,
        ),
    ],
)
def test_webhook_that_is_not_reached_names_the_port(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, probe: str, state: str
) -> None:
    only_commands(monkeypatch, tmp_path, kubectl=failing(tmp_path, probe, ready=1))
    with pytest.raises(DeploymentError) as raised:
        InjectorAdmissionProvider().create(inputs(port=9443.0))
    assert f"the control plane doesn't reach its webhook: {state}." in str(raised.value)
    assert "Let TCP 9443 through from the control plane to the nodes" in str(raised.value)
    assert "nodeSecurityGroupIds" in str(raised.value)
    assert "Calico, Cilium or Weave" in str(raised.value)
    assert "set injector.hostNetwork to true" in str(raised.value)


def test_webhook_on_the_nodes_network_that_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only_commands(monkeypatch, tmp_path, kubectl=failing(tmp_path, f"echo '{PLAIN}'", ready=1, host=True))
    with pytest.raises(DeploymentError) as raised:
        InjectorAdmissionProvider().create(inputs())
    assert "With injector.hostNetwork the port is one of the node" in str(raised.value)
    assert "Calico" not in str(raised.value)


CRASHED = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 2}}}
NOT_PULLED = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "denied"}}}


@pytest.mark.parametrize(
    ("container", "told"),
    [
        (
            CRASHED,
            [
                "injector-1: CrashLoopBackOff (it ended with exit code 2)",
                "The last log lines of injector-1:",
                "bad flag",
            ],
        ),
        (NOT_PULLED, ["injector-1: ImagePullBackOff: denied"]),
    ],
)
def test_injector_that_does_not_start_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, container: Mapping[str, Any], told: list[str]
) -> None:
    script = failing(tmp_path, f"echo '{PLAIN}'", status={"containerStatuses": [container]})
    only_commands(monkeypatch, tmp_path, kubectl=script)
    with pytest.raises(DeploymentError) as raised:
        InjectorAdmissionProvider().create(inputs())
    assert str(raised.value).splitlines() == ["The injector vault-agent-injector isn't ready:", *told]


def test_injector_that_may_not_be_created(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = failing(tmp_path, f"echo '{PLAIN}'")
    refusal = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    KubernetesObjects(tmp_path / "objects").put(
        "deployment", "vault-agent-injector", status={"conditions": [refusal]}
    )
    only_commands(monkeypatch, tmp_path, kubectl=script)
    with pytest.raises(DeploymentError, match="a pod of vault-agent-injector: not created: exceeded quota"):
        InjectorAdmissionProvider().create(inputs())


def test_wait_for_the_injector_tells_why_it_does_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = tmp_path / "asked"
    probe = f"if [ -e '{asked}' ]; then echo '{INJECTED}'; else echo '{PLAIN}'; : > '{asked}'; fi"
    script = failing(tmp_path, probe, status={"containerStatuses": [NOT_PULLED]})
    only_commands(monkeypatch, tmp_path, kubectl=script)
    # A line is due at once.
    monkeypatch.setattr("components.progress.LINE_SECONDS", 0)
    InjectorAdmissionProvider().create(inputs(webhook_seconds=60))
    assert "webhook: injector-1: ImagePullBackOff: denied" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("exit 0", "The injector vault-agent-injector doesn't exist"),
        ("echo 'deployments is forbidden' >&2; exit 1", "can't be looked at: deployments is forbidden"),
    ],
)
def test_injector_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str, message: str
) -> None:
    script = f"case \"$*\" in *' create '*) echo '{PLAIN}';; *) {answer};; esac"
    only_commands(monkeypatch, tmp_path, kubectl=script)
    with pytest.raises(DeploymentError, match=message):
        InjectorAdmissionProvider().create(inputs())


def test_update_verifies_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl=failing(tmp_path, f"echo '{INJECTED}'"))
    news = inputs(release_revision=2)
    assert InjectorAdmissionProvider().update("id", inputs(), news).outs == news


def test_read_loses_nothing() -> None:
    assert InjectorAdmissionProvider().read("id", inputs()).outs == inputs()


@pytest.mark.parametrize(
    ("changed", "changes"), [({}, False), ({"release_revision": 2}, True), ({"port": 9443}, True)]
)
def test_diff_compares_the_inputs_and_never_replaces(changed: Mapping[str, Any], changes: bool) -> None:
    olds = {**inputs(), "__provider": "a reference"}
    news = {**olds, **changed}
    result = InjectorAdmissionProvider().diff("id", olds, news)
    assert result.changes is changes
    assert not result.replaces
