"""Why pods aren't created, in the words of a real API server and its controllers.

The pods are the chart's, with the program's values or with none. No node is there to run them.
"""

import base64
import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.kubectl import Kubectl, KubernetesTarget
from components.kubernetes.pod_state import deployment_pods, grouped_problems, stateful_set_pods
from components.seals.seal import PodRequirements, SecretMount
from components.status.facts import Facts, RecordedStack
from components.status.observation import TOGETHER_SECONDS, observe
from components.status.sections import page_of
from components.vault.chart_values import chart_values
from components.vault.pod_access import PodAccess
from components.vault.server_identity import VOLUME
from sandbox.certificates import CertificateAuthority
from sandbox.processes import wait_until
from tests.built_tools import built_tools
from tests.integration.control_plane import ControlPlane
from tests.unit.fakes.observed_vault import outputs
from tests.unit.fakes.stack_settings import SHAMIR, parse

Render = Callable[..., dict[tuple[str, str], Any]]

INJECTOR = "vault-agent-injector"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
OWN_VALUES = chart_values(parse(SHAMIR), configuration='storage "raft" {}', pods=PodRequirements())


@pytest.fixture
def installed(
    control_plane: ControlPlane, render_chart: Render, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Kubectl]:
    """A function that applies the chart's workloads in a namespace that exists."""
    monkeypatch.setenv("PATH", str(built_tools().kubectl.parent), prepend=":")

    def install(namespace: str, **values: Any) -> Kubectl:
        rendered = render_chart(namespace=namespace, **values)
        workloads = [
            document
            for (kind, _), document in rendered.items()
            if kind in ("ConfigMap", "Deployment", "ServiceAccount", "StatefulSet")
        ]
        documents = json.dumps({"apiVersion": "v1", "kind": "List", "items": workloads})
        control_plane.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=documents)
        return Kubectl(KubernetesTarget(str(control_plane.kubeconfig), "here", namespace))

    return install


def problems(kubectl: Kubectl) -> str:
    """What is said of Vault's pods, and then of the injector's."""
    injector = kubectl.get("deployment", INJECTOR)
    assert injector is not None
    return "\n".join(
        grouped_problems([*stateful_set_pods(kubectl, "vault"), *deployment_pods(kubectl, injector)])
    )


def await_problems(kubectl: Kubectl, *beginnings: str) -> None:
    """Wait until there are as many lines, which begin so."""

    def told() -> bool:
        lines = problems(kubectl).splitlines()
        return len(lines) == len(beginnings) and all(map(str.startswith, lines, beginnings))

    wait_until(" and ".join(beginnings), 60, told)


def test_pods_of_the_program_pass_pod_security_restricted(
    control_plane: ControlPlane, installed: Callable[..., Kubectl]
) -> None:
    control_plane.kubectl("create", "namespace", "ours")
    control_plane.kubectl("label", "namespace", "ours", RESTRICTED)
    kubectl = installed("ours", values=OWN_VALUES)
    # Without a scheduler they stay so.
    await_problems(kubectl, f"vault-0, vault-1, vault-2, {INJECTOR}-")
    assert problems(kubectl).endswith(": Pending")


def test_pods_that_pod_security_refuses(
    control_plane: ControlPlane, installed: Callable[..., Kubectl]
) -> None:
    control_plane.kubectl("create", "namespace", "default-contexts")
    control_plane.kubectl("label", "namespace", "default-contexts", RESTRICTED)
    kubectl = installed("default-contexts", settings={"server.ha.replicas": 3, "injector.enabled": True})
    await_problems(
        kubectl,
        "vault-0, vault-1, vault-2: not created: create Pod vault-",
        f"a pod of {INJECTOR}: not created: pods ",
    )
    assert problems(kubectl).count('violates PodSecurity "restricted:latest": ') == 2


