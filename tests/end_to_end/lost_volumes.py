"""Takes volumes away from a deployment, and runs the commands that get its Vault back."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.end_to_end.audited_requests import require_audited
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.running_vault import poll

KEPT = {"kept": "yes"}


def lose_volumes(deployment: Deployment, ordinals: Sequence[int]) -> None:
    """Delete these pods with all that is on their volumes, and let new ones begin once no pod leads."""
    pods = [f"{deployment.name}-{ordinal}" for ordinal in ordinals]
    vault, addresses = deployment.vault, deployment.vault.addresses()
    lost = [addresses[ordinal] for ordinal in ordinals]
    left = [address for address in addresses if address not in lost]
    cluster, namespace = deployment.cluster, deployment.in_namespace
    controller = cluster.get("statefulset", deployment.name, namespace)
    # As nodes that stay away for some seconds: pod by pod, or within those in which the old leader or its
    # followers still run, the new ones would be taken in, and nothing were lost.
    cluster.kubectl("delete", "statefulset", deployment.name, namespace, "--cascade=orphan")
    cluster.kubectl("delete", *[f"pvc/data-{pod}" for pod in pods], namespace, "--wait=false")
    cluster.kubectl("delete", *[f"pod/{pod}" for pod in pods], namespace, "--grace-period=0", "--force")
    poll("the servers have ended", 60, lambda: not any(vault.ask(one, "sys/leader") for one in lost))
    poll("no pod leads", 60, lambda: all(_follows(vault.ask(one, "sys/leader")) for one in left))
    cluster.kubectl("create", "--filename=-", namespace, stdin=json.dumps(_anew(controller)))
    poll("every pod answers", 120, lambda: len(vault.seal_statuses()) == 3)


def _follows(leader: Mapping[str, Any] | None) -> bool:
    return leader is not None and not leader["is_self"]


def _anew(controller: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {name: controller["metadata"][name] for name in ("name", "labels", "annotations")}
    return {**{name: controller[name] for name in ("apiVersion", "kind", "spec")}, "metadata": kept}


def initialized(deployment: Deployment) -> list[bool]:
    """Whether each pod says that it is initialised."""
    return [bool(status["initialized"]) for status in deployment.vault.seal_statuses()]


def require_drill_passed(
    deployment: Deployment, folder: Path, scheduled: Callable[[Path], Path] | None = None
) -> None:
    """All volumes are lost; a snapshot, `up` and `restore` bring secret, shares and auto-unseal back.

    It is one that ``scheduled`` has taken and fetched into the folder, if that is given.
    """
    vault, token = deployment.vault, deployment.outputs()["root_token"]
    vault.await_healthy_voters(token)
    vault.write("cubbyhole/drill", token, KEPT)
    if scheduled is None:
        snapshot = folder / "vault.snap"
        deployment.run_command("snapshot", str(snapshot))
    else:
        snapshot = scheduled(folder)
    vault.write("cubbyhole/later", token, KEPT)

    lose_volumes(deployment, range(3))
    for operation, failed in ((("preview",), False), (("up", "--yes", "--skip-preview"), True)):
        result = deployment.stack.run(*operation)
        said = result.stdout + result.stderr
        assert (result.returncode != 0, "All of Vault's data is lost" in said) == (failed, True), said
    assert initialized(deployment) == [False] * 3
    restored = deployment.run_command("restore", "--really", deployment.stack.name, str(snapshot))
    said = restored.stdout + restored.stderr
    assert "The shares of that time unlock it" in said
    assert "3 healthy voters" in said
    outputs = deployment.outputs()
    assert not [key for key in (token, *outputs["recovery_shares"]) if key in said]

    result = deployment.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr
    vault.delete_pods()
    vault.await_healthy_voters(token)
    assert vault.unsealed() == 3
    answer = vault.read("cubbyhole/drill", token)
    assert answer is not None
    assert answer["data"] == KEPT
    assert vault.read("cubbyhole/later", token) is None
    require_audited(deployment, token)
    assert deployment.run_command("generate-root").stdout.strip()
