"""Reads settings, outputs and keys of the selected stack, with the pulumi command.

The keys come from pulumi's standard output or from the store, so they are in no argument list and no file.
"""

import base64
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from components.aws.provider_settings import AWS_NAMESPACE
from components.custody.key_custody import KeyCustody
from components.custody.key_record import KeyRecord
from components.errors import DeploymentError
from components.kubernetes.kubectl import require_command
from components.settings import Settings
from components.settings.deployed_vault import RECORDING_TYPES, deployed_vault
from components.settings.load import PACKAGE_NAMESPACE, parse_settings
from components.stack_state import exported_deployment, outputs_in
from components.vault.pod_access import PodAccess

# Vault's key alone, or with the byte that a share adds (vault/barrier_aes_gcm.go, shamir/shamir.go).
PLAIN_SHARE_BYTES = (32, 33)

PULUMI_SECONDS = 15.0
"""How long the backend of the state may take if somebody waits for a page."""

SETTINGS_OF_INIT = "init"
"""The section that no cloud permission depends on; it may need a secret, which isn't needed here."""

NEEDED_OUTPUTS = {
    "custody",
    "deployment",
    "key_shares",
    "pod_access",
    "recovery_shares",
    "replicas",
    "root_token",
    "threshold",
}


def ask_pulumi(*arguments: str, seconds: float | None = None) -> str:
    """Return what the pulumi command prints; raise :class:`DeploymentError` with its error message.

    Raises :class:`subprocess.TimeoutExpired` if it takes longer than ``seconds``.
    """
    result = subprocess.run(
        ["pulumi", *arguments], capture_output=True, text=True, check=False, timeout=seconds
    )
    if result.returncode != 0:
        raise DeploymentError(result.stderr.strip() or f"pulumi ended with {result.returncode}")
    return result.stdout


def consented_stack_name(really: str) -> str:
    """Return the name of the selected stack, as `pulumi stack select` takes it.

    ``really`` is the name by which the user consents to a loss, or empty. Raises :class:`DeploymentError` if
    it is another stack's.
    """
    stack = ask_pulumi("stack", "--show-name").strip()
    if really and really != stack:
        raise DeploymentError(
            f"The stack that is selected is {stack}, and --really names {really}. Nothing was changed."
        )
    return stack


def selected_stack_outputs() -> Mapping[str, Any]:
    """Return the outputs of the selected stack, secrets in plain.

    Raises :class:`DeploymentError` with pulumi's error message, and if the stack has no Vault yet.
    """
    return _outputs("--show-secrets")


def selected_stack_public_outputs() -> Mapping[str, Any]:
    """Return the same outputs, with Pulumi's words `[secret]` for each secret one.

    Asks for no passphrase; takes at most :data:`PULUMI_SECONDS`.
    """
    return _outputs("--non-interactive", seconds=PULUMI_SECONDS)


def _outputs(*options: str, seconds: float | None = None) -> Mapping[str, Any]:
    require_command("pulumi", "it knows the stack; see pulumi.com/docs/install")
    try:
        told = ask_pulumi("stack", "output", "--json", *options, seconds=seconds)
    except subprocess.TimeoutExpired:
        raise DeploymentError(f"pulumi didn't tell the stack's outputs within {seconds:g} s") from None
    outputs: Mapping[str, Any] = json.loads(told)
    if not outputs.keys() >= NEEDED_OUTPUTS:
        raise DeploymentError(
            "The stack that is selected has no Vault yet, or one of an earlier version of this program: run "
            "pulumi up first."
        )
    return outputs


def keys_of(outputs: Mapping[str, Any]) -> KeyRecord | None:
    """Return the keys, from the stack's state or the store that it names; None if neither has any (adopted).

    Raises :class:`KeyStoreError` if the store can't be read or has the keys of another Vault.
    """
    deployment = str(outputs["deployment"])
    custody = outputs["custody"]
    if custody["store"] != "state":
        target = PodAccess.from_properties(outputs["pod_access"]).target
        return KeyCustody.from_properties(custody, target, deployment).find()
    recovery_shares, key_shares = tuple(outputs["recovery_shares"]), tuple(outputs["key_shares"])
    if not recovery_shares and not key_shares:
        return None
    return KeyRecord(
        deployment=deployment,
        seal_type="",
        seal_key="",
        threshold=int(outputs["threshold"]),
        root_token=str(outputs["root_token"]),
        recovery_shares=recovery_shares,
        key_shares=key_shares,
        shares_encrypted=any(_is_message(share) for share in (*recovery_shares, *key_shares)),
    )


def _is_message(share: str) -> bool:
    """Return whether a share is a PGP message, which the state doesn't record."""
    return len(base64.b64decode(share)) not in PLAIN_SHARE_BYTES


def selected_stack_settings() -> Settings:
    """Return the settings of the stack that is selected in this folder, without any secret.

    Raises :class:`DeploymentError` if Pulumi can't read them or the state, or if they are wrong.
    """
    require_command("pulumi", "it has the stack's settings; see pulumi.com/docs/install")
    project = _project_name(Path.cwd())
    result = subprocess.run(["pulumi", "config", "--json"], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise DeploymentError(
            f"Pulumi can't read the settings: {result.stderr.strip()}\n"
            "Select a stack (pulumi stack select) in the folder of the program."
        )
    entries: Mapping[str, Any] = json.loads(result.stdout)
    in_package = any(key.startswith(f"{PACKAGE_NAMESPACE}:") for key in entries)
    namespace = PACKAGE_NAMESPACE if in_package else project
    own = _without_secrets(entries, namespace)
    return parse_settings(
        {key: value for key, value in own.items() if key != SETTINGS_OF_INIT},
        namespace=namespace,
        token=None,
        aws_configuration=_without_secrets(entries, AWS_NAMESPACE),
        deployed=deployed_vault(outputs_in(exported_deployment(), *RECORDING_TYPES)),
    )


def _without_secrets(entries: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    """Return the values in a namespace that aren't secret, keyed without the namespace."""
    return {
        key.removeprefix(f"{namespace}:"): entry["value"]
        for key, entry in entries.items()
        if key.startswith(f"{namespace}:") and not entry["secret"]
    }


def _project_name(folder: Path) -> str:
    """Return the name in the nearest Pulumi.yaml, which is the namespace of the settings."""
    for place in (folder, *folder.parents):
        file = place / "Pulumi.yaml"
        if file.is_file():
            project: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
            return str(project["name"])
    raise DeploymentError(f"There is no Pulumi.yaml in {folder} or above; go to the folder of the program.")


def token_of_settings(outputs: Mapping[str, Any]) -> str:
    """Return the setting `token` of the stack that has these outputs; empty if there is none."""
    # In the program of somebody else a key without a namespace is theirs, and the token of something else.
    namespace = str(outputs.get("configuration_namespace") or "")
    key = f"{namespace}:token" if namespace else "token"
    result = subprocess.run(["pulumi", "config", "get", key], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ""
