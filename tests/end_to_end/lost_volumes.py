"""Takes volumes away from a deployment, and runs the commands that get its Vault back."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.running_vault import poll

KEPT = {"kept": "yes"}


def run_command(deployment: Deployment, *arguments: str) -> str:
    """What a command of the program says, which has to succeed."""
    result = subprocess.run(
        [sys.executable, "-m", "components", *arguments],
        cwd=deployment.stack.program,
        env={**deployment.stack.environment(), "PULUMI_STACK": deployment.stack.name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


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
        run_command(deployment, "snapshot", str(snapshot))
    else:
        snapshot = scheduled(folder)
    vault.write("cubbyhole/later", token, KEPT)

    lose_volumes(deployment, range(3))
    result = deployment.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert "Vault has lost all its data" in result.stdout + result.stderr
    assert initialized(deployment) == [False] * 3
    said = run_command(deployment, "restore", "--really", deployment.stack.name, str(snapshot))
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
    generated = run_command(deployment, "generate-root").splitlines()[-1]
    assert generated


def _pods(deployment: Deployment) -> dict[str, str]:
    return {str(pod["metadata"]["name"]): str(pod["metadata"]["uid"]) for pod in deployment.vault.pods()}
