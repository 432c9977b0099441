"""The pod that asks for injection, and what an injected one tells of its injector."""

import base64
from typing import Any

import pytest

from components.kubernetes.injected_pod import admission_probe, vault_address


def test_probe_asks_for_injection_in_the_namespace() -> None:
    metadata = admission_probe("secrets", "vault-k8s:1.5.0", {})["metadata"]
    assert metadata["namespace"] == "secrets"
    assert metadata["annotations"]["vault.hashicorp.com/agent-inject"] == "true"
    # The chart's webhooks leave the pods of injectors alone.
    assert metadata["labels"]["app.kubernetes.io/name"] != "vault-agent-injector"


def test_probe_meets_the_restricted_pod_security_standard() -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    spec = admission_probe("secrets", "vault-k8s:1.5.0", {})["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_probe_has_what_quotas_and_policies_on_images_ask_for() -> None:
    probe = admission_probe("secrets", "registry.example.com/vault-k8s:1.5.0", {})
    (container,) = probe["spec"]["containers"]
    assert container["image"] == "registry.example.com/vault-k8s:1.5.0"
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}


def pod(*env: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "probe"}, {"name": "vault-agent", "env": [*env]}]}}


def configuration(text: str) -> dict[str, Any]:
    return {"name": "VAULT_CONFIG", "value": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("injected", "address"),
    [
        ({"spec": {"containers": [{"name": "probe"}]}}, None),
        (
            pod({"name": "NAMESPACE", "valueFrom": {}}, configuration('{"vault": {"address": "a"}}')),
            "a",
        ),
        ({"spec": {"containers": [{"name": "vault-agent"}]}}, ""),
        (pod({"name": "VAULT_CONFIG", "value": "not base64"}), ""),
        (pod(configuration("not JSON")), ""),
        (pod(configuration("[]")), ""),
        (pod(configuration("{}")), ""),
    ],
)
def test_address_of_the_agents_vault(injected: dict[str, Any], address: str | None) -> None:
    assert vault_address(injected) == address
