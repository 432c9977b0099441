"""The release of the official chart, as the engine is asked for it, and the ways to its pods."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest

from components.errors import DeploymentError
from components.seals import gcpckms
from components.seals.seal import PodRequirements, SealStanza
from components.settings.deployed_vault import DeployedVault
from components.vault.running_configuration import CONFIGURATION_ANNOTATION
from components.vault_release import (
    VaultRelease,
    VaultReleaseArgs,
    pod_access,
    user_interface,
)
from sandbox.certificates import CertificateAuthority
from tests.unit.fakes.init_inputs import TARGET
from tests.unit.fakes.mocked_account import GET_STATE, RELEASE, RELEASE_COMPONENT
from tests.unit.fakes.recorded_deployment import Answer, Deployment, Secret, deploy
from tests.unit.fakes.recorded_state import NO_STATE, recorded_state
from tests.unit.fakes.stack_settings import SHAMIR, parse

AUTHORITY = "-----BEGIN CERTIFICATE-----\n"
STANZA = SealStanza("awskms", {"region": "eu-central-1", "kms_key_id": "1"})


def released(
    computed: Mapping[str, Any] | None = None,
    stanzas: Sequence[SealStanza] = (),
    pods: PodRequirements | None = None,
    secret_annotation: str = "",
    state: Answer = NO_STATE,
    secret_keys: Sequence[str] = (),
    **settings: Any,
) -> Deployment:
    def program() -> None:
        parsed = parse({**SHAMIR, **settings}, secret_keys=secret_keys)
        secret = {"key": pulumi.Output.secret(secret_annotation)} if secret_annotation else {}
        release = VaultRelease(
            "vault",
            VaultReleaseArgs(
                settings=parsed,
                access=pod_access(parsed, TARGET),
                namespace="secrets",
                seal_stanzas=[pulumi.Output.from_input(stanza) for stanza in stanzas],
                pods=pods or PodRequirements(pod_annotations=secret),
                authority=AUTHORITY if parsed.tls.enabled else None,
                prerequisites=(),
            ),
        )
        pulumi.export("release_name", release.release_name)
        pulumi.export("namespace", release.namespace)
        pulumi.export("revision", release.revision)
        pulumi.export("fullname", release.fullname)
        for name, output in release.outputs.items():
            pulumi.export(name, output)

    helms = {"status": {"revision": 2}, **(computed or {})}
    return deploy({}, answers={GET_STATE: state}, outputs=lambda _: helms, program=program)


INSTALLED = {"missing": "", "revision": "5f/1/0"}


def configuration(deployment: Deployment) -> str:
    text: str = deployment.only(RELEASE).inputs["values"]["server"]["ha"]["raft"]["config"]
    return text


def test_release_has_a_fixed_name_and_waits_for_no_pod() -> None:
    deployment = released(releaseName="blue")
    release = deployment.only(RELEASE)
    assert {name: value for name, value in release.inputs.items() if name != "values"} == {
        "name": "blue",
        "chart": "vault",
        "version": "0.34.1",
        "repositoryOpts": {"repo": "https://helm.releases.hashicorp.com"},
        "namespace": "secrets",
        "skipAwait": True,
        "timeout": 300,
        "compat": "true",
    }
    assert release.parent == deployment.only(RELEASE_COMPONENT).urn
    told = {"release_name": "blue", "namespace": "secrets", "revision": 2}
    assert deployment.component_outputs == {RELEASE_COMPONENT: told}
    assert deployment.outputs == {**told, "fullname": "blue-vault"}


def test_release_that_helm_does_not_name_has_the_name_of_the_settings() -> None:
    assert released({"name": ""}).outputs["release_name"] == "vault"


def test_chart_may_come_from_a_path() -> None:
    inputs = released(chart={"path": "./chart"}).only(RELEASE).inputs
    assert inputs["chart"] == "./chart"
    assert not {"version", "repositoryOpts"} & inputs.keys()


def test_chart_may_come_from_a_registry_or_a_private_repository() -> None:
    inputs = released(chart={"repository": "oci://r.example/charts/"}).only(RELEASE).inputs
    assert (inputs["chart"], inputs["version"]) == ("oci://r.example/charts/vault", "0.34.1")
    assert "repositoryOpts" not in inputs
    private = {"repository": "https://r.example", "username": "reader", "password": "hidden"}
    inputs = released(chart=private, secret_keys=["chart"]).only(RELEASE).inputs
    options = {"repo": "https://r.example", "username": "reader", "password": "hidden"}
    assert inputs["repositoryOpts"] == Secret(options)
    assert inputs["chart"] == "vault"


def test_configuration_has_the_seals_and_the_way_to_join() -> None:
    text = configuration(released(stanzas=[STANZA, STANZA.disabled()]))
    assert text.count('seal "awskms"') == 2
    assert "https://vault-active.vault.svc:8200" in text
    assert "seal" not in configuration(released())


def test_hcl_of_the_users_own_is_as_secret_as_its_setting() -> None:
    assert "log_level" in configuration(released(extraConfig='log_level = "debug"'))
    hidden = released(extraConfig='log_level = "debug"', secret_keys=["extraConfig"])
    assert isinstance(hidden.only(RELEASE).inputs["values"], Secret)
    for stanza in ("listener", "raft"):
        more: dict[str, Any] = {stanza: {"extraConfig": "a = 1"}}
        hidden = released(secret_keys=[stanza], **more)
        assert isinstance(hidden.only(RELEASE).inputs["values"], Secret)
    awaited = released(
        INSTALLED, extraConfig='log_level = "debug"', secret_keys=["extraConfig"], release="false"
    )
    assert isinstance(awaited.outputs["chart_values"], Secret)


def test_pods_are_marked_with_their_configuration() -> None:
    """So that the StatefulSet's controller tells the pods that started before the last change of it."""

    def annotations(*stanzas: SealStanza) -> dict[str, str]:
        found: dict[str, str] = (
            released(stanzas=stanzas).only(RELEASE).inputs["values"]["server"]["annotations"]
        )
        return found

    other_key = SealStanza("awskms", {**STANZA.parameters, "kms_key_id": "2"})
    of_each = [annotations(), annotations(STANZA), annotations(other_key)]
    assert [list(one) for one in of_each] == [[CONFIGURATION_ANNOTATION]] * 3
    assert len({one[CONFIGURATION_ANNOTATION] for one in of_each}) == 3
    assert annotations(STANZA) == of_each[1]


