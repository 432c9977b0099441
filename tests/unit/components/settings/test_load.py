"""The settings: defaults, rules, and what a person is told where a value is wrong."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from components.aws.provider_settings import AwsProviderSettings
from components.aws.settings import KeySettings, RoleSettings
from components.seals import awskms, shamir
from components.settings import (
    ChartSettings,
    ClusterSettings,
    CustodySettings,
    DeadlineSettings,
    ImageSettings,
    InitSettings,
    InjectorSettings,
    PodSettings,
    RaftSettings,
    Settings,
    StorageSettings,
    TlsSettings,
    WebhookFirewallSettings,
)
from components.settings.audit import AuditSettings
from components.settings.images import InjectorImageSettings
from components.settings.pods import DisruptionBudgetSettings, LogSettings
from components.settings.services import ServiceSettings, UiServiceSettings
from tests.unit.fakes.stack_settings import EKS, NODE_GROUP, PROJECT, SHAMIR, nested, parse, problems


def test_defaults_on_eks() -> None:
    storage = StorageSettings(enabled=True, size="10Gi", storage_class=None)
    assert parse(EKS) == Settings(
        seal=awskms.Seal(
            key=KeySettings(
                alias="alias/vault-auto-unseal",
                deletion_window_days=30,
                rotation=True,
                retain_on_destroy=True,
            ),
            role=RoleSettings(
                name="vault-auto-unseal-example",
                policy_name="vault-auto-unseal-example",
                path="/",
                permissions_boundary=None,
            ),
            identity="irsa",
            static_keys=None,
        ),
        migrate_from=None,
        aws_provider=AwsProviderSettings(),
        mode="ha",
        storage_migrated_to=None,
        cluster=ClusterSettings(name="example", project=None, location="eu-central-1"),
        project=None,
        enable_apis=False,
        webhook_firewall=WebhookFirewallSettings(control_plane_cidr=None, node_tags=()),
        webhook_rule=True,
        node_security_group_ids=(NODE_GROUP,),
        kubeconfig=None,
        kube_context=None,
        namespace="vault",
        create_namespace=True,
        release="own",
        release_name="vault",
        chart=ChartSettings(repository="https://helm.releases.hashicorp.com", version="0.34.1", path=None),
        image=ImageSettings(repository="hashicorp/vault", tag="1.21.2"),
        replicas=3,
        service_account="vault",
        data_storage=storage,
        audit_storage=storage,
        audit=AuditSettings(given=False, default_devices=("file", "stdout"), volume_bytes=10 * 1024**3),
        ingress=None,
        ui=True,
        injector=InjectorSettings(
            enabled=True,
            port=8080,
            host_network=False,
            verify=True,
            image=InjectorImageSettings(),
            agent_image=ImageSettings(repository="hashicorp/vault", tag="1.21.2"),
        ),
        image_pull_secrets=(),
        pods=PodSettings(),
        topology_spread=None,
        disruption_budget=DisruptionBudgetSettings(),
        service=ServiceSettings(),
        ui_service=UiServiceSettings(),
        log=LogSettings(),
        extra_environment={},
        raft=RaftSettings(
            performance_multiplier=1,
            autopilot_reconcile_interval="1s",
            autopilot_update_interval="500ms",
            retry_join="active-service",
        ),
        init=InitSettings(
            shares=5,
            threshold=3,
            adopt=False,
            adopted_keys_file=None,
            preflight=True,
            pgp_keys=(),
            root_token_pgp_key=None,
            revoke_root_token=False,
            unauthenticated_generate_root=False,
        ),
        custody=CustodySettings(name="state", store=None),
        pod_address=None,
        pod_address_ca_file=None,
        deadlines=DeadlineSettings(
            pod_start_seconds=300, quorum_seconds=300, preflight_seconds=120, webhook_seconds=180
        ),
        protect=True,
        tags={},
        token=None,
        tls=TlsSettings(source="own", declared=True),
    )


def test_defaults_with_shamir() -> None:
    settings = parse(SHAMIR)
    assert settings.seal == shamir.Seal()
    assert (settings.cluster, settings.project, settings.node_security_group_ids) == (None, None, ())
    assert settings.kube_context == "here"


PLAIN = {**SHAMIR, "tls": {"source": "none"}}

ACCEPTED: Sequence[tuple[Mapping[str, Any], str, Any, str, Any]] = [
    (SHAMIR, "createNamespace", False, "create_namespace", False),
    (SHAMIR, "release", False, "release", "others"),
    (SHAMIR, "release", "handover", "release", "handover"),
    (EKS, "key.alias", "alias/team/vault", "seal.key.alias", "alias/team/vault"),
    (EKS, "key.deletionWindowDays", 7, "seal.key.deletion_window_days", 7),
    (EKS, "key.rotation", False, "seal.key.rotation", False),
    (EKS, "key.retainOnDestroy", False, "seal.key.retain_on_destroy", False),
    (EKS, "role.name", "unsealer", "seal.role.name", "unsealer"),
    (EKS, "role.name", "unsealer", "seal.role.policy_name", "unsealer"),
    (EKS, "role.policyName", "use-key", "seal.role.policy_name", "use-key"),
    (EKS, "role.path", "/vault/", "seal.role.path", "/vault/"),
    (
        EKS,
        "role.permissionsBoundary",
        "arn:aws-us-gov:iam::123456789012:policy/boundary",
        "seal.role.permissions_boundary",
        "arn:aws-us-gov:iam::123456789012:policy/boundary",
    ),
    (EKS, "region", "us-gov-west-1", "cluster.location", "us-gov-west-1"),
    (EKS, "nodeSecurityGroupId", "sg-1234abcd", "node_security_group_ids", ("sg-1234abcd",)),
    (SHAMIR, "kubeconfig", "~/.kube/vault", "kubeconfig", "~/.kube/vault"),
    (SHAMIR, "namespace", "secrets", "namespace", "secrets"),
    (SHAMIR, "releaseName", "b" * 38, "release_name", "b" * 38),
    (SHAMIR, "image.repository", "registry.example.com:5000/vault", "image.repository",
     "registry.example.com:5000/vault"),
    (SHAMIR, "image.tag", "1.19.0-ent", "image.tag", "1.19.0-ent"),
    # Unquoted in YAML it is a number.
    (SHAMIR, "image.tag", 12, "image.tag", "12"),
    (SHAMIR, "replicas", 5, "replicas", 5),
    (SHAMIR, "serviceAccount", "vault.server", "service_account", "vault.server"),
    (SHAMIR, "dataStorage.size", "1.5Ti", "data_storage.size", "1.5Ti"),
    (SHAMIR, "dataStorage.storageClass", "gp3", "data_storage.storage_class", "gp3"),
    (SHAMIR, "auditStorage.enabled", False, "audit_storage.enabled", False),
    (SHAMIR, "auditStorage.storageClass", "gp3", "audit_storage.storage_class", "gp3"),
    (SHAMIR, "ui", False, "ui", False),
    (SHAMIR, "extraEnvironment", {"A_B": "c", "N": 7, "T": True}, "extra_environment",
     {"A_B": "c", "N": "7", "T": "true"}),
    (SHAMIR, "raft.performanceMultiplier", 5, "raft.performance_multiplier", 5),
    (SHAMIR, "raft.autopilotReconcileInterval", "10s", "raft.autopilot_reconcile_interval", "10s"),
    (SHAMIR, "raft.autopilotUpdateInterval", "900ms", "raft.autopilot_update_interval", "900ms"),
    (SHAMIR, "raft.retryJoin", "pod-names", "raft.retry_join", "pod-names"),
    (SHAMIR, "init.shares", 7, "init.shares", 7),
    (SHAMIR, "init.threshold", 2, "init.threshold", 2),
    # One share needs no threshold to be set.
    (SHAMIR, "init.shares", 1, "init.threshold", 1),
    (SHAMIR, "init.preflight", False, "init.preflight", False),
    (SHAMIR, "init.rootToken", "revoke", "init.revoke_root_token", True),
    (SHAMIR, "custody.store", "state", "custody.name", "state"),
    (SHAMIR, "podAddress", "https://{pod}.example.com", "pod_address", "https://{pod}.example.com"),
    (SHAMIR, "tls.source", "none", "tls.source", "none"),
    (SHAMIR, "tls", {"source": "secret", "secret": "given"}, "tls.secret", "given"),
    (SHAMIR, "tls", {"source": "own", "lifetimeDays": 30}, "tls.lifetime_days", 30),
    (SHAMIR, "tls", {"source": "secret", "extraNames": ["a.b", "::1"]}, "tls.extra_names", ("a.b", "::1")),
    (SHAMIR, "deadlines.podStartSeconds", 600, "deadlines.pod_start_seconds", 600),
    (SHAMIR, "deadlines.quorumSeconds", 60, "deadlines.quorum_seconds", 60),
    (SHAMIR, "deadlines.preflightSeconds", 60, "deadlines.preflight_seconds", 60),
    (SHAMIR, "deadlines.webhookSeconds", 30, "deadlines.webhook_seconds", 30),
    (SHAMIR, "protect", False, "protect", False),
    (SHAMIR, "tags", {"team": "blue"}, "tags", {"team": "blue"}),
    (EKS, "identity.kind", "pod-identity", "seal.identity", "pod-identity"),
    (PLAIN, "ingress", {"host": "vault.example.com"}, "ingress.path_type", "Prefix"),
    (PLAIN, "ingress", {"host": "vault.example.com"}, "ingress.path", "/"),
    (PLAIN, "ingress", {"host": "vault.example.com", "className": "nginx"}, "ingress.class_name", "nginx"),
    (PLAIN, "ingress", {"host": "v.example.com", "pathType": "Exact"}, "ingress.path_type", "Exact"),
    (PLAIN, "ingress", {"host": "v.example.com", "tlsSecret": "cert"}, "ingress.tls_secret", "cert"),
    (PLAIN, "ingress", {"host": "v.example.com"}, "ingress.backend_tls", "none"),
    (PLAIN, "ingress", {"host": "v.example.com", "annotations": {"a/b": "c"}}, "ingress.annotations",
     {"a/b": "c"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "path", "value", "attribute", "expected"), ACCEPTED, ids=[entry[1] for entry in ACCEPTED]
)
def test_setting_is_taken_over(
    base: Mapping[str, Any], path: str, value: Any, attribute: str, expected: Any
) -> None:
    found: Any = parse({**base, **nested(path, value)})
    for part in attribute.split("."):
        found = getattr(found, part)
    assert found == expected
    assert type(found) is type(expected)


def test_every_setting_is_covered_above() -> None:
    def leaves(settings: Any, prefix: str = "") -> set[str]:
        found: set[str] = set()
        for entry in dataclasses.fields(settings):
            value = getattr(settings, entry.name)
            name = f"{prefix}{entry.name}"
            found |= leaves(value, f"{name}.") if dataclasses.is_dataclass(value) else {name}
        return found

    covered = {attribute for _, _, _, attribute, _ in ACCEPTED}
    missing = leaves(parse({**EKS, "ingress": {"host": "vault.example.com", "backendTls": "none"}})) - covered
    elsewhere = {"cluster.name", "kube_context", "token", "ingress.host"}
    elsewhere |= {"deployed"}  # no setting: test_deployed_vault.py
    elsewhere |= {"configuration_namespace"}  # of all, see tests/unit/vault_autounseal/test_vault.py
    elsewhere |= {"pod_address_ca_file"}  # test_load_pod_address.py
    elsewhere |= {"init.unauthenticated_generate_root"}  # test_init_of_vault_2.py
    # test_cloud.py
    elsewhere |= {"cluster.project", "project", "enable_apis", "migrate_from", "mode", "storage_migrated_to"}
    elsewhere |= {"webhook_firewall.control_plane_cidr", "webhook_firewall.node_tags", "webhook_rule"}
    # test_init.py and test_custody.py
    elsewhere |= {"init.adopt", "init.adopted_keys_file", "init.pgp_keys", "init.root_token_pgp_key"}
    elsewhere |= {"custody.store"}
    # test_pods.py, test_images.py, test_injector.py and test_services.py
    beside = ("pods.", "disruption_budget.", "log.", "service.", "ui_service.", "injector.")
    elsewhere |= {"topology_spread", "image_pull_secrets", "image.pull_policy"}
    elsewhere |= {name for name in missing if name.startswith(beside)}
    elsewhere |= {"seal.static_keys"}  # test_awskms_static.py
    elsewhere |= {"metrics", "snapshots"}  # test_metrics.py, test_snapshots.py
    # aws/test_provider_settings.py, test_chart.py, test_server_configuration.py
    modules = ("aws_provider.", "chart.", "extra_configuration.", "listener.", "raft.extra.")
    elsewhere |= {name for name in missing if name.startswith(modules)}
    elsewhere |= {"tls.declared", "tls.issuer"}  # test_tls.py
    elsewhere |= {"license"}  # test_enterprise_license.py
    elsewhere |= {"gateway", "network_policy"}  # test_gateway.py, test_network_policy.py
    elsewhere |= {"upgrade.roll", "upgrade.pod_seconds", "upgrade.snapshot"}  # test_upgrade.py
    elsewhere |= {name for name in missing if name.startswith("audit.")}  # test_audit.py
    fixed = {"data_storage.enabled"}
    shared_with_data_storage = {"audit_storage.size"}
    assert missing == elsewhere | fixed | shared_with_data_storage


WRONG: Sequence[tuple[Mapping[str, Any], str, Any, str]] = [
    (SHAMIR, "raft.autopilotReconcileInterval", "500ms", "is longer than autopilotUpdateInterval (500ms)"),
    (SHAMIR, "raft.autopilotUpdateInterval", "1m", "is longer than autopilotUpdateInterval (1m)"),
    (EKS, "clusterName", "no spaces", "give the name of the EKS cluster"),
    (EKS, "region", "Frankfurt", "give the AWS region of the cluster"),
    (EKS, "region", "", "give the AWS region of the cluster"),
    (EKS, "nodeSecurityGroupId", "nodes", "give the security group of the nodes"),
    (SHAMIR, "seal", "pkcs11", "docs/seals.md says when to choose which"),
    (EKS, "key.alias", "vault", "begin with alias/"),
    (EKS, "key.alias", "alias/aws/ebs", "not alias/aws/"),
    (EKS, "key.deletionWindowDays", 6, "use 7 to 30 days"),
    (EKS, "key.deletionWindowDays", "a week", "use 7 to 30 days"),
    (EKS, "key.rotation", "yes", "use true or false"),
    (EKS, "key.retainOnDestroy", 1, "use true or false"),
    (EKS, "role.name", "a role", "use at most 64 of"),
    (EKS, "role.name", "r" * 65, "use at most 64 of"),
    (EKS, "role.policyName", "p" * 129, "use at most 128 of"),
    (EKS, "role.path", "vault", "begin and end with a slash"),
    (EKS, "role.permissionsBoundary", "boundary", "give the ARN of an IAM policy"),
    (EKS, "role", "unsealer", "give an object"),
    (EKS, "kubeconfig", "~/.kube/config", "set kubeContext too"),
    (SHAMIR, "kubeContext", "", "name a context of the kubeconfig"),
    (SHAMIR, "namespace", "Vault", "use a DNS label"),
    (SHAMIR, "namespace", "v" * 64, "use a DNS label"),
    (SHAMIR, "releaseName", "r" * 39, "use at most 38 of"),
    (SHAMIR, "extraEnvironment", {"VERSION": 1.2}, "put it in quotes"),
    (SHAMIR, "replicas", 2, "use 1, 3, 5 or 7"),
    (SHAMIR, "replicas", "three", "use 1, 3, 5 or 7"),
    (SHAMIR, "serviceAccount", "Vault_Server", "use a DNS name"),
    (SHAMIR, "dataStorage.size", "ten", "give a Kubernetes quantity"),
    (SHAMIR, "dataStorage.enabled", False, "Vault's storage can't do without its volume"),
    (SHAMIR, "dataStorage.storageClass", "GP3", "name a StorageClass"),
    (SHAMIR, "auditStorage.enabled", "no", "use true or false"),
    (SHAMIR, "auditStorage.size", "0", "give a Kubernetes quantity"),
    (SHAMIR, "ingress.className", "Nginx", "name an IngressClass"),
    (SHAMIR, "ingress", "vault.example.com", "give an object"),
    (SHAMIR, "ingress", {"host": "https://vault.example.com"}, "give the host name of the Ingress"),
    (SHAMIR, "ingress", {}, "give the host name of the Ingress"),
    (SHAMIR, "ingress", {"host": "v.example.com", "path": "ui"}, "begin with a slash"),
    (SHAMIR, "ingress", {"host": "v.example.com", "pathType": "prefix"}, "use Prefix or Exact or Impl"),
    (SHAMIR, "ingress", {"host": "v.example.com", "tlsSecret": "a b"}, "name the Secret"),
    (SHAMIR, "ingress", {"host": "v.example.com", "annotations": {"a": []}}, "use an annotation's name"),
    (SHAMIR, "ui", "on", "use true or false"),
    (SHAMIR, "extraEnvironment", {"A-B": "c"}, "use a variable's name and a text"),
    (SHAMIR, "extraEnvironment", {"A": None}, "use a variable's name and a text"),
    (SHAMIR, "raft.performanceMultiplier", 11, "use 1 to 10"),
    (SHAMIR, "raft.autopilotReconcileInterval", "1 second", "give a duration, such as 1s"),
    (SHAMIR, "raft.autopilotUpdateInterval", "0s", "give a duration, such as 500ms"),
    (SHAMIR, "raft.retryJoin", "service", "use active-service or pod-names"),
    (SHAMIR, "init.shares", 256, "use 1 to 255"),
    (SHAMIR, "init.threshold", 6, "it can't be above the 5 shares"),
    (SHAMIR, "init.threshold", 1, "any one holder is enough"),
    (SHAMIR, "init.adopt", "please", "use true or false"),
    (SHAMIR, "init.preflight", "off", "use true or false"),
    (SHAMIR, "init.wipe", True, "pulumi up deletes no volume any more"),
    (SHAMIR, "init.rootToken", "destroy", "use keep or revoke"),
    (SHAMIR, "podAddress", "https://vault.example.com", "put {pod} where the pod's name goes"),
    (SHAMIR, "podAddress", "{pod}.example.com", "give a URL"),
    (SHAMIR, "deadlines.podStartSeconds", 9, "give 10 to 3600 seconds"),
    (SHAMIR, "deadlines.quorumSeconds", 3601, "give 10 to 3600 seconds"),
    (SHAMIR, "deadlines.preflightSeconds", 0, "give 10 to 3600 seconds"),
    (SHAMIR, "deadlines.webhookSeconds", "5m", "give 10 to 3600 seconds"),
    (SHAMIR, "protect", "maybe", "use true or false"),
    (SHAMIR, "tags", {"aws:team": "blue"}, "use a key that doesn't begin with aws:"),
    (SHAMIR, "region", "eu-central-1", "nothing of AWS is used without clusterName"),
    (SHAMIR, "nodeSecurityGroupId", NODE_GROUP, "it belongs to an EKS cluster"),
    (SHAMIR, "key", {"alias": "alias/vault"}, "it belongs to seal awskms or gcpckms, and the seal is shamir"),
    (SHAMIR, "role", {"name": "vault"}, "it belongs to seal awskms, and the seal is shamir"),
]


def shown(value: Any, path: str) -> str:
    """How a message quotes the value: nested as it is, an object on the first level as Pulumi's JSON text."""
    if "." in path or isinstance(value, str):
        return json.dumps(value)
    return json.dumps(json.dumps(value))


