"""Standalone on file storage, and from there to three voters by the way that the documents tell."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.layout import REPOSITORY
from tests.end_to_end.audited_requests import require_audited
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.running_vault import poll

INJECTOR_OFF: Mapping[str, object] = {"injector": {"enabled": False}}
STANDALONE = {**INJECTOR_OFF, "mode": "standalone"}
MIGRATED = {**INJECTOR_OFF, "mode": "ha", "storageMigratedTo": "raft"}


@pytest.fixture(scope="module")
def standalone(fresh_of_module: Deployment) -> Deployment:
    """One pod on file storage."""
    fresh_of_module.ensure(STANDALONE)
    return fresh_of_module


def migration_pod(deployment: Deployment) -> str:
    """The pod of docs/modes.md that moves the data, with the names of this deployment in place of `vault`."""
    document = (REPOSITORY / "docs" / "modes.md").read_text(encoding="utf-8")
    found = re.search(r"<<'POD'\n(.*?)\n   POD\n", document, re.DOTALL)
    assert found is not None
    pod = re.sub(r"^ {3}", "", found[1], flags=re.MULTILINE)
    return re.sub(r"\bvault-(0|internal)\b", rf"{deployment.name}-\1", pod)


def peers(deployment: Deployment) -> list[dict[str, Any]]:
    """The output of that name."""
    found: list[dict[str, Any]] = deployment.outputs()["peers"]
    return found


def test_one_pod_unseals_itself(standalone: Deployment) -> None:
    vault = standalone.vault
    (status,) = vault.seal_statuses()
    assert (status["type"], status["storage_type"], status["sealed"]) == ("awskms", "file", False)
    assert [(peer["node_id"], peer["leader"], peer.get("voter")) for peer in peers(standalone)] == [
        (f"{standalone.name}-0", True, None)
    ]
    assert f"service/{standalone.name} 8200" in standalone.outputs()["user_interface"]
    vault.delete_pods()
    poll("unsealed by itself", 60, lambda: vault.unsealed() == 1)
    require_audited(standalone, standalone.outputs()["root_token"])


def test_a_second_update_changes_nothing(standalone: Deployment) -> None:
    result = standalone.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_single_pod_is_replaced_by_a_change(standalone: Deployment) -> None:
    vault, token = standalone.vault, standalone.outputs()["root_token"]
    (before,) = vault.pods()
    vault.write("cubbyhole/before-the-change", token, {"kept": "yes"})
    standalone.configure({**STANDALONE, "podLabels": {"example.com/changed": "once"}})
    preview = standalone.stack.run("preview")
    assert f"so that Vault serves nobody until it is back: {standalone.name}-0" in preview.stdout
    standalone.up()
    (after,) = vault.pods()
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["metadata"]["labels"]["example.com/changed"] == "once"
    answer = vault.read("cubbyhole/before-the-change", token)
    assert answer is not None
    assert answer["data"] == {"kept": "yes"}
    require_audited(standalone, token)


@pytest.mark.parametrize("command", [("preview",), ("up", "--yes", "--skip-preview")])
def test_the_other_mode_is_refused(standalone: Deployment, command: tuple[str, ...]) -> None:
    standalone.configure({**INJECTOR_OFF, "mode": "ha"})
    result = standalone.stack.run(*command)
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert "Vault keeps its data in file storage here" in said
    assert "docs/modes.md" in said
    standalone.configure(STANDALONE)
    release = standalone.cluster.get("statefulset", standalone.name, standalone.in_namespace)
    assert release["spec"]["replicas"] == 1


def test_data_keys_and_tokens_move_to_three_voters(standalone: Deployment) -> None:
    before = standalone.outputs()
    vault, token = standalone.vault, before["root_token"]
    vault.write("cubbyhole/before", token, {"kept": "yes"})
    kubectl = standalone.cluster.kubectl
    kubectl("scale", "statefulset", standalone.name, standalone.in_namespace, "--replicas=0")
    kubectl("wait", "--for=delete", f"pod/{standalone.name}-0", standalone.in_namespace)
    kubectl("apply", standalone.in_namespace, "--filename=-", stdin=migration_pod(standalone))
    kubectl(
        *("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/vault-storage-migration"),
        *(standalone.in_namespace, "--timeout=60s"),
    )
    assert "All of the keys have been migrated" in kubectl(
        "logs", "vault-storage-migration", standalone.in_namespace
    )
    kubectl("delete", "pod", "vault-storage-migration", standalone.in_namespace)
    standalone.configure(MIGRATED)
    standalone.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    vault.await_healthy_voters(token)
    assert [(peer["node_id"], peer["voter"]) for peer in peers(standalone)] == [
        (f"{standalone.name}-{ordinal}", True) for ordinal in range(3)
    ]
    answer = vault.read("cubbyhole/before", token)
    assert answer is not None
    assert answer["data"] == {"kept": "yes"}
    after = standalone.outputs()
    assert after["recovery_shares"] == before["recovery_shares"]
    vault.delete_pods()
    vault.await_healthy_voters(token)


def test_release_is_handed_over_while_vault_runs(standalone: Deployment) -> None:
    stack, before = standalone.stack, standalone.vault.pods()
    standalone.configure({**MIGRATED, "release": False})
    refused = stack.run("up", "--yes", "--skip-preview")
    assert refused.returncode != 0
    assert "would now uninstall it" in refused.stdout + refused.stderr
    standalone.configure({**MIGRATED, "release": "handover"})
    stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    standalone.configure({**MIGRATED, "release": False})
    stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    stack.pulumi("preview", "--expect-no-changes", quiet=True)
    assert [pod["metadata"]["uid"] for pod in standalone.vault.pods()] == [
        pod["metadata"]["uid"] for pod in before
    ]