def test_annotations_of_the_seal_stay() -> None:
    key = {gcpckms.KEY_ANNOTATION: "0123456789abcdef"}
    deployment = released(pods=PodRequirements(pod_annotations=key))
    annotations = deployment.only(RELEASE).inputs["values"]["server"]["annotations"]
    assert annotations.keys() == {CONFIGURATION_ANNOTATION, *key}


def test_configuration_without_high_availability_has_no_raft() -> None:
    values = released(mode="standalone").only(RELEASE).inputs["values"]["server"]
    assert "raft" not in values["standalone"]["config"]
    assert 'storage "file"' in values["standalone"]["config"]


def test_pods_and_configuration_have_the_certificate() -> None:
    deployment = released(tls={"source": "secret"}, releaseName="blue", namespace="secrets")
    values = deployment.only(RELEASE).inputs["values"]
    secret = {"secretName": "blue-vault-server-tls", "defaultMode": 0o440}
    assert values["server"]["volumes"] == [{"name": "server-tls", "secret": secret}]
    mount = {"name": "server-tls", "mountPath": "/vault/tls", "readOnly": True}
    assert values["server"]["volumeMounts"] == [mount]
    assert values["server"]["extraEnvironmentVars"] == {"VAULT_CACERT": "/vault/tls/ca.crt"}
    assert values["injector"]["extraEnvironmentVars"] == {"AGENT_INJECT_VAULT_CACERT_BYTES": AUTHORITY}
    text = configuration(deployment)
    assert 'tls_cert_file = "/vault/tls/tls.crt"' in text
    assert "https://blue-vault-active.secrets.svc:8200" in text
    assert 'leader_tls_servername = "blue-vault-active.secrets.svc"' in text


@pytest.mark.parametrize(
    ("tls", "name"),
    [
        ({}, "vault-active.vault.svc"),
        # Some of its pods may still speak TLS.
        ({"source": "none"}, "vault-active.vault.svc"),
        ({"source": "secret"}, "vault-active.vault.svc"),
    ],
)
def test_pods_are_verified_by_the_name_of_the_active_service(tls: Any, name: str) -> None:
    assert pod_access(parse({**SHAMIR, "tls": tls}), TARGET).server_name == name


def test_pods_that_never_had_tls_are_not_verified() -> None:
    plain = DeployedVault("1.18.1", "0.29.1", "none")
    assert pod_access(parse(SHAMIR, deployed=plain), TARGET).server_name == ""


@pytest.mark.parametrize("address", ["", "http://{pod}.vault:8200"])
def test_address_of_the_settings_leads_to_the_pods(address: str) -> None:
    access = pod_access(parse({**SHAMIR, **({"podAddress": address} if address else {})}), TARGET)
    assert (access.address, access.statefulset, access.target) == (address, "vault", TARGET)


CHART = {"chart": {"version": "0.34.1"}}


