"""The file for pulumi import: which resources are in it, and with which ids."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.commands.import_state import (
    Import,
    ImportFile,
    ImportSpec,
    completed,
    finder,
    require_key,
    run,
)
from components.errors import DeploymentError
from components.kubernetes.kubectl import KubernetesTarget
from components.planned_resource import Plan, PlannedResource
from components.resource_types import KUBERNETES_IDENTITY
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.kubectl_answers import provide_answers

PREFIX = "urn:pulumi:prod::vault-autounseal"
UNSEAL_KEY = "vault-autounseal:aws:UnsealKey"
KEY, ALIAS, NAMESPACE = "aws:kms/key:Key", "aws:kms/alias:Alias", "kubernetes:core/v1:Namespace"
PROVIDER = "pulumi:providers:kubernetes"
TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="vault")


def planned(types: str, name: str, **inputs: object) -> PlannedResource:
    return PlannedResource(f"{PREFIX}::{types}::{name}", types.rpartition("$")[2], "", inputs)


RESOURCES = (
    planned(f"{UNSEAL_KEY}${KEY}", "unseal-key"),
    planned(f"{UNSEAL_KEY}${ALIAS}", "unseal-key"),
    planned(NAMESPACE, "vault", kind="Namespace", metadata={"name": "vault"}),
    planned(KUBERNETES_IDENTITY, "kubernetes-identity", target=TARGET.to_properties()),
)
COMPONENT: ImportSpec = {"type": UNSEAL_KEY, "name": "unseal-key", "component": True}
# Pulumi makes names unique (pkg/cmd/pulumi/operations/preview.go).
OWN: Sequence[ImportSpec] = (
    {"type": KEY, "name": "unseal-keyKey", "logicalName": "unseal-key", "id": "?", "parent": "unseal-key"},
    {"type": ALIAS, "name": "unseal-keyAlias", "logicalName": "unseal-key", "parent": "unseal-key"},
    {"type": NAMESPACE, "name": "vault", "id": "?"},
)
IDS = {resource.urn: identifier for resource, identifier in zip(RESOURCES, ("1234", "alias/a"), strict=False)}


def file(*specs: ImportSpec, **table: str) -> ImportFile:
    return {"nameTable": table, "resources": [*specs]}


def find(resource: PlannedResource) -> str | None:
    return IDS.get(resource.urn)


def test_what_exists_gets_its_id_and_the_rest_is_left_out() -> None:
    result = completed(file(COMPONENT, *OWN), Plan(RESOURCES), find)
    assert result.found == IDS
    assert result.missing == [RESOURCES[2].urn]
    assert result.file["resources"] == [COMPONENT, {**OWN[0], "id": "1234"}, {**OWN[1], "id": "alias/a"}]


def test_providers_are_imported_with_their_inputs() -> None:
    provider: ImportSpec = {"type": PROVIDER, "name": "kubernetes"}
    result = completed(file(provider), Plan(RESOURCES), find)
    assert result.file["resources"] == [provider]
    assert not result.found


def test_parent_that_the_state_has_already() -> None:
    table = {"unseal-key": f"{PREFIX}::{UNSEAL_KEY}::unseal-key"}
    result = completed(file(OWN[1], **table), Plan(RESOURCES), find)
    assert result.file == {"nameTable": table, "resources": [{**OWN[1], "id": "alias/a"}]}


def test_what_the_state_alone_has_is_neither_looked_for_nor_missed() -> None:
    dynamic: ImportSpec = {"type": KUBERNETES_IDENTITY, "name": "kubernetes-identity", "id": "?"}
    result = completed(file(dynamic), Plan(RESOURCES), find)
    assert result.file["resources"] == []
    assert not result.missing


def test_objects_of_the_cluster_are_looked_for_where_the_stack_is(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = provide_answers(monkeypatch)
    look = finder(Plan(RESOURCES))
    assert look(RESOURCES[2]) is None
    answers.objects["namespace", "vault"] = {}
    assert look(RESOURCES[2]) == "vault"


RELEASE_URN = f"{PREFIX}::vault-autounseal:vault:Release$kubernetes:helm.sh/v3:Release::vault"
STORE_KEY_URN = f"{PREFIX}::vault-autounseal:aws:KeyStore${KEY}::key-store"
GOOGLE_KEY_URN = f"{PREFIX}::vault-autounseal:gcp:UnsealKey$gcp:kms/cryptoKey:CryptoKey::google-unseal-key"


@pytest.mark.parametrize("urn", [RESOURCES[0].urn, GOOGLE_KEY_URN])
def test_vault_that_is_there_gets_no_new_key(urn: str) -> None:
    with pytest.raises(DeploymentError, match="A new key opens nothing"):
        require_key(Import(file(), {RELEASE_URN: "vault/vault"}, [urn]))


def test_key_may_be_new_before_the_release_or_for_the_secret() -> None:
    require_key(Import(file(), {STORE_KEY_URN: "1234"}, [RESOURCES[0].urn]))
    require_key(Import(file(), {RELEASE_URN: "vault/vault"}, [STORE_KEY_URN, RESOURCES[1].urn]))


def test_type_that_no_look_up_knows_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert finder(Plan(()))(planned("test:index:Unheard", "of")) is None
    assert "test:index:Unheard isn't looked for" in capfd.readouterr().err


def pulumi(monkeypatch: pytest.MonkeyPatch, folder: Path, printed: str, status: int = 0) -> None:
    """A pulumi that prints its preview, and writes the file that it is asked for."""
    (folder / "preview.json").write_text(printed)
    (folder / "skeleton.json").write_text(json.dumps(file(OWN[2])))
    script = f"""
    for argument in "$@"; do
        case $argument in --import-file=*) file="${{argument#--import-file=}}";; esac
    done
    /bin/cat {folder}/skeleton.json > "$file"; /bin/cat {folder}/preview.json; exit {status}
    """
    only_commands(monkeypatch, folder / "bin", pulumi=script)


def preview() -> str:
    steps = [{"urn": one.urn, "newState": {"type": one.type, "inputs": one.inputs}} for one in RESOURCES[2:]]
    return json.dumps({"steps": steps})


def test_file_is_written_with_what_to_do_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    provide_answers(monkeypatch).objects["namespace", "vault"] = {}
    pulumi(monkeypatch, tmp_path, preview())
    target = tmp_path / "import.json"
    run(argparse.Namespace(file=target))
    assert json.loads(target.read_text())["resources"] == [{**OWN[2], "id": "vault"}]
    said = capfd.readouterr().err
    assert "Found kubernetes:core/v1:Namespace vault: vault" in said
    assert f"pulumi import --file {target} --generate-code=false" in said


def test_nothing_is_written_if_nothing_exists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    provide_answers(monkeypatch)
    pulumi(monkeypatch, tmp_path, preview())
    with pytest.raises(DeploymentError, match="nothing to import"):
        run(argparse.Namespace(file=tmp_path / "import.json"))
    assert not (tmp_path / "import.json").exists()
    assert "Not found, so the next pulumi up creates it: kubernetes:core/v1:Namespace vault" in (
        capfd.readouterr().err
    )


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        ('{"diagnostics": [{"severity": "error", "message": "alias is wrong"}]}', "fix.*alias is wrong"),
        ("no JSON of a preview", "fails"),
    ],
)
def test_failing_preview_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, printed: str, text: str
) -> None:
    pulumi(monkeypatch, tmp_path, printed, status=255)
    with pytest.raises(DeploymentError, match=f"(?s){text}"):
        run(argparse.Namespace(file=tmp_path / "import.json"))
