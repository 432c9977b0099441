"""An object of Kubernetes' core API, as the engine is asked for it."""

import pulumi

from components.kubernetes.objects import CoreObject
from tests.unit.fakes.recorded_deployment import deploy

PROPERTIES = {"metadata": {"name": "credentials", "namespace": "secrets"}, "data": {"key": "dmFsdWU="}}


def test_object_is_the_sdks_but_for_its_class() -> None:
    def program() -> None:
        secret = CoreObject("Secret", "google", PROPERTIES, pulumi.ResourceOptions(protect=True))
        pulumi.export("name", secret.metadata["name"])

    deployment = deploy({}, answers={}, outputs=lambda entry: entry.inputs, program=program)
    secret = deployment.only("kubernetes:core/v1:Secret")
    assert secret.inputs == {"apiVersion": "v1", "kind": "Secret", **PROPERTIES}
    assert (secret.name, secret.protect) == ("google", True)
    assert deployment.outputs == {"name": "credentials"}