@pytest.mark.parametrize(
    ("more", "way"),
    [
        ({"ui": False}, "off (setting ui)"),
        ({"ingress": {"host": "vault.example.com"}}, "http://vault.example.com/ui"),
        (
            {"ingress": {"host": "vault.example.com", "tlsSecret": "certificate"}},
            "https://vault.example.com/ui",
        ),
        (
            {
                "gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["a.example", "b.example"]},
                **CHART,
            },
            "a.example/ui, by the scheme of the Gateway's listener",
        ),
        (
            {"releaseName": "blue"},
            "kubectl --context here --namespace secrets port-forward service/blue-vault-active 8200:8200, "
            "then http://127.0.0.1:8200/ui",
        ),
        (
            {"tls": {"source": "secret"}},
            "kubectl --context here --namespace secrets port-forward service/vault-active 8200:8200, "
            "then https://127.0.0.1:8200/ui",
        ),
        (
            {"mode": "standalone", "kubeconfig": "~/clusters"},
            "kubectl --kubeconfig ~/clusters --context here --namespace secrets port-forward "
            "service/vault 8200:8200, then http://127.0.0.1:8200/ui",
        ),
    ],
)
def test_way_to_the_user_interface(more: Mapping[str, Any], way: str) -> None:
    settings = parse({**SHAMIR, "tls": {"source": "none"}, **more})
    fullname = "blue-vault" if "releaseName" in more else "vault"
    release = cast(VaultRelease, SimpleNamespace(access=pod_access(settings, TARGET), fullname=fullname))
    assert user_interface(settings, release) == way


def test_way_to_the_user_interface_of_a_managed_cluster_names_no_context() -> None:
    settings = replace(parse(SHAMIR), kube_context=None)
    release = cast(VaultRelease, SimpleNamespace(access=pod_access(settings, TARGET), fullname="vault"))
    assert user_interface(settings, release).startswith("kubectl --namespace secrets port-forward ")


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("http://{pod}.vault:8200", True),
        ("http://10.0.0.7/", True),
        ("http://127.0.0.1.example.com:8200", True),
        ("http://localhost.example.com", True),
        ("http://127.0.0.1:8200", False),
        ("http://localhost:8200/", False),
        ("http://{pod}@127.0.0.1:8200", False),
        ("http://127.0.0.1@example.com:8200", True),
        ("http://[::1]:8200", False),
        ("https://{pod}.vault:8200", False),
    ],
)
def test_address_without_tls_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, address: str, warned: bool
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", warnings.append)
    pod_access(parse({**SHAMIR, "podAddress": address, "replicas": 1}), TARGET)
    assert ["root token and shares cross the network in plain text" in text for text in warnings] == (
        [True] if warned else []
    )


def test_ca_of_the_settings_is_part_of_the_access(tmp_path: Path) -> None:
    ca_file = str(CertificateAuthority.load_or_create(tmp_path, "ca").certificate)
    settings = parse({**SHAMIR, "podAddress": "https://{pod}.vault", "podAddressCaFile": ca_file})
    assert pod_access(settings, TARGET).ca_file == ca_file


@pytest.mark.parametrize("setting", [True, False])
def test_configuration_lets_shares_be_enough_if_asked_to(setting: bool) -> None:
    deployment = released(image={"tag": "2.0.2"}, init={"unauthenticatedGenerateRoot": setting})
    line = 'enable_unauthenticated_access = ["generate-root"]'
    assert (line in configuration(deployment)) is setting


def test_values_for_others_are_secret_if_one_of_them_is() -> None:
    plain = released(INSTALLED, release=False).outputs["chart_values"]
    secret = released(INSTALLED, secret_annotation="2", release=False).outputs["chart_values"]
    assert isinstance(plain, str)
    assert isinstance(secret, Secret)
    assert "key: '2'" in secret.value


def test_values_for_others_come_with_the_place_of_the_chart() -> None:
    outputs = released(INSTALLED, chart={"path": "./chart"}, release=False).outputs
    assert (outputs["chart_repository"], outputs["chart_version"]) == ("./chart", "")
    assert outputs["revision"] == "5f/1/0"


@pytest.mark.parametrize("retained", [False, True])
def test_release_of_the_stack_leaves_it_only_once_the_state_retains_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, retained: bool
) -> None:
    state = recorded_state(monkeypatch, tmp_path, {"type": RELEASE, "retainOnDelete": retained})
    if retained:
        assert "chart_values" in released(INSTALLED, state=state, release=False).outputs
        return
    with pytest.raises(DeploymentError, match="would now uninstall it with Vault's pods"):
        released(INSTALLED, state=state, release=False)
