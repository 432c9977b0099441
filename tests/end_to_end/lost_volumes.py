"""Takes volumes away from a deployment, and runs the commands that get its Vault back."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.end_to_end.audited_requests import require_audited
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.running_vault import poll

KEPT = {"kept": "yes"}


def lose_volumes(deployment: Deployment, ordinals: Sequence[int]) -> None:
    """Delete the volumes of these pods with all that is on them, and wait for the new pods."""
    pods = [f"{deployment.name}-{ordinal}" for ordinal in ordinals]
    claims = [f"pvc/data-{pod}" for pod in pods]
    cluster, before = deployment.cluster, _pods(deployment)
    cluster.kubectl("delete", *claims, deployment.in_namespace, "--wait=false")
    # At once, as nodes that are lost: pod by pod the others would take the new one in.
    names = [f"pod/{pod}" for pod in pods]
    cluster.kubectl("delete", *names, deployment.in_namespace, "--grace-period=0", "--force")
    poll(
        f"new pods and volumes for {', '.join(pods)}",
        120,
        lambda: all(_pods(deployment).get(pod, before[pod]) != before[pod] for pod in pods),
    )
    poll("every pod answers", 120, lambda: len(deployment.vault.seal_statuses()) == 3)


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


def _pods(deployment: Deployment) -> dict[str, str]:
    return {str(pod["metadata"]["name"]): str(pod["metadata"]["uid"]) for pod in deployment.vault.pods()}
