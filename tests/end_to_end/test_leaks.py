"""No key, root token or key of the journal appears anywhere but where the custody keeps it.

What Vault itself has sealed can't be looked for: only Vault and the key service ever have it in plain.
"""

import base64
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from sandbox.cluster.paths import ClusterPaths
from sandbox.layout import REPOSITORY
from sandbox.network import REGION
from tests.end_to_end.conftest import Deployment
from tests.end_to_end.faults import custodies
from tests.end_to_end.faults.custodies import CUSTODIES, Custody
from tests.end_to_end.faults.engine_run import EngineRun
from tests.end_to_end.faults.kubernetes_api import KubernetesApi
from tests.end_to_end.faults.process_watch import ProcessWatch
from tests.end_to_end.faults.secret_scan import Finding, SecretScan

NAMESPACE = "vault"
JOURNAL = f"/api/v1/namespaces/{NAMESPACE}/secrets/vault-operator-init"
JOURNAL_PLACE = "the journal's Secret"
UP = ("up", "--yes", "--skip-preview", "--debug")
VERBOSE = ("--logtostderr", "-v=9")
QUESTIONS = (
    ("preview", "--diff"),
    ("refresh", "--yes", "--skip-preview"),
    ("stack", "output", "--json"),
    ("stack", "export"),
    ("stack", "history", "--json"),
    ("config", "--json"),
)
"""What a person may ask the engine afterwards without asking for secrets."""


@pytest.fixture
def keys_namespace(nothing: Deployment) -> Iterator[None]:
    """A namespace for keys, apart from Vault's."""
    nothing.cluster.kubectl("create", "namespace", custodies.NAMESPACE)
    yield
    nothing.cluster.kubectl("delete", "namespace", custodies.NAMESPACE)


@pytest.mark.usefixtures("keys_namespace")
@pytest.mark.parametrize("custody", CUSTODIES, ids=lambda custody: custody.name)
def test_secrets_are_nowhere_else(nothing: Deployment, tmp_path: Path, custody: Custody) -> None:
    settings = {"replicas": 1, "injector": {"enabled": False}}
    nothing.configure({**settings, **custody.settings(tmp_path)})
    temporary, kept = tmp_path / "temporary", tmp_path / "kept"
    for folder in (temporary, kept):
        folder.mkdir()
    seen = watched_update(nothing, custody, temporary, kept)
    said = [(" ".join(question), ask(nothing, question)) for question in QUESTIONS]

    keys = custody.read(nothing, tmp_path)
    assert keys.root_token.startswith("hvs.")
    scan = SecretScan.of({**keys.by_name(), "key of the journal": journal_key(nothing, seen)})
    findings = [
        *found_in(scan, [*seen, *said, *pod_logs(nothing), *objects(nothing)]),
        *scan.in_folders(folders(nothing, kept, temporary), without=not_searched(nothing, custody, tmp_path)),
    ]
    assert findings == []
    # They are found where they belong, by the same scan.
    belonging = set(keys.by_name())
    if custody.in_state:
        outputs = ask(nothing, ("stack", "output", "--json", "--show-secrets"))
        assert {finding.secret for finding in scan.in_bytes(outputs, "outputs")} == belonging
    own_places = custody.own_places(nothing.stack.layout, tmp_path)
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
    verbose = () if custody.in_state else VERBOSE
    arguments = (*UP, *verbose, "--event-log", str(kept / "events.json"))
    environment = {"TMPDIR": str(temporary), "PULUMI_DEBUG_COMMANDS": "true"}
    journals = deployment.stack.layout.pulumi_home / "vault-autounseal"
    with (
        EngineRun(
            deployment.stack, deployment.stack.command(arguments), kept / "said.txt", environment
        ) as run,
        ProcessWatch(
            run.session, [temporary, journals], {JOURNAL_PLACE: lambda: api.get(JOURNAL).content}
        ) as watch,
    ):
        assert run.wait() == 0, run.said
    assert watch.rounds > 20
    return watch.seen()


def ask(deployment: Deployment, question: Sequence[str]) -> bytes:
    result = deployment.stack.run(*question)
    assert result.returncode == 0, result.stdout + result.stderr
    return (result.stdout + result.stderr).encode()


def found_in(scan: SecretScan, contents: Sequence[tuple[str, bytes]]) -> Iterator[Finding]:
    for place, content in contents:
        yield from scan.in_bytes(content, place)


def journal_key(deployment: Deployment, seen: Sequence[tuple[str, bytes]]) -> str:
    """The plain key of the run's journal, had as Vault's role has it; base64."""
    journals = [json.loads(content) for place, content in seen if place == JOURNAL_PLACE]
    entries = [
        json.loads(base64.b64decode(secret["data"]["journal"])) for secret in journals if "data" in secret
    ]
    assert entries, "the journal was never seen"
    assert any(entry["ciphertext"] for entry in entries), "the journal was never seen with the keys in it"
    endpoint = functools.partial(
        boto3.client, region_name=REGION, endpoint_url=deployment.stack.cloud_environment["AWS_ENDPOINT_URL"]
    )
    token = deployment.cluster.kubectl(
        "create", "token", "vault", f"--namespace={NAMESPACE}", "--audience=sts.amazonaws.com"
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
        CiphertextBlob=base64.b64decode(entries[0]["header"]["wrapped_key"]),
        EncryptionContext={"vault-autounseal:deployment": entries[0]["deployment"]},
    )["Plaintext"]
    return base64.b64encode(plain).decode()


def pod_logs(deployment: Deployment) -> Sequence[tuple[str, bytes]]:
    log = deployment.cluster.kubectl("logs", "vault-0", f"--namespace={NAMESPACE}")
    assert "security barrier initialized" in log
    return [("the pod's log", log.encode())]


def objects(deployment: Deployment) -> Sequence[tuple[str, bytes]]:
    """Everything in Vault's namespace, the Helm release's and the journal's Secrets among it."""
    kinds = "secrets,configmaps,events,pods,statefulsets,serviceaccounts,persistentvolumeclaims"
    found: Mapping[str, Any] = deployment.cluster.get(kinds, f"--namespace={NAMESPACE}")
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
        layout.backend,
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
