"""The security contexts of the chart's pods, and those that the program's values lead to."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.seals.seal import PodRequirements
from components.vault.chart_values import chart_values
from tests.integration.rendered_objects import INJECTOR, VAULT, container_of, pod_of
from tests.unit.fakes.stack_settings import SHAMIR, parse

Render = Callable[..., dict[tuple[str, str], Any]]

POD_CONTEXT = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
NO_CAPABILITIES = {"capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    ("workload", "path"),
    [(VAULT, "server.statefulSet.securityContext"), (INJECTOR, "injector.securityContext")],
)
def test_security_context_takes_the_place_of_the_default(
    render_chart: Render, workload: tuple[str, str], path: str, as_text: bool
) -> None:
    pod, container = (
        (json.dumps(POD_CONTEXT), json.dumps(NO_CAPABILITIES)) if as_text else (POD_CONTEXT, NO_CAPABILITIES)
    )
    rendered = render_chart({f"{path}.pod": pod, f"{path}.container": container})

    assert pod_of(rendered[workload])["securityContext"] == POD_CONTEXT
    assert container_of(rendered[workload])["securityContext"] == NO_CAPABILITIES


@pytest.mark.parametrize("workload", [VAULT, INJECTOR])
def test_pods_of_the_program_pass_the_restricted_standard(
    render_chart: Render, workload: tuple[str, str]
) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    values = chart_values(parse(SHAMIR), configuration='storage "raft" {}', pods=PodRequirements())
    rendered = render_chart(values=values)

    pod, container = pod_of(rendered[workload]), container_of(rendered[workload])
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {next(iter(volume.keys() - {"name"})) for volume in pod.get("volumes", ())} <= {
        *("configMap", "emptyDir", "projected", "secret")
    }
    assert not pod["hostNetwork"]
