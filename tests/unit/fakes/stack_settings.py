"""Settings parsed from values written as a stack's YAML has them."""

import contextvars
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pytest
from pulumi.runtime import set_all_config

from components.errors import SettingsError
from components.settings import Settings
from components.settings.deployed_vault import DeployedVault
from components.settings.load import parse_settings

PROJECT = "vault-autounseal"
NODE_GROUP = "sg-0bbbbbbbbbbbbbbbb"
EKS: Mapping[str, Any] = {
    "clusterName": "example",
    "region": "eu-central-1",
    "nodeSecurityGroupId": NODE_GROUP,
}
GKE: Mapping[str, Any] = {"project": "acme-prod", "clusterName": "prod", "location": "europe-west3"}
SHAMIR: Mapping[str, Any] = {"seal": "shamir", "kubeContext": "here"}


def parse(
    configuration: Mapping[str, Any],
    *,
    token: pulumi.Output[str] | None = None,
    secret_keys: Sequence[str] = (),
    aws: Mapping[str, Any] | None = None,
    deployed: DeployedVault | None = None,
) -> Settings:
    """Parses values written as a stack's YAML has them, in the form in which Pulumi hands them on.

    Keys of ``configuration`` are without the project's namespace, those of ``aws`` without the provider's,
    and ``secret_keys`` without the project's or with the provider's. The stack is new unless it has
    ``deployed`` a Vault.
    """

    def run() -> Settings:
        set_all_config({}, [key if ":" in key else f"{PROJECT}:{key}" for key in secret_keys])
        return parse_settings(
            handed_on(configuration),
            namespace=PROJECT,
            token=token,
            aws_configuration=handed_on(aws or {}),
            deployed=deployed,
        )

    return contextvars.Context().run(run)


def handed_on(configuration: Mapping[str, Any]) -> Mapping[str, str]:
    """Return values written as a stack's YAML has them as Pulumi hands them on."""
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in configuration.items()
    }


def problems(configuration: Mapping[str, Any], **options: Any) -> list[str]:
    """What is wrong in settings that are refused."""
    with pytest.raises(SettingsError) as raised:
        parse(configuration, **options)
    return raised.value.problems


def nested(path: str, value: Any) -> dict[str, Any]:
    """`{"a": {"b": value}}` for the path `a.b`."""
    outer, _, inner = path.partition(".")
    return {outer: nested(inner, value) if inner else value}
