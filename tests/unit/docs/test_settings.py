"""docs/settings.md has every setting with its default and every output, and no other."""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest

from components.aws.provider_settings import REFUSED
from components.config.reader import ConfigReader
from tests.unit.docs.documents import code, tables
from tests.unit.fakes import mocked_google
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import computed, up
from tests.unit.fakes.recorded_deployment import Deployment, Secret, deploy
from tests.unit.fakes.stack_settings import EKS, GKE, PROJECT, SHAMIR, parse, problems

PAGE = "docs/settings.md"
GUID = "11111111-2222-3333-4444-555555555555"

INGRESS = {"ingress": {"host": "vault.example.com", "backendTls": "none"}}
TRANSIT = {"address": "https://vault.example.com", "key": "autounseal", "tls": {"caSecret": {"name": "ca"}}}
AZURE = {
    "vaultName": "acme-unseal",
    "keyName": "vault-unseal",
    "tenantId": GUID,
    "clientId": GUID,
    "clientSecret": {"name": "azure-unseal"},
}
GATEWAY = {"gateway": {"parentRefs": [{"name": "public"}]}, "chart": {"version": "0.34.1"}}
CERT_MANAGER = {"source": "cert-manager", "issuer": {"name": "internal"}}
LICENCE = {"image": {"tag": "1.18.1-ent"}, "license": {"secret": "paid"}}
OPTIONAL = {
    "networkPolicy": {},
    **INGRESS,
    **GATEWAY,
    **LICENCE,
    "topologySpread": {},
    "migrateFrom": {"seal": "shamir"},
}
"""Sections without which a stack has nothing of the kind, with the settings that they can't do without."""
IN_BUCKET = {"snapshots": {"schedule": "17 * * * *", "bucket": "acme-vault", "createBucket": True}}
ON_VOLUME = {"snapshots": {"schedule": "17 * * * *", "volume": {"size": "20Gi"}}}
ON_EKS = {**EKS, **OPTIONAL, **IN_BUCKET}
ON_GKE = {**GKE, **OPTIONAL, **IN_BUCKET}
ANYWHERE = {"kubeContext": "here", **OPTIONAL, **ON_VOLUME}

STORES: Mapping[str, Mapping[str, Any]] = {
    "aws-secrets-manager": {
        "name": "vault/init",
        "region": EKS["region"],
        "readers": ["arn:aws:iam::123456789012:role/platform"],
    },
    "gcp-secret-manager": {"secret": "projects/example-project/secrets/vault-init"},
    "kubernetes-secret": {"namespace": "custody"},
    "file": {"path": "/keys/vault.json"},
}
"""Stores of this program, with the settings that they can't do without."""

COMMON = (
    "any",
    "snapshots",
    "an Ingress",
    "a Gateway",
    "a network policy",
    "Vault Enterprise",
    "a seal migration",
)
S3 = ("snapshots in a bucket", "snapshots in S3")
GCS = ("snapshots in a bucket", "snapshots in Google Cloud Storage")
VOLUME = "snapshots on a volume"
STACKS: Sequence[tuple[Mapping[str, Any], Sequence[str]]] = [
    (ON_EKS, (*COMMON, *S3, "EKS", "awskms")),
    (ON_GKE, (*COMMON, *GCS, "Google Cloud", "GKE", "gcpckms")),
    ({**ANYWHERE, "seal": "transit", "transit": TRANSIT}, (*COMMON, VOLUME, "transit")),
    ({**ANYWHERE, "seal": "azurekeyvault", "azureKeyVault": AZURE}, (*COMMON, VOLUME, "azurekeyvault")),
    (
        {**ON_EKS, "tls": CERT_MANAGER},
        (*COMMON, *S3, "EKS", "awskms", "cert-manager"),
    ),
    *(
        ({**ON_EKS, "custody": {"store": name, **own}}, (*COMMON, *S3, "EKS", "awskms", name))
        for name, own in STORES.items()
    ),
]
"""Stacks that together use every setting, each with what its settings apply to."""

OTHER_DEFAULTS: Sequence[tuple[Mapping[str, Any], Sequence[str]]] = [
    ({"project": "acme-prod", "kubeContext": "here"}, ("any", "Google Cloud", "gcpckms")),
    ({**SHAMIR, "mode": "standalone"}, ("any",)),
    ({**SHAMIR, "podAddress": "https://{pod}.example.com"}, ("any",)),
    ({**SHAMIR, "metrics": {"enabled": True, "scrape": "none"}}, ("any",)),
]
"""Stacks in which a setting has another default, each with what its settings apply to."""

Row = tuple[str, frozenset[str]]


def documented() -> dict[Row, set[str]]:
    """Return the defaults that the table gives, by setting and by what it applies to."""
    rows = {}
    for setting, defaults, applies, _ in tables(PAGE, "Setting"):
        row = code(setting)[0], frozenset(code(applies) or [applies])
        assert row not in rows, f"{setting} is there twice"
        rows[row] = {part.split()[0].strip("`") for part in defaults.split("; ")}
    return rows


def as_written(default: Any) -> str:
    """Return a default as the table has it."""
    match default:
        case None | "":
            return "none"
        case str():
            return default.replace(EKS["clusterName"], "<clusterName>")
        case _:
            return json.dumps(default)