@pytest.mark.parametrize(
    ("base", "path", "value", "fix"), WRONG, ids=[f"{path}={value}"[:50] for _, path, value, _ in WRONG]
)
def test_wrong_value_names_key_value_and_fix(
    base: Mapping[str, Any], path: str, value: Any, fix: str
) -> None:
    found = problems({**base, **nested(path, value)})
    (problem,) = [text for text in found if fix in text]
    if path != "ingress" or isinstance(value, str):
        assert problem.startswith(f"{PROJECT}:{path} is {shown(value, path)}: ")
    else:
        assert problem.startswith(f"{PROJECT}:ingress.")


@pytest.mark.parametrize("replicas", range(-1, 10))
def test_replicas_are_an_odd_number_up_to_seven(replicas: int) -> None:
    if replicas in (1, 3, 5, 7):
        assert parse({**SHAMIR, "replicas": replicas}).replicas == replicas
    else:
        assert len(problems({**SHAMIR, "replicas": replicas})) == 1


@pytest.mark.parametrize("text", ["3", "true", "false"])
def test_values_come_as_texts_on_the_first_level(text: str) -> None:
    key = "replicas" if text == "3" else "ui"
    assert getattr(parse({**SHAMIR, key: text}), key) == json.loads(text)


def test_cluster_or_context_is_required() -> None:
    (problem,) = problems({"seal": "shamir"})
    assert problem.startswith(f"{PROJECT}:kubeContext is not set: ")
    assert "clusterName" in problem


def test_awskms_needs_the_cluster_even_with_a_context() -> None:
    (problem,) = problems({"kubeContext": "here"})
    assert problem.startswith(f"{PROJECT}:clusterName is not set: seal awskms needs")


def test_region_of_the_cluster_is_required() -> None:
    (problem,) = problems({"clusterName": "example", "nodeSecurityGroupId": NODE_GROUP})
    assert problem.startswith(f"{PROJECT}:region is not set: ")


def test_default_role_name_that_is_too_long() -> None:
    (problem,) = problems({**EKS, "clusterName": "c" * 60})
    assert "longer than the 64 characters" in problem
    assert parse({**EKS, "clusterName": "c" * 60, "role": {"name": "unsealer"}}).cluster == ClusterSettings(
        name="c" * 60, project=None, location="eu-central-1"
    )


def test_one_pod_needs_no_placeholder_in_its_address() -> None:
    address = "https://vault.example.com"
    assert parse({**SHAMIR, "replicas": 1, "podAddress": address}).pod_address == address


def test_settings_are_frozen() -> None:
    settings = parse(SHAMIR)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.replicas = 1  # type: ignore[misc]  # what mypy refuses is what is tested
