"""Looks for the keys, the root token and the key of the journal everywhere but where the custody keeps them.

What Vault itself has sealed can't be looked for: only Vault and the key service ever have it in plain.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.cluster.paths import ClusterPaths
from sandbox.layout import REPOSITORY
from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.faults.custodies import Custody
from tests.end_to_end.faults.engine_run import EngineRun
from tests.end_to_end.faults.kubernetes_api import KubernetesApi
from tests.end_to_end.faults.process_watch import ProcessWatch
from tests.end_to_end.faults.secret_scan import Finding, SecretScan

JOURNAL_PLACE = "the journal's Secret"
UP = ("up", "--yes", "--skip-preview", "--debug")
VERBOSE = ("--logtostderr", "-v=9")
ROUNDS_A_SECOND = 5
"""How often processes and files have to be looked at: what lives for a fifth of a second is seen."""
QUESTIONS = (
    ("preview", "--diff"),
    ("refresh", "--yes", "--skip-preview"),
    ("stack", "output", "--json"),
    ("stack", "export"),
    ("stack", "history", "--json"),
    ("config", "--json"),
)
"""What a person may ask the engine afterwards without asking for secrets."""

JournalKey = Callable[[Deployment, Mapping[str, Any]], str]
"""The plain key of a journal, base64, had as Vault's identity has it, for an entry of that journal."""


def require_nowhere_else(
    deployment: Deployment, custody: Custody, folder: Path, journal_key: JournalKey
) -> None:
    """Deploys with this custody, and fails where a secret is found that doesn't belong there."""
    deployment.configure({**ONE_POD, **custody.settings(deployment, folder)})
    temporary, kept = folder / "temporary", folder / "kept"
    for place in (temporary, kept):
        place.mkdir()
    seen = watched_update(deployment, custody, temporary, kept)
    said = [(" ".join(question), ask(deployment, question)) for question in QUESTIONS]

    keys = custody.read(deployment, folder)
    assert keys.root_token.startswith("hvs.")
    scan = SecretScan.of(
        {**keys.by_name(), "key of the journal": journal_key(deployment, journal_entry(seen))}
    )
    findings = [
        *found_in(scan, [*seen, *said, *pod_logs(deployment), *objects(deployment)]),
        *scan.in_folders(
            folders(deployment, kept, temporary), without=not_searched(deployment, custody, folder)
        ),
    ]
    assert findings == []
    # They are found where they belong, by the same scan.
    belonging = set(keys.by_name())
    if custody.in_state:
        outputs = ask(deployment, ("stack", "output", "--json", "--show-secrets"))
        assert {finding.secret for finding in scan.in_bytes(outputs, "outputs")} == belonging
    own_places = custody.own_places(deployment.stack.layout, folder)
    if own_places:
        assert {finding.secret for finding in scan.in_folders(own_places)} >= belonging
    # What was looked through has to have something in it.
    places = [place for place, content in seen if content]
    assert {"cmdline of a process", "environ of a process", JOURNAL_PLACE} <= set(places)
    assert (kept / "events.json").stat().st_size > 10_000
    assert (kept / "said.txt").stat().st_size > 10_000


def watched_update(
    deployment: Deployment, custody: Custody, temporary: Path, kept: Path
) -> Sequence[tuple[str, bytes]]:
    """Deploys with everything logged that can be, and what was seen of the processes meanwhile."""
    api = KubernetesApi(deployment.stack.layout.kubeconfig, kept)
    # The engine's most verbose log shows what plugins tell it, and with the state that is the keys.
    journal = f"/api/v1/namespaces/{deployment.name}/secrets/{deployment.name}-operator-init"
    verbose = () if custody.in_state else VERBOSE
    arguments = (*UP, *verbose, "--event-log", str(kept / "events.json"))
    environment = {"TMPDIR": str(temporary), "PULUMI_DEBUG_COMMANDS": "true"}
    journals = deployment.stack.layout.pulumi_home / "vault-autounseal"
    with (
        EngineRun(
            deployment.stack, deployment.stack.command(arguments), kept / "said.txt", environment
        ) as run,
        ProcessWatch(
            run.session, [temporary, journals], {JOURNAL_PLACE: lambda: api.get(journal).content}
        ) as watch,
    ):
        assert run.wait() == 0, run.said
    assert watch.rounds_a_second >= ROUNDS_A_SECOND
    return watch.seen()


def ask(deployment: Deployment, question: Sequence[str]) -> bytes:
    result = deployment.stack.run(*question)
    assert result.returncode == 0, result.stdout + result.stderr
    return (result.stdout + result.stderr).encode()


def found_in(scan: SecretScan, contents: Sequence[tuple[str, bytes]]) -> Iterator[Finding]:
    for place, content in contents:
        yield from scan.in_bytes(content, place)


def journal_entry(seen: Sequence[tuple[str, bytes]]) -> Mapping[str, Any]:
    """The journal as it was seen in the cluster."""
    journals = [json.loads(content) for place, content in seen if place == JOURNAL_PLACE]
    entries: list[dict[str, Any]] = [
        json.loads(base64.b64decode(secret["data"]["journal"])) for secret in journals if "data" in secret
    ]
    assert entries, "the journal was never seen"
    assert any(entry["ciphertext"] for entry in entries), "the journal was never seen with the keys in it"
    return entries[0]


def pod_logs(deployment: Deployment) -> Sequence[tuple[str, bytes]]:
    log = deployment.cluster.kubectl("logs", f"{deployment.name}-0", deployment.in_namespace)
    assert "security barrier initialized" in log
    return [("the pod's log", log.encode())]


def objects(deployment: Deployment) -> Sequence[tuple[str, bytes]]:
    """Everything in Vault's namespace, the Helm release's and the journal's Secrets among it."""
    kinds = "secrets,configmaps,events,pods,statefulsets,serviceaccounts,persistentvolumeclaims,leases"
    found: Mapping[str, Any] = deployment.cluster.get(kinds, deployment.in_namespace)
    assert len(found["items"]) > 5
    texts = [("objects in Vault's namespace", json.dumps(found).encode())]
    for item in found["items"]:
        values = (item.get("data") or {}).values() if item["kind"] == "Secret" else ()
        texts += [(f"Secret {item['metadata']['name']}", base64.b64decode(value)) for value in values]
    return texts


def folders(deployment: Deployment, kept: Path, temporary: Path) -> Sequence[Path]:
    """What lies on this machine after the update, the sandbox's own logs and Vault's volumes too."""
    layout = deployment.stack.layout
    return [
        kept,
        temporary,
        deployment.stack.state,
        layout.pulumi_home,
        layout.stack_configuration,
        layout.run,
        REPOSITORY,
    ]


def not_searched(deployment: Deployment, custody: Custody, folder: Path) -> Sequence[Path]:
    layout = deployment.stack.layout
    return [
        *custody.own_places(layout, folder),
        # Looked through part by part.
        layout.home,
        # The images.
        ClusterPaths.of(layout).containerd,
        # What was never near a key.
        REPOSITORY / ".git",
        REPOSITORY / ".venv",
    ]
