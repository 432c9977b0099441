"""A stack's state, as the engine tells of it and as `pulumi stack export` prints it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.resource_types import IAM_ROLE, INGRESS_RULE, KMS_KEY, RELEASE
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.recorded_deployment import Answer

STACK = "urn:pulumi:prod::vault-autounseal::"
NO_STATE: Answer = {"outputs": {}}
PARENTS = {
    IAM_ROLE: "vault-autounseal:aws:IrsaRole",
    INGRESS_RULE: "vault-autounseal:aws:WebhookIngress",
    KMS_KEY: "vault-autounseal:aws:UnsealKey",
    RELEASE: "vault-autounseal:vault:Release",
}
"""The types of the components that have these as children."""


def urn(resource: Mapping[str, Any]) -> str:
    """The URN of a resource of Vault's, unless it has another parent; it is named `vault` by default."""
    parent = resource.get("parent", PARENTS.get(resource["type"], ""))
    return f"{STACK}{f'{parent}$' if parent else ''}{resource['type']}::{resource.get('name', 'vault')}"


def recorded_state(monkeypatch: pytest.MonkeyPatch, folder: Path, *resources: Mapping[str, Any]) -> Answer:
    """Have pulumi export a state with these resources; returns what the engine tells of it."""
    entries = [{"outputs": {}, **resource, "urn": urn(resource)} for resource in resources]
    exported = folder / "exported.json"
    exported.write_text(json.dumps({"version": 3, "deployment": {"resources": entries}}))
    only_commands(monkeypatch, folder / "bin", pulumi=f"/bin/cat {exported}")
    return {
        "outputs": {entry["urn"]: {"type": entry["type"], "outputs": entry["outputs"]} for entry in entries}
    }
