"""The certificate that the stack's own authority signs, and the Secret that has it."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import own_certificate
from components.errors import DeploymentError
from components.own_certificate import OwnCertificate, OwnCertificateProvider
from components.stable_provider import PROVIDER_KEY
from components.tls.authority import create_authority, issue, renewed
from components.tls.judgement import ServerFiles, judge
from tests.unit.fakes.init_inputs import TARGET
from tests.unit.fakes.kubectl_in_process import provide_objects
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.recorded_deployment import Secret, deploy

NOW = datetime.now(UTC)
NAMES = ["vault-active.secrets.svc", "127.0.0.1"]
AUTHORITY = create_authority("vault", NOW)
INPUTS: Mapping[str, Any] = {
    "target": TARGET.to_properties(),
    "secret": "vault-server-tls",
    "names": NAMES,
    "lifetime_days": 90.0,
    "authority": AUTHORITY.certificate,
    "authority_key": AUTHORITY.key,
}
PROVIDER = OwnCertificateProvider()
MANAGED = {"labels": {"app.kubernetes.io/managed-by": "vault-autounseal"}}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """The cluster, with nothing in it."""
    objects = KubernetesObjects(tmp_path / "objects")
    provide_objects(monkeypatch, objects)
    return objects


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said during the run."""
    lines: list[str] = []
    monkeypatch.setattr(own_certificate, "say", lines.append)
    return lines


def at(monkeypatch: pytest.MonkeyPatch, days: int) -> datetime:
    moment = NOW + timedelta(days=days)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Clock":
            return cls.fromtimestamp(moment.timestamp(), tz)

    monkeypatch.setattr(own_certificate, "datetime", Clock)
    return moment


def created() -> dict[str, Any]:
    result = PROVIDER.create(dict(INPUTS))
    assert result.id == "secrets/vault-server-tls"
    return {**(result.outs or {}), PROVIDER_KEY: "p"}