def ask(asked: dict[str, str], configuration: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that this configuration makes the program ask for, with their defaults."""
    asked.clear()
    parse(configuration)
    # An object that is asked for as a whole isn't a setting; its members are.
    whole = {name for name in asked if any(f"{name}." in other for other in asked)}
    # The members of a list's objects are in the list's description.
    return {name: value for name, value in asked.items() if name not in whole and "[" not in name}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The settings that the program asks for, by full name, each with its default as the table has it."""
    defaults: dict[str, str] = {}

    def record(method: str, default: Any) -> None:
        original = getattr(ConfigReader, method)

        def recording(reader: ConfigReader, key: str, *arguments: Any, **options: Any) -> Any:
            namespace, _, name = reader.name(key).partition(":")
            if namespace == PROJECT:
                found = arguments[0] if default is ... else default
                defaults.setdefault(name, as_written("required" if options.get("required") else found))
            return original(reader, key, *arguments, **options)

        monkeypatch.setattr(ConfigReader, method, recording)

    for method in ("text", "choice", "integer", "flag"):
        record(method, ...)
    record("required_text", "required")
    for method in ("texts", "sections"):
        record(method, [])
    record("text_mapping", {})
    for method in ("mapping", "skip", "secret"):
        record(method, None if method != "mapping" else {})
    yield defaults


@pytest.mark.parametrize(("configuration", "scopes"), STACKS, ids=[scopes[-1] for _, scopes in STACKS])
def test_the_table_has_the_settings_of_each_stack(
    asked: dict[str, str], configuration: Mapping[str, Any], scopes: Sequence[str]
) -> None:
    applying = {name for name, row_scopes in documented() if row_scopes & set(scopes)}
    assert applying == ask(asked, configuration).keys()


def test_the_table_has_every_default(asked: dict[str, str]) -> None:
    found: dict[Row, set[str]] = {row: set() for row in documented()}
    for configuration, scopes in STACKS:
        for name, default in ask(asked, configuration).items():
            for row in found:
                if row[0] == name and row[1] & set(scopes):
                    found[row].add(default)
    for configuration, scopes in OTHER_DEFAULTS:
        for name, default in ask(asked, configuration).items():
            for row in found:
                if row[0] == name and row[1] & set(scopes):
                    found[row].add(default)
    # An empty list of readers is refused, so it is no default.
    row = ("custody.readers", frozenset({"aws-secrets-manager"}))
    store = {"store": "aws-secrets-manager", **STORES["aws-secrets-manager"], "readers": []}
    (problem,) = problems({**ON_EKS, "custody": store})
    assert "custody.readers" in problem
    assert found[row] == {"[]"}
    found[row] = {"required"}
    # A list that isn't there isn't an empty one.
    row = ("audit.devices", frozenset({"any"}))
    assert found[row] == {"[]"}
    found[row] = {"both", "stdout", "none"}
    assert documented() == found


def test_a_migration_reads_the_same_settings_of_a_seal_below_migrate_from(asked: dict[str, str]) -> None:
    beneath = {**EKS, "migrateFrom": {"seal": "transit", "transit": TRANSIT}}
    names = ask(asked, beneath).keys()
    transit = {name for name, scopes in documented() if scopes == {"transit"}}
    assert transit
    assert {f"migrateFrom.{name}" for name in transit} <= names


def test_every_seal_and_store_has_its_scope() -> None:
    scopes = {scope for _, row_scopes in documented() for scope in row_scopes}
    assert scopes == {scope for _, stack_scopes in STACKS for scope in stack_scopes}


@pytest.fixture
def deployments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sequence[Deployment]:
    """A stack on AWS, one on Google Cloud and one with Shamir, which together have every output."""
    scripts = {"kubectl": "echo '{}'", "aws": "exit 0", "gke-gcloud-auth-plugin": "exit 0"}
    only_commands(monkeypatch, tmp_path, **scripts)
    on_eks = {name: str(value) for name, value in EKS.items()}
    alone = {name: value for name, value in on_eks.items() if name != "nodeSecurityGroupId"}
    in_bucket = {name: json.dumps(value) for name, value in IN_BUCKET.items()}
    custody = json.dumps({"store": "aws-secrets-manager", **STORES["aws-secrets-manager"]})
    return [
        up({**on_eks, "networkPolicy": "{}", "tls": '{"source": "secret"}', **in_bucket}),
        up({**on_eks, "custody": custody, "release": "false"}),
        up({**alone, "nodeSecurityGroupIds": json.dumps(["sg-11111111", "sg-22222222"])}),
        deploy(
            {**{name: str(value) for name, value in GKE.items()}, **in_bucket},
            answers=mocked_google.NOTHING_YET,
            outputs=lambda args: {**computed(args), **mocked_google.computed(args)},
        ),
    ]


def test_the_table_has_every_output(deployments: Sequence[Deployment]) -> None:
    shown = {name for names, _, _ in tables(PAGE, "Output") for name in code(names)}
    assert shown == {name for deployment in deployments for name in deployment.outputs}


def test_the_table_says_which_outputs_are_secret(deployments: Sequence[Deployment]) -> None:
    shown = {name for names, secret, _ in tables(PAGE, "Output") if secret == "yes" for name in code(names)}
    secret = {
        name
        for deployment in deployments
        for name, value in deployment.outputs.items()
        if isinstance(value, Secret)
    }
    assert shown == secret


def test_settings_of_the_aws_provider_are_all_there_and_refused_if_the_page_says_so() -> None:
    listed = {
        name: followed == "refused"
        for names, followed, _ in tables(PAGE, "AWS provider's setting")
        for name in code(names)
    }
    arguments = inspect.signature(aws.ProviderArgs.__init__).parameters.keys() - {"__self__"}
    words = (argument.split("_") for argument in arguments)
    assert listed.keys() == {first + "".join(word.capitalize() for word in rest) for first, *rest in words}
    assert {name for name, refused in listed.items() if refused} == REFUSED.keys()
