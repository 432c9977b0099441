"""Looks for the keys, the root token and the key of the journal everywhere but where the custody keeps them.

What Vault itself has sealed can't be looked for: only Vault and the key service ever have it in plain.
"""

import base64
import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from sandbox.cluster.paths import ClusterPaths
from sandbox.layout import REPOSITORY
from sandbox.network import REGION
from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.faults.custodies import Custody, Keys
from tests.end_to_end.faults.engine_run import EngineRun
from tests.end_to_end.faults.kubernetes_api import KubernetesApi
from tests.end_to_end.faults.process_watch import ARGUMENTS, ENVIRONMENT, ENVIRONMENT_OF_PROGRAM, ProcessWatch
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
    deployment: Deployment,
    custody: Custody,
    folder: Path,
    journal_key: JournalKey,
    *,
    changes: Mapping[str, object] | None = None,
    earlier: Keys | None = None,
) -> Keys:
    """Updates with this custody, and fails where a secret is found that doesn't belong there.

    ``changes`` are settings besides, and ``earlier`` keys that a change of shares makes void.
    """
    deployment.configure({**ONE_POD, **custody.settings(deployment, folder), **(changes or {})})
    temporary, kept = _folders_of_run(folder)
    # The engine's most verbose log shows what plugins tell it, and with the state that is the keys.
    seen = watched_update(deployment, temporary, kept, verbose=not custody.in_state)
    keys = custody.read(deployment, folder)
    assert keys.root_token.startswith("hvs.")
    journal = journal_key(deployment, journal_entry(seen))
    before = {f"earlier {name}": secret for name, secret in (earlier.by_name() if earlier else {}).items()}
    scan = SecretScan.of({**before, **keys.by_name(), "key of the journal": journal})
    own_places = custody.own_places(deployment.stack.layout, folder)
    _require_no_findings(deployment, scan, seen, [kept, temporary], own_places)
    # They are found where they belong, by the same scan.
    belonging = set(keys.by_name())
    if custody.in_state:
        outputs = ask(deployment, ("stack", "output", "--json", "--show-secrets"))
        assert {finding.secret for finding in scan.in_bytes(outputs, "outputs")} == belonging
    if own_places:
        assert {finding.secret for finding in scan.in_folders(own_places)} >= belonging
    return keys


def require_settings_nowhere_else(
    deployment: Deployment,
    keys: Keys,
    settings: Mapping[str, object],
    secrets: Mapping[str, str],
    folder: Path,
) -> None:
    """Updates with secrets in the settings, and fails where they are found outside their encrypted file.

    Pulumi gives them to the program in its environment; they must not go on from there.
    """
    deployment.configure({**ONE_POD, **settings})
    for name, secret in secrets.items():
        deployment.set_secret(name, secret)
    temporary, kept = _folders_of_run(folder)
    # The engine's most verbose log shows what it tells plugins, and that is the settings, too.
    seen = watched_update(deployment, temporary, kept, verbose=False)
    scan = SecretScan.of(keys.by_name())
    given = [content for place, content in seen if place == ENVIRONMENT_OF_PROGRAM]
    assert {finding.secret for content in given for finding in scan.in_bytes(content, "")} == set(
        keys.by_name()
    )
    others = [(place, content) for place, content in seen if place != ENVIRONMENT_OF_PROGRAM]
    _require_no_findings(deployment, scan, others, [kept, temporary], [folder / "keys"])


def _folders_of_run(folder: Path) -> tuple[Path, Path]:
    """Folders for the temporary files of one run, and for what it said."""
    return Path(tempfile.mkdtemp(dir=folder)), Path(tempfile.mkdtemp(dir=folder))


def _require_no_findings(
    deployment: Deployment,
    scan: SecretScan,
    seen: Sequence[tuple[str, bytes]],
    of_run: Sequence[Path],
    own_places: Sequence[Path],
) -> None:
    said = [(" ".join(question), ask(deployment, question)) for question in QUESTIONS]
    findings = [
        *found_in(scan, [*seen, *said, *pod_logs(deployment), *objects(deployment)]),
        *scan.in_folders([*of_run, *folders(deployment)], without=[*own_places, *not_searched(deployment)]),
    ]
    assert findings == []
    # What was looked through has to have something in it.
    places = [place for place, content in seen if content]
    assert {ARGUMENTS, ENVIRONMENT} <= set(places)
    # Of an update that changes little as well.
    for name in ("events.json", "said.txt"):
        assert max((path / name).stat().st_size for path in of_run if (path / name).exists()) > 5_000


def watched_update(
    deployment: Deployment, temporary: Path, kept: Path, *, verbose: bool
) -> Sequence[tuple[str, bytes]]:
    """Deploys with everything logged that can be, and what was seen of the processes meanwhile."""
    api = KubernetesApi(deployment.stack.layout.kubeconfig, kept)
    journal = f"/api/v1/namespaces/{deployment.name}/secrets/{deployment.name}-operator-init"
    arguments = (*UP, *(VERBOSE if verbose else ()), "--event-log", str(kept / "events.json"))
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


def folders(deployment: Deployment) -> Sequence[Path]:
    """What lies on this machine after the update, the sandbox's own logs and Vault's volumes too."""
    layout = deployment.stack.layout
    return [
        deployment.stack.state,
        layout.pulumi_home,
        layout.stack_configuration,
        layout.run,
        REPOSITORY,
    ]


def not_searched(deployment: Deployment) -> Sequence[Path]:
    layout = deployment.stack.layout
    return [
        # Looked through part by part.
        layout.home,
        # The images.
        ClusterPaths.of(layout).containerd,
        # What was never near a key.
        REPOSITORY / ".git",
        REPOSITORY / ".venv",
    ]


def aws_journal_key(deployment: Deployment, entry: Mapping[str, Any]) -> str:
    """The key of a journal, decrypted by AWS KMS with the rights of Vault's role."""
    endpoint = functools.partial(
        boto3.client, region_name=REGION, endpoint_url=deployment.stack.cloud_environment["AWS_ENDPOINT_URL"]
    )
    token = deployment.cluster.kubectl(
        "create", "token", "vault", deployment.in_namespace, "--audience=sts.amazonaws.com"
    ).strip()
    credentials = endpoint("sts", config=Config(signature_version=UNSIGNED)).assume_role_with_web_identity(
        RoleArn=deployment.outputs()["role_arn"], RoleSessionName="leaks", WebIdentityToken=token
    )["Credentials"]
    kms = endpoint(
        "kms",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    plain: bytes = kms.decrypt(
        CiphertextBlob=base64.b64decode(entry["header"]["wrapped_key"]),
        EncryptionContext={"vault-autounseal:deployment": entry["deployment"]},
    )["Plaintext"]
    return base64.b64encode(plain).decode()
