"""What runs in the sandbox, asked of Vault and Kubernetes, for a person to read."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import SandboxError
from sandbox.layout import REPOSITORY
from sandbox.stack import SandboxStack


@dataclass(frozen=True)
class PodSeal:
    """A Vault pod and what it says of its seal itself."""

    pod: str
    ready: bool
    seal: str
    """`unsealed (awskms)`, `sealed (awskms)`, or why it doesn't answer."""


def pod_seals(stack: SandboxStack, outputs: Mapping[str, Any]) -> Sequence[PodSeal]:
    """Every Vault pod, asked through the API server."""
    answer = _kubectl(stack, outputs, "get", "pods", "--selector=component=server", "--output=json")
    return [_pod_seal(stack, outputs, pod) for pod in json.loads(answer)["items"]]


def show_status(stack: SandboxStack) -> str:
    """Peers, seal state, where the UI is and what to type next.

    Raises :class:`SandboxError` where nothing is deployed.
    """
    outputs: dict[str, Any] = json.loads(stack.pulumi("stack", "output", "--json", quiet=True) or "{}")
    if "peers" not in outputs:
        raise SandboxError("Nothing is deployed in the sandbox. Run `make up`.")
    seals = {pod.pod: pod for pod in pod_seals(stack, outputs)}
    rows = [("POD", "ADDRESS", "RAFT", "READY", "SEAL")]
    for peer in outputs["peers"]:
        pod = seals.get(peer["node_id"])
        role = "leader" if peer["leader"] else "voter" if peer["voter"] else "non-voter"
        ready = "-" if pod is None else "yes" if pod.ready else "no"
        rows.append((peer["node_id"], peer["address"], role, ready, pod.seal if pod else "no such pod"))
    return "\n".join(
        [
            _table(rows),
            "",
            f"Vault {outputs['vault_version']}, seal {outputs['seal_type']}, cluster {outputs['cluster_id']}",
            f"UI: {outputs['user_interface']}",
            "    (the UI's pages are not in a Vault that is built from its Go module; the API answers there)",
            "Next:",
            f"    . {_relative(stack.layout.home / 'environment.sh')}",
            "        (puts pulumi, kubectl, helm and vault of the sandbox on PATH, and leads them to it)",
            "    pulumi preview",
            "    pulumi stack output root_token --show-secrets",
            "    make down",
            "        (stops and wipes everything; tools and images stay)",
        ]
    )


def write_environment(stack: SandboxStack) -> None:
    """Write a file that leads a shell's pulumi, kubectl, helm and vault to the sandbox. Of mode 0600."""
    path = stack.layout.home / "environment.sh"
    environment = stack.environment()
    environment |= {
        "KUBECONFIG": str(stack.kubeconfig),
        "PATH": f"{environment['PATH']}:{stack.tools.vault.parent}",
        "PULUMI_STACK": stack.name,
        # The engine takes any flag from PULUMI_OPTION_<FLAG>. Without these two, plain commands would read
        # and write the tracked Pulumi.<stack>.yaml, and `pulumi stack rm` would delete it.
        "PULUMI_OPTION_CONFIG_FILE": str(stack.configuration_file),
        "PULUMI_OPTION_PRESERVE_CONFIG": "true",
    }
    names = [
        *("PATH", "KUBECONFIG"),
        *(name for name in environment if name.startswith(("PULUMI_", "HELM_"))),
        *stack.cloud_environment,
    ]
    path.touch(mode=0o600)
    lines = [f"export {name}={_quoted(environment[name])}" for name in names]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _pod_seal(stack: SandboxStack, outputs: Mapping[str, Any], pod: Mapping[str, Any]) -> PodSeal:
    name = pod["metadata"]["name"]
    conditions = pod["status"].get("conditions", [])
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    # The API server trusts whatever certificate a pod has there.
    server = f"https:{name}:8200" if outputs.get("tls_ca") else f"{name}:8200"
    path = f"/api/v1/namespaces/{outputs['namespace']}/pods/{server}/proxy/v1/sys/seal-status"
    try:
        status = json.loads(_kubectl(stack, outputs, "get", "--raw", path))
    except SandboxError as error:
        return PodSeal(name, ready, str(error).splitlines()[-1])
    state = "sealed" if status["sealed"] else "unsealed"
    return PodSeal(name, ready, f"{state} ({status['type']})")


def _kubectl(stack: SandboxStack, outputs: Mapping[str, Any], *arguments: str) -> str:
    target = outputs["pod_access"]["target"]
    result = subprocess.run(
        [
            str(stack.tools.kubectl),
            f"--kubeconfig={target['kubeconfig']}",
            f"--context={target['context']}",
            f"--namespace={target['namespace']}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if result.returncode != 0:
        raise SandboxError(f"kubectl {arguments[0]} failed: {result.stderr.strip()}")
    return result.stdout


def _relative(path: Path) -> str:
    """As a person in the repository would type it."""
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
