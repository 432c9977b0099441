"""An object of Kubernetes' core API, as the engine is asked for it."""

import pulumi

from components.kubernetes.objects import KubernetesObject
from components.resource_types import NETWORK_POLICY
from tests.unit.fakes.recorded_deployment import deploy

PROPERTIES = {"metadata": {"name": "credentials", "namespace": "secrets"}, "data": {"key": "dmFsdWU="}}


def test_object_is_the_sdks_but_for_its_class() -> None:
    def program() -> None:
        secret = KubernetesObject("v1", "Secret", "google", PROPERTIES, pulumi.ResourceOptions(protect=True))
        pulumi.export("name", secret.metadata["name"])

    deployment = deploy({}, answers={}, outputs=lambda entry: entry.inputs, program=program)
    secret = deployment.only("kubernetes:core/v1:Secret")
    assert secret.inputs == {"apiVersion": "v1", "kind": "Secret", **PROPERTIES}
    assert (secret.name, secret.protect) == ("google", True)
    assert deployment.outputs == {"name": "credentials"}


def test_object_of_another_group_has_it_in_its_type() -> None:
    def program() -> None:
        KubernetesObject("networking.k8s.io/v1", "NetworkPolicy", "policy", {}, pulumi.ResourceOptions())

    deployment = deploy({}, answers={}, outputs=lambda entry: entry.inputs, program=program)
    policy = deployment.only(NETWORK_POLICY)
    assert policy.inputs == {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
