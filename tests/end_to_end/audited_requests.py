"""Makes a request of a Vault in the sandbox, and looks for its audit entries in the file and in the log."""

import uuid

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.running_vault import poll


def require_audited(deployment: Deployment, token: str) -> None:
    """Wait until a request's two entries are in some pod's file, and in its log; the token is in neither."""
    path = f"cubbyhole/{uuid.uuid4()}"
    pods = [str(pod["metadata"]["name"]) for pod in deployment.vault.pods()]
    deployment.vault.write(path, token, {"kept": "a secret of a test"})

    def arrived() -> bool:
        texts = [_file(deployment, pod) for pod in pods]
        logs = [deployment.cluster.kubectl("logs", pod, deployment.in_namespace) for pod in pods]
        for text in (*texts, *logs):
            assert token not in text
            assert "a secret of a test" not in text
        return all(max(text.count(f'"path":"{path}"') for text in kind) >= 2 for kind in (texts, logs))

    poll("both entries of a request are in both devices", 30, arrived)


def _file(deployment: Deployment, pod: str) -> str:
    command = ["/bin/sh", "-c", "cat /vault/audit/audit.log 2>/dev/null || :"]
    return deployment.cluster.kubectl(
        "exec", pod, deployment.in_namespace, "--container=vault", "--", *command
    )
