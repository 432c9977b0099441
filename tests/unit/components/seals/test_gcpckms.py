"""The seal of Google Cloud KMS: its settings, its stanza, and what it makes and asks of the pods."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from pulumi.runtime import MockResourceArgs

from components.cluster_lookup import look_up_cluster
from components.errors import DeploymentError
from components.google.settings import IdentitySettings, KeySettings
from components.seal_provisioning import provision_seals
from components.seals import gcpckms
from components.seals.seal import ProvisionedSeal, SealStanza, SecretMount, TokenMount
from tests.unit.fakes.mocked_google import (
    ACCOUNT,
    ACCOUNT_KEY,
    ACCOUNT_MEMBER,
    CUSTOM_ROLE,
    EMAIL,
    GET_KEY_RINGS,
    GET_KEYS,
    GET_ROLES,
    IDENTITY_COMPONENT,
    KEY,
    KEY_COMPONENT,
    KEY_ID,
    KEY_MEMBER,
    KUBERNETES_SECRET,
    NOTHING_YET,
    PROVIDER,
    READER_ROLE,
    RING,
    RING_ID,
    RINGS,
    SERVICE,
    WORKLOAD_POOL,
    api_off,
    computed,
    key,
)
from tests.unit.fakes.recorded_deployment import Answer, Deployment, Secret, deploy
from tests.unit.fakes.seal_args import KEY_GUARD, guard_keys
from tests.unit.fakes.stack_settings import GKE, parse, problems

ANY_CLUSTER: Mapping[str, Any] = {"project": "acme-prod", "kubeContext": "here"}
KUBERNETES = "pulumi:providers:kubernetes"


def provisioned(
    configuration: Mapping[str, Any], answers: Mapping[str, Answer] = NOTHING_YET, **options: Any
) -> tuple[Deployment, ProvisionedSeal]:
    """The deployment of the seal alone, whose outputs are those that the seal has, and a few more."""
    results = []

    def program() -> None:
        settings = parse(configuration)
        seal = provision_seals(
            settings,
            look_up_cluster(settings),
            kubernetes.Provider("kubernetes"),
            pulumi.Output.from_input(settings.namespace),
            guard=guard_keys,
        ).current
        results.append(seal)
        assert seal.stanza is not None
        pulumi.export("stanza", seal.stanza.apply(lambda stanza: {stanza.type: dict(stanza.parameters)}))
        pulumi.export("key", seal.key)
        pulumi.export("preflight", dict(seal.preflight))
        pulumi.export("annotations", dict(seal.pods.service_account_annotations))
        pulumi.export("pod_annotations", dict(seal.pods.pod_annotations))
        pulumi.export("mounts", [mount.secret for mount in seal.pods.secret_mounts])
        pulumi.export("outputs", dict(seal.outputs))

    deployment = deploy({}, answers=answers, outputs=computed, program=program, **options)
    return deployment, results[0]


def test_defaults_on_gke() -> None:
    seal = parse(GKE).seal
    assert seal == gcpckms.Seal(
        key=KeySettings(
            key_ring="vault-auto-unseal",
            location="global",
            name="unseal-key",
            rotation_days=90,
            destroy_scheduled_days=30,
            retain_on_destroy=True,
        ),
        identity=IdentitySettings(
            token_audience=None,
            kind="workload-identity",
            service_account="vault-auto-unseal",
            key_reader_role=None,
            secret="gcp-kms-sa",
            key_rotation="1",
            previous_key_rotation=None,
        ),
    )


def identity(configuration: Mapping[str, Any]) -> IdentitySettings:
    seal = parse(configuration).seal
    assert isinstance(seal, gcpckms.Seal)
    return seal.identity


def test_any_other_cluster_takes_a_key_file() -> None:
    assert identity(ANY_CLUSTER).kind == "key-file"


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("key", {"keyRing": "Ring_1", "location": "europe-west3", "name": "k", "rotationDays": 0}),
        ("key", {"location": "eur4", "rotationDays": 36500, "destroyScheduledDays": 1}),
        ("key", {"location": "nam-eur-asia1"}),
        ("key", {"location": "us", "retainOnDestroy": False, "destroyScheduledDays": 120}),
        ("identity", {"keyReaderRole": "roles/cloudkms.viewer", "serviceAccount": "vault-1"}),
        ("identity", {"keyReaderRole": "projects/acme-prod/roles/KeyReader"}),
        ("identity", {"keyReaderRole": "organizations/123456789/roles/key_reader"}),
        ("identity", {"kind": "key-file", "keyRotation": "2026-07", "previousKeyRotation": "2026-01"}),
        ("identity", {"kind": "key-file", "keyRotation": 2, "secret": "own.secret"}),
        ("identity", {"kind": "secret", "secret": "given"}),
    ],
)
def test_settings_that_are_right(section: str, value: Mapping[str, Any]) -> None:
    assert parse({**GKE, section: value}).seal.type == "gcpckms"


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"key": {"keyRing": "a.b"}}, "key.keyRing"),
        ({"key": {"keyRing": "r" * 64}}, "key.keyRing"),
        ({"key": {"name": ""}}, "key.name"),
        ({"key": {"location": "Europe"}}, "key.location"),
        ({"key": {"location": "europe-west3-a"}}, "key.location"),
        ({"key": {"rotationDays": -1}}, "key.rotationDays"),
        ({"key": {"rotationDays": 36501}}, "key.rotationDays"),
        ({"key": {"destroyScheduledDays": 0}}, "key.destroyScheduledDays"),
        ({"key": {"destroyScheduledDays": 121}}, "key.destroyScheduledDays"),
        ({"key": {"alias": "alias/x"}}, "key.alias"),
        ({"identity": {"kind": "irsa"}}, "identity.kind"),
        ({"identity": {"serviceAccount": "short"}}, "identity.serviceAccount"),
        ({"identity": {"serviceAccount": f"vault@{EMAIL}"}}, "identity.serviceAccount"),
        ({"identity": {"keyReaderRole": "cloudkms.viewer"}}, "identity.keyReaderRole"),
        ({"identity": {"secret": "mine"}}, "identity.secret"),
        ({"identity": {"keyRotation": "2"}}, "identity.keyRotation"),
        ({"identity": {"kind": "secret", "serviceAccount": "vault-1"}}, "identity.serviceAccount"),
        ({"identity": {"kind": "secret", "keyReaderRole": "roles/x"}}, "identity.keyReaderRole"),
        ({"identity": {"kind": "key-file", "secret": "A"}}, "identity.secret"),
        ({"identity": {"kind": "key-file", "keyRotation": "-"}}, "identity.keyRotation"),
        ({"identity": {"kind": "key-file", "previousKeyRotation": "1"}}, "identity.previousKeyRotation"),
        ({"identity": {"name": "x"}}, "identity.name"),
    ],
)
def test_settings_that_are_wrong(changed: Mapping[str, Any], wrong: str) -> None:
    assert [problem.split(" ")[0] for problem in problems({**GKE, **changed})] == [
        f"vault-autounseal:{wrong}"
    ]


def test_workload_identity_needs_a_gke_cluster() -> None:
    (problem,) = problems({**ANY_CLUSTER, "identity": {"kind": "workload-identity"}})
    assert "this stack names no GKE cluster; set clusterName, or use key-file" in problem


def test_stanza() -> None:
    parameters = {
        "project": "acme-prod",
        "region": "global",
        "key_ring": "vault-auto-unseal",
        "crypto_key": "unseal-key",
    }
    assert gcpckms.stanza(KEY_ID, credentials_file=None) == SealStanza("gcpckms", parameters)
    assert gcpckms.stanza(KEY_ID, credentials_file="/f.json") == SealStanza(
        "gcpckms", {**parameters, "credentials": "/f.json"}
    )


def test_workload_identity() -> None:
    deployment, seal = provisioned(GKE)
    assert deployment.types == sorted(
        [
            *[
                PROVIDER,
                KUBERNETES,
                KEY_COMPONENT,
                KEY_GUARD,
                RING,
                KEY,
                IDENTITY_COMPONENT,
                ACCOUNT,
                CUSTOM_ROLE,
            ],
            *[ACCOUNT_MEMBER, KEY_MEMBER, KEY_MEMBER, SERVICE, SERVICE, SERVICE, SERVICE],
        ]
    )
    assert deployment.outputs["stanza"] == {
        "gcpckms": dict(gcpckms.stanza(KEY_ID, credentials_file=None).parameters)
    }
    assert deployment.outputs["key"] == KEY_ID
    assert deployment.outputs["annotations"] == {"iam.gke.io/gcp-service-account": EMAIL}
    assert (seal.pods.environment, seal.pods.secret_mounts, seal.pods.pod_annotations) == ({}, (), {})
    assert deployment.outputs["preflight"] == {
        "seal": "gcpckms",
        "kind": "workload-identity",
        "key_id": KEY_ID,
        "service_account": "vault",
        "service_account_email": EMAIL,
        "workload_pool": WORKLOAD_POOL,
        "cluster": "projects/acme-prod/locations/europe-west3/clusters/prod",
        "secret": "",
    }
    assert deployment.outputs["outputs"] == {
        "key_ring": RING_ID,
        "key_id": KEY_ID,
        "service_account_email": EMAIL,
        "key_reader_role": READER_ROLE,
    }
    member = deployment.only(ACCOUNT_MEMBER).inputs["member"]
    assert member == f"serviceAccount:{WORKLOAD_POOL}[vault/vault]"


def test_a_key_file() -> None:
    deployment, seal = provisioned(ANY_CLUSTER)
    assert deployment.outputs["stanza"]["gcpckms"]["credentials"] == "/vault/userconfig/credentials.json"
    assert seal.pods.environment == {"GOOGLE_APPLICATION_CREDENTIALS": "/vault/userconfig/credentials.json"}
    (mount,) = seal.pods.secret_mounts
    assert (mount.name, mount.path) == ("google-credentials", "/vault/userconfig")
    assert deployment.outputs["mounts"] == ["gcp-kms-sa"]
    assert deployment.outputs["pod_annotations"] == {"vault-autounseal/google-key": "id-of-vault-identity-1"}
    assert deployment.outputs["annotations"] == {}
    preflight = deployment.outputs["preflight"]
    assert (preflight["kind"], preflight["secret"]) == ("key-file", "gcp-kms-sa")
    assert (preflight["cluster"], preflight["workload_pool"]) == ("", "")
    secret = deployment.only(KUBERNETES_SECRET)
    assert secret.provider.startswith(deployment.only(KUBERNETES).urn)
    assert ACCOUNT_KEY in deployment.prerequisites(secret)
    assert [call.token for call in deployment.calls] == [GET_KEY_RINGS, GET_ROLES]


def test_nothing_that_is_secret_leaves_the_seal() -> None:
    deployment, seal = provisioned(ANY_CLUSTER)
    assert not any(isinstance(value, Secret) for value in deployment.outputs.values())
    assert "eyJ0eXBl" not in repr(deployment.outputs)
    assert seal.pods.secret_environment == ()


def test_a_secret_that_is_there_already() -> None:
    deployment, seal = provisioned({**GKE, "identity": {"kind": "secret", "secret": "given"}})
    assert deployment.types == sorted([PROVIDER, KUBERNETES, KEY_COMPONENT, KEY_GUARD, RING, KEY, SERVICE])
    assert seal.pods.secret_mounts == (
        SecretMount(name="google-credentials", secret="given", path="/vault/userconfig"),
    )
    assert seal.pods.pod_annotations == {}
    assert deployment.outputs["preflight"]["kind"] == "secret"
    assert deployment.outputs["preflight"]["secret"] == "given"
    assert "token_audience" not in deployment.outputs["preflight"]
    assert seal.pods.token_mounts == ()
    assert deployment.outputs["preflight"]["service_account_email"] == ""
    assert deployment.outputs["outputs"] == {"key_ring": RING_ID, "key_id": KEY_ID}


def test_workload_identity_federation() -> None:
    identity = {"kind": "secret", "secret": "given", "tokenAudience": "https://pool.example.com"}
    deployment, seal = provisioned({**ANY_CLUSTER, "identity": identity})
    assert seal.pods.token_mounts == (
        TokenMount(name="google-token", audience="https://pool.example.com", path="/vault/google-token"),
    )
    assert seal.pods.secret_mounts[0].secret == "given"
    preflight = deployment.outputs["preflight"]
    assert (preflight["token_audience"], preflight["service_account"]) == (
        "https://pool.example.com",
        "vault",
    )


@pytest.mark.parametrize("kind", ["key-file", "workload-identity"])
def test_only_credentials_that_exist_are_federated(kind: str) -> None:
    (problem,) = problems({**GKE, "identity": {"kind": kind, "tokenAudience": "a"}})
    assert "identity.tokenAudience" in problem


@pytest.mark.parametrize(
    ("kind", "apis"),
    [
        ("workload-identity", {"cloudkms", "iam", "iamcredentials", "sts"}),
        ("key-file", {"cloudkms", "iam"}),
        ("secret", {"cloudkms"}),
    ],
)
def test_apis_are_on_before_anything_else(kind: str, apis: set[str]) -> None:
    deployment, _ = provisioned({**GKE, "identity": {"kind": kind}})
    services = deployment.of_type(SERVICE)
    assert {entry.inputs["service"] for entry in services} == {f"{api}.googleapis.com" for api in apis}
    assert all(entry.inputs["disableOnDestroy"] is False for entry in services)
    made = [deployment.only(RING)] if kind == "secret" else [deployment.only(RING), deployment.only(ACCOUNT)]
    for resource in made:
        assert {entry.urn for entry in services} <= resource.dependencies


def test_apis_are_left_alone_where_the_settings_say_so() -> None:
    deployment, _ = provisioned({**GKE, "enableApis": False})
    assert deployment.of_type(SERVICE) == []


@pytest.mark.parametrize(
    ("function", "api"), [(GET_KEY_RINGS, "cloudkms.googleapis.com"), (GET_ROLES, "iam.googleapis.com")]
)
def test_an_api_that_is_off_is_found_before_any_resource(function: str, api: str) -> None:
    answers = {**NOTHING_YET, function: api_off(api)}
    assert provisioned(GKE, answers)
    made: list[str] = []

    def outputs(args: MockResourceArgs) -> Mapping[str, Any]:
        made.append(args.typ)
        return computed(args)

    def program() -> None:
        settings = parse({**ANY_CLUSTER, "enableApis": False})
        provider = kubernetes.Provider("kubernetes")
        provision_seals(settings, None, provider, "vault", guard=guard_keys)

    with pytest.raises(DeploymentError, match=f"the API {api} is off"):
        deploy({}, answers=answers, outputs=outputs, program=program)
    assert set(made) <= {PROVIDER, KUBERNETES, KEY_GUARD}


def test_no_key_is_imported_before_the_guard_has_seen_its_name() -> None:
    deployment, _ = provisioned(GKE)
    guard = deployment.only(KEY_GUARD)
    assert guard.inputs["seal_key"] == KEY_ID
    for type_ in (RING, KEY):
        assert KEY_GUARD in deployment.prerequisites(deployment.only(type_))


def test_the_ring_of_an_earlier_stack_is_used_again() -> None:
    deployment, _ = provisioned(GKE, {**NOTHING_YET, GET_KEY_RINGS: RINGS, GET_KEYS: {"keys": [key()]}})
    assert (deployment.only(RING).import_id, deployment.only(KEY).import_id) == (RING_ID, KEY_ID)
    assert deployment.only(KEY).protect
    assert deployment.only(KEY).retain_on_delete


def test_pods_start_after_key_and_rights() -> None:
    deployment, seal = provisioned(GKE)
    urns = {deployment.only(KEY_COMPONENT).name, deployment.only(IDENTITY_COMPONENT).name}
    assert {resource._name for resource in seal.prerequisites} == urns


def test_a_preview_of_an_empty_project() -> None:
    deployment, _ = provisioned(GKE, preview=True)
    assert KEY in deployment.types


def test_a_stack_elsewhere_does_not_load_googles_sdk() -> None:
    modules = "cluster_lookup custody_provisioning seal_provisioning webhook_rule seals.gcpckms"
    imports = "; ".join(f"import components.{name}" for name in modules.split())
    program = f"import sys; {imports}; sys.exit('pulumi_gcp' in sys.modules or 'pulumi_aws' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("identity", "needed"),
    [({}, True), ({"kind": "workload-identity"}, True), ({"kind": "key-file"}, False)],
)
def test_gke_vouches_for_the_pods_with_workload_identity_only(
    identity: Mapping[str, Any], needed: bool
) -> None:
    assert parse({**GKE, "identity": identity}).seal.needs_token_issuer is needed