def updated(olds: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return dict(PROVIDER.update("id", dict(olds), {**INPUTS, **changed}).outs or {})


def changes(olds: Mapping[str, Any], **changed: Any) -> bool:
    return bool(PROVIDER.diff("id", dict(olds), {**INPUTS, PROVIDER_KEY: "p", **changed}).changes)


def files(cluster: KubernetesObjects, name: str = "vault-server-tls") -> ServerFiles:
    secret = cluster.get("secret", name)
    assert secret is not None
    texts = [base64.b64decode(secret["data"][entry]).decode() for entry in ("tls.crt", "tls.key", "ca.crt")]
    return ServerFiles(*texts)


def test_certificate_is_in_a_secret_and_its_key_nowhere_else(cluster: KubernetesObjects) -> None:
    outs = created()
    found = files(cluster)
    assert judge(found, NAMES, datetime.now(UTC)).problems == []
    assert found.key.splitlines()[1] not in str({**outs, "authority_key": ""})
    secret = cluster.get("secret", "vault-server-tls")
    assert secret is not None
    assert (secret["type"], secret["metadata"]["labels"]) == ("kubernetes.io/tls", MANAGED["labels"])
    assert datetime.fromisoformat(outs["not_after"]) - datetime.now(UTC) < timedelta(days=90)
    assert not [call for call in cluster.calls if "PRIVATE" in str(call)]


def test_it_changes_once_two_thirds_of_its_life_are_over(
    cluster: KubernetesObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    olds, first = created(), files(cluster)
    at(monkeypatch, 59)
    assert not changes(olds)
    moment = at(monkeypatch, 61)
    assert changes(olds)
    outs = updated(olds)
    assert files(cluster) != first
    assert judge(files(cluster), NAMES, moment).problems == []
    assert not changes({**outs, PROVIDER_KEY: "p"})


@pytest.mark.parametrize(
    "changed", [{"names": [*NAMES, "vault.example.com"]}, {"lifetime_days": 30}], ids=["names", "lifetime"]
)
def test_it_changes_with_the_settings(cluster: KubernetesObjects, changed: Mapping[str, Any]) -> None:
    olds, first = created(), files(cluster)
    assert changes(olds, **changed)
    outs = updated(olds, **changed)
    assert files(cluster) != first
    assert judge(files(cluster), changed.get("names", NAMES), datetime.now(UTC)).problems == []
    assert not changes({**outs, PROVIDER_KEY: "p"}, **changed)


def test_renewed_authority_reaches_the_secret(cluster: KubernetesObjects) -> None:
    olds = created()
    another = renewed(AUTHORITY, NOW + timedelta(days=1)).certificate
    assert changes(olds, authority=another)
    updated(olds, authority=another)
    assert files(cluster).authority == another


def test_another_way_to_the_same_cluster_issues_nothing(cluster: KubernetesObjects) -> None:
    olds, first = created(), files(cluster)
    elsewhere = {**TARGET.to_properties(), "kubeconfig": "other"}
    assert changes(olds, target=elsewhere)
    outs = updated(olds, target=elsewhere)
    assert {**outs, PROVIDER_KEY: "p"} == {**olds, "target": elsewhere}
    assert files(cluster) == first


def test_another_name_of_the_secret_leaves_the_old_one_to_the_pods(
    cluster: KubernetesObjects, told: list[str]
) -> None:
    olds, first = created(), files(cluster)
    updated(olds, secret="other")
    assert files(cluster) == first
    assert judge(files(cluster, "other"), NAMES, datetime.now(UTC)).problems == []
    assert "Secret vault-server-tls has the old certificate" in told[0]


def test_interrupted_run_is_repeated_and_servers_are_verified_meanwhile(cluster: KubernetesObjects) -> None:
    created()
    first = files(cluster)
    other = create_authority("vault", NOW)
    PROVIDER.create({**INPUTS, "authority": other.certificate, "authority_key": other.key})
    found = files(cluster)
    assert found.authority == other.certificate + AUTHORITY.certificate
    assert (
        judge(ServerFiles(first.certificate, first.key, found.authority), NAMES, datetime.now(UTC)).problems
        == []
    )


def test_secret_of_somebody_else_is_left_untouched(cluster: KubernetesObjects) -> None:
    cluster.put("secret", "vault-server-tls", data={"tls.key": "c2VjcmV0"})
    with pytest.raises(DeploymentError, match=r"left untouched\..*set tls\.secret to another name"):
        created()
    assert (cluster.get("secret", "vault-server-tls") or {})["data"] == {"tls.key": "c2VjcmV0"}


def test_refresh_finds_out_that_the_secret_has_gone(cluster: KubernetesObjects) -> None:
    olds = created()
    assert PROVIDER.read("id", olds).outs == olds
    cluster.remove("secret", "vault-server-tls")
    refreshed = PROVIDER.read("id", olds).outs
    assert refreshed is not None
    assert changes(refreshed)
    updated(refreshed)
    assert judge(files(cluster), NAMES, datetime.now(UTC)).problems == []


OTHER = create_authority("vault", NOW)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("tls.key", ""),
        ("tls.key", issue(AUTHORITY, NAMES, 90, NOW).key),
        ("ca.crt", ""),
        ("ca.crt", OTHER.certificate),
        ("ca.crt", renewed(AUTHORITY, NOW + timedelta(days=1)).certificate),
    ],
    ids=["no key", "another key", "no authority", "another authority", "the authority's other certificate"],
)
def test_refresh_heals_a_damaged_secret(cluster: KubernetesObjects, entry: str, text: str) -> None:
    olds, data = created(), (cluster.get("secret", "vault-server-tls") or {})["data"]
    cluster.put("secret", "vault-server-tls", data={**data, entry: base64.b64encode(text.encode()).decode()})
    refreshed = PROVIDER.read("id", olds).outs or {}
    assert changes(refreshed)
    updated(refreshed)
    assert judge(files(cluster), NAMES, datetime.now(UTC)).problems == []
    assert files(cluster).authority == AUTHORITY.certificate


def test_authority_beside_the_stacks_own_is_no_damage(cluster: KubernetesObjects) -> None:
    olds, data = created(), (cluster.get("secret", "vault-server-tls") or {})["data"]
    both = base64.b64encode((AUTHORITY.certificate + OTHER.certificate).encode()).decode()
    cluster.put("secret", "vault-server-tls", data={**data, "ca.crt": both})
    assert PROVIDER.read("id", olds).outs == olds


def test_damaged_secret_goes_with_the_resource(cluster: KubernetesObjects) -> None:
    olds, data = created(), (cluster.get("secret", "vault-server-tls") or {})["data"]
    cluster.put("secret", "vault-server-tls", data={"tls.crt": data["tls.crt"]})
    PROVIDER.delete("id", olds)
    assert cluster.names("secret") == []


def test_refresh_without_the_cluster_keeps_what_is_known(cluster: KubernetesObjects, told: list[str]) -> None:
    olds = created()
    cluster.fail("get", "Unable to connect to the server")
    assert PROVIDER.read("id", olds).outs == olds
    assert "is kept" in told[0]


