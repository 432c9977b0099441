"""The namespace of Vault, as the engine is asked for it."""

from typing import Any

import pulumi
import pulumi_kubernetes
import pytest

from components.vault_namespace import provision_namespace
from tests.unit.fakes.mocked_account import KUBERNETES_PROVIDER, NAMESPACE
from tests.unit.fakes.recorded_deployment import Deployment, deploy
from tests.unit.fakes.stack_settings import SHAMIR, parse


def provisioned(**settings: Any) -> tuple[Deployment, int]:
    """The deployment, and the number of resources that everything in the namespace depends on."""
    prerequisites: list[pulumi.Resource] = []

    def program() -> None:
        found = provision_namespace(parse({**SHAMIR, **settings}), pulumi_kubernetes.Provider("kubernetes"))
        prerequisites.extend(found.prerequisites)
        pulumi.export("name", found.name)

    return deploy({}, answers={}, outputs=lambda _: {}, program=program), len(prerequisites)


@pytest.mark.parametrize("protect", [True, False])
def test_namespace_is_created_and_protected_with_vaults_volumes(protect: bool) -> None:
    deployment, prerequisites = provisioned(namespace="secrets", protect=protect)
    namespace = deployment.only(NAMESPACE)
    assert namespace.inputs["metadata"] == {"name": "secrets"}
    assert namespace.provider.startswith(deployment.only(KUBERNETES_PROVIDER).urn)
    assert namespace.protect is protect
    assert (deployment.outputs, prerequisites) == ({"name": "secrets"}, 1)


def test_namespace_of_an_earlier_stack_is_the_same() -> None:
    namespace = provisioned()[0].only(NAMESPACE)
    assert namespace.alias_parents == {
        "urn:pulumi:test::vault-autounseal::vault-autounseal:vault:Release::vault"
    }


def test_existing_namespace_is_not_created() -> None:
    deployment, prerequisites = provisioned(createNamespace=False)
    assert deployment.of_type(NAMESPACE) == []
    assert (deployment.outputs, prerequisites) == ({"name": "vault"}, 0)
