"""The NetworkPolicy, as the engine is asked for it."""

from typing import Any

import pulumi
import pulumi_kubernetes

from components.network_policy import provision_network_policy
from components.resource_types import NETWORK_POLICY
from tests.unit.fakes.mocked_account import KUBERNETES_PROVIDER
from tests.unit.fakes.recorded_deployment import Deployment, deploy
from tests.unit.fakes.stack_settings import SHAMIR, parse


def provisioned(**settings: Any) -> tuple[Deployment, int]:
    """The deployment, and the number of resources that Vault's pods depend on."""
    prerequisites: list[pulumi.Resource] = []

    def program() -> None:
        provider = pulumi_kubernetes.Provider("kubernetes")
        found = provision_network_policy(parse({**SHAMIR, **settings}), provider, "secrets")
        prerequisites.extend(found.prerequisites)
        for name, output in found.outputs.items():
            pulumi.export(name, output)

    deployment = deploy({}, answers={}, outputs=lambda entry: entry.inputs, program=program)
    return deployment, len(prerequisites)


def test_there_is_no_policy_unless_set() -> None:
    deployment, prerequisites = provisioned()
    assert (deployment.of_type(NETWORK_POLICY), deployment.outputs, prerequisites) == ([], {}, 0)


def test_policy_is_in_vaults_namespace_beside_the_charts_own() -> None:
    deployment, prerequisites = provisioned(releaseName="blue", networkPolicy={"clients": ["shop"]})
    policy = deployment.only(NETWORK_POLICY)
    assert (policy.inputs["apiVersion"], policy.inputs["kind"]) == ("networking.k8s.io/v1", "NetworkPolicy")
    assert policy.inputs["metadata"] == {"name": "blue-vault-server", "namespace": "secrets"}
    assert policy.inputs["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "blue"
    assert policy.provider.startswith(deployment.only(KUBERNETES_PROVIDER).urn)
    assert (deployment.outputs, prerequisites) == ({"network_policy": "blue-vault-server"}, 1)
