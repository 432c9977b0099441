"""The resource that verifies the injector's webhook, with a script in the place of kubectl."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.injector_admission import InjectorAdmissionProvider, admission_probe, is_injected
from components.kubernetes.kubectl import KubernetesTarget
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.kubernetes_objects import KubernetesObjects

PLAIN = json.dumps({"spec": {"containers": [{"name": "probe"}]}})
INJECTED = json.dumps({"spec": {"containers": [{"name": "probe"}, {"name": "vault-agent"}]}})


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


def test_probe_is_a_dry_run_in_the_namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    written = tmp_path / "arguments"
    script = f"echo \"$*\" > '{written}'; /bin/cat > '{tmp_path / 'pod'}'; echo '{INJECTED}'"
    only_commands(monkeypatch, folder, kubectl=script)
    result = InjectorAdmissionProvider().create(inputs())
    assert (result.id, result.outs) == ("secrets/vault-agent-injector", inputs())
    assert "create --dry-run=server" in written.read_text()
    pod = json.loads((tmp_path / "pod").read_text())
    assert pod == admission_probe("secrets")
    assert pod["metadata"]["namespace"] == "secrets"
    assert pod["metadata"]["annotations"]["vault.hashicorp.com/agent-inject"] == "true"


def test_probe_meets_the_restricted_pod_security_standard() -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    spec = admission_probe("secrets")["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(("pod", "injected"), [(PLAIN, False), (INJECTED, True)])
def test_is_injected(pod: str, injected: bool) -> None:
    assert is_injected(json.loads(pod)) is injected


def test_create_waits_for_the_webhook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder, asked = tmp_path / "commands", tmp_path / "asked"
    script = f"if [ -e '{asked}' ]; then echo '{INJECTED}'; else echo '{PLAIN}'; : > '{asked}'; fi"
    only_commands(monkeypatch, folder, kubectl=script)
    assert InjectorAdmissionProvider().create(inputs(webhook_seconds=20)).outs is not None
    assert asked.exists()


LABELS = {"app.kubernetes.io/name": "vault-agent-injector"}


def failing(folder: Path, probe: str, *, ready: int = 0, **pod: Any) -> str:
    """A kubectl that tells of the injector, its readiness and its pod, and sends the probe nowhere."""
    objects = KubernetesObjects(folder / "objects")
    objects.put(
        "deployment",
        "vault-agent-injector",
        spec={"selector": {"matchLabels": LABELS}},
        status={"readyReplicas": ready} if ready else {},
    )
    if pod:
        objects.put("pod", "injector-1", metadata={"labels": LABELS}, **pod)
    return (
        'case "$*" in\n'
        f"*' create '*) {probe};;\n"
        "*' logs injector-1 --container=sidecar-injector '*) echo 'bad flag';;\n"
        f"*' get '*) {objects.script};;\n"
        "*) exit 1;;\n"
        "esac"
    )


@pytest.mark.parametrize(
    ("probe", "state"),
    [
        (f"echo '{PLAIN}'", "the API server admitted a pod without asking the webhook"),
        ("echo 'context deadline exceeded' >&2; exit 1", "context deadline exceeded"),
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
    assert "nodeSecurityGroupId" in str(raised.value)


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
    only_commands(monkeypatch, tmp_path, kubectl=f"echo '{INJECTED}'")
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
