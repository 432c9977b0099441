"""What the sandbox's chart makes of addresses, variables, commands and containers that a release adds."""

from collections.abc import Callable
from typing import Any

from tests.integration.rendered_objects import INJECTOR, VAULT, container_of, environment_of, pod_of

Render = Callable[..., dict[tuple[str, str], Any]]


def test_address_of_a_pod_may_be_given(render_chart: Render) -> None:
    rendered = render_chart({"server.ha.apiAddr": "https://$(VAULT_K8S_POD_NAME).{{ .Release.Name }}:8200"})
    variables = container_of(rendered[VAULT])["env"]
    names = [variable["name"] for variable in variables]
    assert variables[names.index("VAULT_API_ADDR")]["value"] == "https://$(VAULT_K8S_POD_NAME).vault:8200"
    # Kubernetes replaces only variables that come before.
    assert names.index("VAULT_K8S_POD_NAME") < names.index("VAULT_API_ADDR")


def test_injector_has_further_variables(render_chart: Render) -> None:
    authority = "-----BEGIN CERTIFICATE-----\nMII\n"
    rendered = render_chart({"injector.extraEnvironmentVars": {"AGENT_INJECT_VAULT_CACERT_BYTES": authority}})
    assert environment_of(rendered[INJECTOR])["AGENT_INJECT_VAULT_CACERT_BYTES"] == authority


def test_command_runs_beside_vault_as_it_is_given(render_chart: Render) -> None:
    command = ["/bin/sh", "-c", "for a in \"$@\"; do\n  echo '\\0' $a\ndone", "name"]
    lifecycle = container_of(render_chart({"server.postStart": command})[VAULT])["lifecycle"]
    assert lifecycle["postStart"] == {"exec": {"command": command}}
    assert "postStart" not in container_of(render_chart()[VAULT])["lifecycle"]


def test_pods_have_further_containers_that_see_vaults_processes(render_chart: Render) -> None:
    further = {"name": "further", "image": "hashicorp/vault:1.18.1", "command": ["true"]}
    rendered = render_chart({"server.extraContainers": [further], "server.shareProcessNamespace": True})
    pod = pod_of(rendered[VAULT])
    assert pod["shareProcessNamespace"] is True
    assert [container["name"] for container in pod["containers"]] == ["vault", "further"]
    assert pod["containers"][1] == further
    assert "shareProcessNamespace" not in pod_of(render_chart()[VAULT])
