"""The rules on the program's own resources, in each way of deploying it; and that none tells a value."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from policy.guardrails.resource import Resource
from policy.guardrails.rules import RULES
from policy.guardrails.types import AUDIT_DEVICES
from sandbox.layout import REPOSITORY
from tests.unit.fakes import mocked_account, mocked_google
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.judged_stack import judged, resources
from tests.unit.fakes.mocked_account import ACCOUNT, ANSWERS, EKS, provide_commands, up
from tests.unit.fakes.recorded_deployment import Answer, Deployment, deploy
from tests.unit.fakes.released_values import EXISTING
from tests.unit.fakes.stack_settings import handed_on
from tests.values_files import ROLE_ARN

GKE = {"project": "acme-prod", "clusterName": "prod", "location": "europe-west3"}
ANY = {"kubeContext": "here"}
TRANSIT = {
    "address": "https://keys.example.com:8200",
    "key": "autounseal",
    "tokenSecret": {"name": "vault-transit-token"},
    "tls": {"caSecret": {"name": "vault-transit-ca"}},
}
AZURE = {
    "tenantId": "11111111-2222-3333-4444-555555555555",
    "vaultName": "acme-unseal",
    "keyName": "vault",
    "clientId": "66666666-7777-8888-9999-000000000000",
}
REGISTRY = "oci://registry.example.com/charts"
SIDECAR = {"server": {"extraContainers": [{"name": "x", "image": "busybox"}]}}
POD_IDENTITY = {"identity": {"kind": "pod-identity"}}
SNAPSHOTS = {
    "snapshots": {"schedule": "@daily", "bucket": "acme-vault", "createBucket": True, "prefix": "prod/"}
}
SECRET_ON_AWS = {
    "store": "aws-secrets-manager",
    "name": "vault/init",
    "region": mocked_account.REGION,
    "readers": [f"arn:aws:iam::{ACCOUNT}:role/platform"],
}
SECRET_ON_GOOGLE = {
    "store": "gcp-secret-manager",
    "secret": "projects/acme-prod/secrets/vault-keys",
    "readers": ["group:platform@example.com"],
}
NOT_BY_DEFAULT = {"snapshots-taken"}
SOFT_BY_DEFAULT = {"keys-in-custody", "root-token-revoked"}


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the program looks for on PATH, on any cloud."""
    provide_commands(monkeypatch, tmp_path)
    scripts = {"kubectl": "echo '{}'", "aws": "exit 0", "gke-gcloud-auth-plugin": "exit 0"}
    only_commands(monkeypatch, tmp_path / "commands", **scripts)


def on_aws(settings: Mapping[str, Any], **answers: Answer) -> Deployment:
    return up(handed_on(settings), {**ANSWERS, **answers})


def on_google(settings: Mapping[str, Any]) -> Deployment:
    def outputs(args: Any) -> Mapping[str, Any]:
        return {**mocked_account.computed(args), **mocked_google.computed(args)}

    return deploy(handed_on(settings), answers=mocked_google.NOTHING_YET, outputs=outputs)