def test_secret_goes_with_the_resource(cluster: KubernetesObjects) -> None:
    olds = created()
    PROVIDER.delete("id", olds)
    assert cluster.names("secret") == []
    PROVIDER.delete("id", olds)


def put_servers(cluster: KubernetesObjects, *, template: str, pod: str, **metadata: Any) -> None:
    """Puts a StatefulSet and its pod there that mount these Secrets."""

    def mounting(secret: str) -> dict[str, Any]:
        return {"volumes": [{"name": "home", "emptyDir": {}}, {"secret": {"secretName": secret}}]}

    cluster.put("statefulset", "vault", spec={"template": {"spec": mounting(template)}})
    uid = (cluster.get("statefulset", "vault") or {})["metadata"]["uid"]
    owner = {"ownerReferences": [{"kind": "StatefulSet", "uid": uid}]}
    cluster.put("pod", "vault-0", spec=mounting(pod), metadata={**owner, **metadata})


@pytest.mark.parametrize(
    ("template", "pod", "who"),
    [("other", "vault-server-tls", "vault-0"), ("vault-server-tls", "other", "vault")],
    ids=["pod that wasn't replaced", "release of others"],
)
def test_secret_stays_under_pods_that_mount_it(
    cluster: KubernetesObjects, told: list[str], template: str, pod: str, who: str
) -> None:
    olds = created()
    put_servers(cluster, template=template, pod=pod)
    PROVIDER.delete("id", olds)
    assert cluster.names("secret") == ["vault-server-tls"]
    (line,) = told
    assert f"Secret secrets/vault-server-tls is kept: it is mounted by {who}. Once" in line
    assert "--namespace=secrets delete secret vault-server-tls" in line


def test_pods_that_end_do_not_keep_it(cluster: KubernetesObjects) -> None:
    olds = created()
    put_servers(cluster, template="other", pod="vault-server-tls", deletionTimestamp="2026-01-01T00:00:00Z")
    PROVIDER.delete("id", olds)
    assert cluster.names("secret") == []


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "going"])
def test_pods_of_a_release_that_has_gone_do_not_keep_it(cluster: KubernetesObjects, gone: bool) -> None:
    olds = created()
    put_servers(cluster, template="vault-server-tls", pod="vault-server-tls")
    if gone:
        cluster.remove("statefulset", "vault")
    else:
        cluster.put("statefulset", "vault", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    PROVIDER.delete("id", olds)
    assert cluster.names("secret") == []


def test_secret_stays_if_the_pods_cannot_be_listed(cluster: KubernetesObjects, told: list[str]) -> None:
    olds = created()
    cluster.fail("get statefulset,pod", "Error from server (Forbidden): pods is forbidden")
    PROVIDER.delete("id", olds)
    assert cluster.names("secret") == ["vault-server-tls"]
    assert "whether pods mount it can't be seen (Error from server (Forbidden)" in told[0]


def test_certificate_of_others_in_it_stays(cluster: KubernetesObjects, told: list[str]) -> None:
    olds = created()
    cluster.put("secret", "vault-server-tls", data={"tls.crt": "b3RoZXI="})
    PROVIDER.delete("id", olds)
    assert cluster.names("secret") == ["vault-server-tls"]
    cluster.put("secret", "vault-server-tls", metadata={"labels": {}})
    PROVIDER.delete("id", olds)
    assert "wasn't made by this program" in told[0]


def test_error_says_nothing_of_the_key(cluster: KubernetesObjects) -> None:
    cluster.fail("create", "Error from server (Forbidden): denied: {stdin}")
    with pytest.raises(DeploymentError, match=r"\(hidden\)") as raised:
        created()
    assert '"tls.key": "(hidden)"' in str(raised.value)


def test_keys_are_secrets_of_the_state() -> None:
    def program() -> None:
        certificate = OwnCertificate(
            "server-certificate",
            target=TARGET,
            secret="vault-server-tls",
            names=tuple(NAMES),
            lifetime_days=90,
            authority="PEM",
            authority_key=pulumi.Output.secret("hidden"),
            opts=pulumi.ResourceOptions(),
        )
        pulumi.export("not_after", certificate.not_after)

    deployment = deploy({}, answers={}, outputs=lambda _: {"not_after": "then"}, program=program)
    certificate = deployment.only("pulumi-python:dynamic/vault:OwnCertificate")
    assert certificate.additional_secret_outputs == {"authority_key"}
    inputs = {name: value for name, value in certificate.inputs.items() if name != PROVIDER_KEY}
    assert inputs == {**INPUTS, "authority": "PEM", "authority_key": Secret("hidden")}
    assert deployment.outputs == {"not_after": "then"}
