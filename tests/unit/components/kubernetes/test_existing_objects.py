"""Which objects of a stack are in the cluster, and the ids that Pulumi imports them with."""

from pathlib import Path

import pytest

from components.kubernetes.existing_objects import ExistingObjects
from components.planned_resource import PlannedResource
from components.resource_types import NETWORK_POLICY
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.kubectl_answers import TARGET, provide_answers

RELEASE = "kubernetes:helm.sh/v3:Release"


def planned(resource_type: str, **inputs: object) -> PlannedResource:
    return PlannedResource("urn", resource_type, "", inputs)


SECRET = planned(
    "kubernetes:core/v1:Secret",
    apiVersion="v1",
    kind="Secret",
    metadata={"name": "gcp-kms-sa", "namespace": "secrets"},
)


def test_object_of_a_namespace_has_both_names(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = provide_answers(monkeypatch)
    find = ExistingObjects(TARGET).finders[SECRET.type]
    assert find(SECRET) is None
    answers.objects["secret", "gcp-kms-sa"] = {}
    assert find(SECRET) == "secrets/gcp-kms-sa"
    policy = planned(
        NETWORK_POLICY,
        apiVersion="networking.k8s.io/v1",
        kind="NetworkPolicy",
        metadata={"name": "vault-server"},
    )
    assert ExistingObjects(TARGET).finders[policy.type](policy) is None
    answers.objects["networkpolicy.networking.k8s.io", "vault-server"] = {}
    assert ExistingObjects(TARGET).finders[policy.type](policy) == "secrets/vault-server"


@pytest.mark.parametrize(
    ("revisions", "identifier"), [("secret/sh.helm.release.v1.vault.v1", "secrets/vault"), ("", None)]
)
def test_release_is_there_if_helm_has_a_revision_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, revisions: str, identifier: str | None
) -> None:
    asked = tmp_path / "asked"
    only_commands(monkeypatch, tmp_path / "bin", kubectl=f'echo "$@" > {asked}; echo "{revisions}"')
    assert ExistingObjects(TARGET).finders[RELEASE](planned(RELEASE, name="vault")) == identifier
    assert "--namespace=secrets get secrets --selector=owner=helm,name=vault" in asked.read_text()