def example(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((REPOSITORY / name).read_text())["config"]
    return config


DEPLOYMENTS: Mapping[str, tuple[Callable[..., Deployment], Mapping[str, Any]]] = {
    "EKS": (on_aws, EKS),
    "EKS Pod Identity": (
        lambda settings: on_aws(settings, **{"aws:eks/getAddon:getAddon": {"addonName": "agent"}}),
        {**EKS, **POD_IDENTITY},
    ),
    "EKS, keys in Secrets Manager": (on_aws, {**EKS, "custody": SECRET_ON_AWS}),
    "EKS, key and role of others": (
        lambda settings: on_aws(settings, **EXISTING),
        {**EKS, "key": {"arn": mocked_account.KEY_ARN}, "role": {"arn": ROLE_ARN}},
    ),
    "EKS, snapshots": (on_aws, {**EKS, **SNAPSHOTS}),
    "GKE, snapshots": (on_google, {**GKE, **SNAPSHOTS}),
    "EKS, GitOps": (on_aws, {**EKS, "release": "false"}),
    "EKS, Shamir": (on_aws, {**EKS, "seal": "shamir"}),
    "GKE": (on_google, GKE),
    "GKE, keys in Secret Manager": (on_google, {**GKE, "custody": SECRET_ON_GOOGLE}),
    "Google key on any cluster": (on_google, {**ANY, "project": "acme-prod", "seal": "gcpckms"}),
    "transit": (on_aws, {**ANY, "seal": "transit", "transit": TRANSIT}),
    "Azure": (on_aws, {**ANY, "seal": "azurekeyvault", "azureKeyVault": AZURE}),
    "Shamir": (on_aws, {**ANY, "seal": "shamir"}),
}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_what_the_program_deploys_by_itself_keeps_all_rules_but_these(name: str) -> None:
    make, settings = DEPLOYMENTS[name]
    expected = NOT_BY_DEFAULT | SOFT_BY_DEFAULT
    if "custody" in settings:
        expected -= {"keys-in-custody"}
    if "snapshots" in settings:
        expected -= {"snapshots-taken"}
    assert judged(resources(make(settings))).keys() == expected


@pytest.mark.parametrize(
    ("name", "make"), [("Pulumi.prod.yaml", on_aws), ("Pulumi.prod-gcp.yaml", on_google)]
)
def test_examples_for_production_lack_the_revocation_alone(
    name: str, make: Callable[..., Deployment]
) -> None:
    settings = example(name)
    assert judged(resources(make(settings))).keys() == {"root-token-revoked"}
    settings["vault-autounseal:init"]["rootToken"] = "revoke"
    assert judged(resources(make(settings))) == {}


VIOLATIONS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, str]]] = {
    "protect: false": (
        {**EKS, "protect": "false"},
        {
            "init-protected": "the init isn't protected",
            "unseal-key-kept": "the key isn't protected",
            "rest-kept": "the alias of the key isn't protected",
        },
    ),
    "a week": ({**EKS, "key": {"deletionWindowDays": 7}}, {"unseal-key-kept": "in less than 30 days"}),
    "standalone": ({**EKS, "mode": "standalone", "replicas": "1"}, {"three-voters": "one server only"}),
    "one of GitOps": (
        {**EKS, "release": "false", "mode": "standalone", "replicas": "1"},
        {"three-voters": "less than three"},
    ),
    "nightly image": (
        {**EKS, "image": {"tag": "nightly"}},
        {"pinned-images": "values.server.image names no version"},
    ),
    "nightly injector": (
        {**EKS, "injector": {"image": {"tag": "latest"}}},
        {"pinned-images": "values.injector.image names no version"},
    ),
    "sidecar": (
        {**EKS, "chart": {"repository": REGISTRY, "values": SIDECAR}},
        {"pinned-images": "values.server.extraContainers[0] names no version"},
    ),
    "Ingress": (
        {**EKS, "ingress": {"host": "vault.example.com", "backendTls": "nginx"}},
        {"tls-to-vault": "the Ingress has no certificate"},
    ),
    "HTTP": ({**EKS, "tls": {"source": "none"}}, {"tls-to-vault": "Vault's listener speaks HTTP"}),
    "the log alone": (
        {**EKS, "audit": {"devices": ["stdout"]}},
        {"audited-twice": "less than two audit devices"},
    ),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_settings_that_weaken_it_are_reported(name: str) -> None:
    settings, expected = VIOLATIONS[name]
    reported = judged(resources(on_aws(settings)))
    for rule, part in expected.items():
        assert part in " / ".join(reported[rule])
    assert reported.keys() - NOT_BY_DEFAULT == expected.keys() | SOFT_BY_DEFAULT


VIOLATIONS_ON_GOOGLE: Mapping[str, tuple[Mapping[str, Any], Mapping[str, str]]] = {
    "protect: false": (
        {"protect": "false"},
        {
            "init-protected": "the init isn't protected",
            "unseal-key-kept": "the key isn't protected",
            "rest-kept": "the ring of the key isn't protected",
        },
    ),
    "a week": ({"key": {"destroyScheduledDays": 7}}, {"unseal-key-kept": "in less than 30 days"}),
    "standalone": ({"mode": "standalone", "replicas": "1"}, {"three-voters": "one server only"}),
    "HTTP": ({"tls": {"source": "none"}}, {"tls-to-vault": "Vault's listener speaks HTTP"}),
    "nightly image": ({"image": {"tag": "nightly"}}, {"pinned-images": "values.server.image"}),
    "the log alone": ({"audit": {"devices": ["stdout"]}}, {"audited-twice": "less than two"}),
    "Ingress": (
        {"ingress": {"host": "vault.example.com", "backendTls": "gce"}},
        {"tls-to-vault": "the Ingress has no certificate"},
    ),
}


@pytest.mark.parametrize("name", VIOLATIONS_ON_GOOGLE)
def test_settings_that_weaken_it_are_reported_on_google(name: str) -> None:
    settings, expected = VIOLATIONS_ON_GOOGLE[name]
    reported = judged(resources(on_google({**GKE, **settings})))
    for rule, part in expected.items():
        assert part in " / ".join(reported[rule])
    assert reported.keys() - NOT_BY_DEFAULT == expected.keys() | SOFT_BY_DEFAULT


@pytest.mark.parametrize("stack", ["dev", "test"])
def test_keys_of_other_stacks_may_be_in_the_state(stack: str) -> None:
    assert "keys-in-custody" not in judged(resources(on_aws(EKS)), stack=stack)


def test_which_stacks_are_for_production_is_an_option() -> None:
    found = resources(on_aws(EKS))
    options = {"productionStacks": ["live-*"]}
    assert "keys-in-custody" in judged(found, stack="live-eu", options=options)
    assert "keys-in-custody" not in judged(found, stack="prod", options=options)


def test_fewer_days_are_an_option() -> None:
    found = resources(on_aws({**EKS, "key": {"deletionWindowDays": 14}}))
    assert "unseal-key-kept" in judged(found)
    assert "unseal-key-kept" not in judged(found, options={"minimumDays": 14})


def test_vault_that_leaves_a_seal_gives_up_its_key() -> None:
    migration = {**EKS, "seal": "shamir", "migrateFrom": {"seal": "awskms"}}
    found = resources(on_aws(migration))
    assert not next(entry for entry in found if entry.type == mocked_account.KEY).protected
    assert judged(found).keys() == NOT_BY_DEFAULT | SOFT_BY_DEFAULT


@pytest.mark.parametrize(
    ("devices", "enough"),
    [({"file": "file", "stdout": "file"}, True), (["file", "stdout"], True), (["file"], False), ([], False)],
)
def test_one_audit_device_is_not_enough(devices: object, enough: bool) -> None:
    audit = Resource(AUDIT_DEVICES, "audit", {"devices": devices}, protected=False)
    others = [entry for entry in resources(on_aws(EKS)) if entry.type != AUDIT_DEVICES]
    assert ("audited-twice" not in judged([*others, audit])) is enough


@pytest.mark.parametrize(
    ("properties", "pinned"),
    [
        ({"chart": "oci://registry.example.com/charts/vault"}, False),
        ({"chart": "oci://registry.example.com/charts/vault", "version": "0.29.1"}, True),
        ({"chart": "vault", "repositoryOpts": {"repo": "https://charts.example.com"}}, False),
        ({"chart": "./charts/vault"}, True),
    ],
)
def test_chart_from_elsewhere_needs_a_version(properties: Mapping[str, Any], pinned: bool) -> None:
    release = Resource(mocked_account.RELEASE, "vault", properties, protected=False)
    assert ("pinned-images" not in judged([release])) is pinned


def test_stack_without_anything_is_left_alone() -> None:
    assert judged([]) == {}


def test_lost_init_is_reported() -> None:
    found = [entry for entry in resources(on_aws(EKS)) if entry.type != mocked_account.INIT]
    assert "init-present" in judged(found)


def values(found: object) -> Iterator[str]:
    """Every value in properties; not their names."""
    if isinstance(found, Mapping):
        for entry in found.values():
            yield from values(entry)
    elif isinstance(found, Sequence) and not isinstance(found, str):
        for entry in found:
            yield from values(entry)
    elif isinstance(found, str) and found.lstrip().startswith(("{", "[")):
        yield from values(json.loads(found))
    else:
        yield str(found)


def spoiled(found: object, number: Iterator[int]) -> Any:
    """The properties with every text but an Allow replaced by one of its own, which can be found again."""
    if isinstance(found, Mapping):
        return {key: entry if entry == "Allow" else spoiled(entry, number) for key, entry in found.items()}
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [spoiled(entry, number) for entry in found]
    if isinstance(found, str):
        if found.lstrip().startswith("{"):
            return json.dumps(spoiled(json.loads(found), number))
        return f"hidden-{next(number)}-*"
    return found


def test_no_report_tells_a_value() -> None:
    """Texts of their own stand for all values, unprotected: nearly every rule has to object."""
    settings = {
        **EKS,
        "custody": SECRET_ON_AWS,
        "ingress": {"host": "vault.example.com", "backendTls": "alb"},
    }
    weak = {**settings, "mode": "standalone", "replicas": "1", "key": {"deletionWindowDays": 7}}
    found = [*resources(on_aws(weak)), *resources(on_google({**GKE, "custody": SECRET_ON_GOOGLE}))]
    number = iter(range(10**6))
    bad = [replace(entry, properties=spoiled(entry.properties, number), protected=False) for entry in found]
    texts = [problem for problems in judged(bad).values() for problem in problems]
    assert next(number) > 300
    assert judged(bad).keys() >= {"init-protected", "unseal-key-kept", "rest-kept", "no-wide-rights"}
    assert not [text for text in texts if "hidden-" in text]


def test_no_report_on_a_real_stack_tells_a_value() -> None:
    found = [entry for settings, _ in VIOLATIONS.values() for entry in resources(on_aws(settings))]
    hidden = {value for entry in found for value in values(entry.properties) if len(value) > 8}
    # What rules call things themselves.
    told = [problem for problems in judged(found).values() for problem in problems]
    assert len(told) > 10
    assert [(value, text) for value in hidden for text in told if value in text] == []


def test_no_text_of_a_rule_is_without_a_way_out() -> None:
    assert [rule.name for rule in RULES if not rule.fix.endswith((".", ")."))] == []
    assert len({rule.name for rule in RULES}) == len(RULES)