def test_pods_that_a_quota_refuses_until_it_is_gone(
    control_plane: ControlPlane, installed: Callable[..., Kubectl]
) -> None:
    control_plane.kubectl("create", "namespace", "full")
    control_plane.kubectl("create", "quota", "none", "--namespace=full", "--hard=pods=0")
    kubectl = installed("full", values=OWN_VALUES)
    await_problems(
        kubectl,
        "vault-0, vault-1, vault-2: not created: create Pod vault-",
        f"a pod of {INJECTOR}: not created: pods ",
    )
    assert problems(kubectl).count("forbidden: exceeded quota: none, requested: pods=1, used: pods=0") == 2
    control_plane.kubectl("delete", "quota", "none", "--namespace=full")
    # The controllers try again by themselves, but more and more rarely.
    control_plane.kubectl("annotate", "statefulset,replicaset", "--all", "tried=again", "--namespace=full")
    await_problems(kubectl, f"vault-0, vault-1, vault-2, {INJECTOR}-")


def observed(control_plane: ControlPlane, namespace: str, kubeconfig: Path | None = None) -> Facts:
    """What the command for the status sees of a stack with TLS."""
    target = KubernetesTarget(str(kubeconfig or control_plane.kubeconfig), "here", namespace)
    access = PodAccess(target, "vault", address="", server_name=f"vault-active.{namespace}.svc")
    stack = RecordedStack.from_outputs(outputs(pod_access=access.to_properties(), seal_type="shamir"))
    return observe(stack, datetime.now(UTC))


def test_status_of_pods_that_are_not_created_and_of_their_certificate(
    control_plane: ControlPlane, installed: Callable[..., Kubectl], tmp_path: Path
) -> None:
    control_plane.kubectl("create", "namespace", "seen")
    assert observed(control_plane, "seen").release is None
    control_plane.kubectl("create", "quota", "none", "--namespace=seen", "--hard=pods=0")
    settings = parse({**SHAMIR, "tls": '{"source": "secret", "secret": "its-own"}'})
    kubectl = installed(
        "seen", values=chart_values(settings, configuration='storage "raft" {}', pods=_with_tls())
    )
    await_problems(
        kubectl, "vault-0, vault-1, vault-2: not created: create Pod vault-", f"a pod of {INJECTOR}: "
    )
    facts = observed(control_plane, "seen")
    assert all("exceeded quota" in pod.kubernetes for pod in facts.pods)
    assert facts.secret is not None
    assert facts.secret.problem == "it isn't there"
    assert page_of(facts).exit_code == 1

    issued = CertificateAuthority.load_or_create(tmp_path, "test").issue("server", "server")
    entries = {"tls.crt": issued.certificate, "tls.key": issued.key}
    data = {name: base64.b64encode(file.read_bytes()).decode() for name, file in entries.items()}
    annotations = {"cert-manager.io/certificate-name": "its-own"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "its-own", "annotations": annotations},
        "type": "kubernetes.io/tls",
        "data": data,
    }
    # As people do, after which an annotation has the key as well.
    control_plane.kubectl("apply", "--namespace=seen", "--filename=-", stdin=json.dumps(secret))
    found = observed(control_plane, "seen").secret
    assert found is not None
    assert found.certificate is not None
    assert (found.request, found.by_stack) == ("its-own", False)


def test_status_comes_in_time_though_the_api_server_says_nothing(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(built_tools().kubectl.parent), prepend=":")
    kubeconfig = tmp_path / "kubeconfig"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}"
        kubeconfig.write_text(control_plane.kubeconfig.read_text().replace(control_plane.server, address))
        began = time.monotonic()
        facts = observed(control_plane, "seen", kubeconfig)
    assert time.monotonic() - began < TOGETHER_SECONDS
    assert "took longer than" in facts.unreachable
    assert page_of(facts).exit_code == 2
    refused = observed(control_plane, "seen", kubeconfig)
    assert "refused" in refused.unreachable


def _with_tls() -> PodRequirements:
    return replace(PodRequirements(), secret_mounts=(SecretMount(VOLUME, "its-own", "/vault/tls"),))
