"""By what a pod is verified behind a tunnel, and which pods speak TLS at all."""

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.vault.client import VaultClient, VaultRefusedError, VaultUnreachableError
from components.vault.server_identity import ServerIdentity, served_authority
from sandbox.certificates import CertificateAuthority
from tests.http_server import http_server
from tests.unit.fakes.scripted_vault import SEAL_STATUS, seal_status, serve_scripted_vault

BLOCK = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"
NAME = "vault-active.vault.svc"
TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="vault")


def pem(authority: CertificateAuthority) -> str:
    return authority.certificate.read_text()


def test_server_is_verified_by_name_and_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    with serve_scripted_vault(authority, [NAME]) as vault:
        vault.answers(SEAL_STATUS, seal_status())
        client = VaultClient(vault.address, identity=ServerIdentity(NAME, pem(authority)))
        assert client.seal_status().version == "1.18.1"
        assert client.with_token("hvs.own").seal_status().version == "1.18.1"
        assert [request.token for request in vault.requests] == ["", "hvs.own"]


def test_another_name_is_refused(tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    with serve_scripted_vault(authority, ["vault.vault.svc"]) as vault:
        client = VaultClient(vault.address, "hvs.own", identity=ServerIdentity(NAME, pem(authority)))
        with pytest.raises(VaultUnreachableError, match=rf"isn't trusted as {NAME}'s"):
            client.seal_status()
        assert vault.requests == []


def test_another_authority_is_refused_whatever_this_machine_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    other = CertificateAuthority.load_or_create(tmp_path, "other")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(authority.certificate))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
    with serve_scripted_vault(authority, [NAME]) as vault:
        client = VaultClient(vault.address, "hvs.own", identity=ServerIdentity(NAME, pem(other)))
        with pytest.raises(VaultUnreachableError, match="isn't trusted"):
            client.seal_status()
        assert vault.requests == []


def test_unreadable_authority() -> None:
    with pytest.raises(DeploymentError, match=r"ca\.crt"):
        VaultClient("https://127.0.0.1:1", identity=ServerIdentity(NAME, "rubbish"))


@pytest.mark.parametrize("authority", ["", "\n"])
def test_no_authority_is_not_this_machines(authority: str) -> None:
    with pytest.raises(DeploymentError, match=r"Put certificates in PEM into ca\.crt"):
        ServerIdentity(NAME, authority).context()


def test_no_authority_of_this_machine_is_beside_the_given_one(tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    context = ServerIdentity(NAME, pem(authority)).context()
    assert context.cert_store_stats() == {"x509": 1, "x509_ca": 1, "crl": 0}
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_certificate_that_is_given_as_authority_needs_no_root(tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    with serve_scripted_vault(authority, [NAME]) as vault:
        vault.answers(SEAL_STATUS, seal_status())
        served = ssl.get_server_certificate(("127.0.0.1", int(vault.address.rpartition(":")[2])))
        client = VaultClient(vault.address, identity=ServerIdentity(NAME, served))
        assert client.seal_status().version == "1.18.1"


def test_certificates_that_go_takes_need_not_be_strict(tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    assert not ServerIdentity(NAME, pem(authority)).context().verify_flags & ssl.VERIFY_X509_STRICT


def test_http_where_tls_is_spoken_says_so() -> None:
    def respond(_: HttpRequest) -> Response:
        # Go's net/http, server.go.
        return Response("Client sent an HTTP request to an HTTPS server.\n", 400)

    with http_server(respond) as port, pytest.raises(VaultRefusedError, match=r"set tls\.source to none"):
        VaultClient(f"http://127.0.0.1:{port}").seal_status()


def pod(scheme: str, *, volume: str = "server-tls") -> Mapping[str, Any]:
    sidecar = {"name": "other", "env": [{"name": "VAULT_ADDR", "value": "https://elsewhere"}]}
    environment = [
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "VAULT_ADDR", "value": f"{scheme}://127.0.0.1:8200"},
    ]
    return {
        "metadata": {"name": "vault-0"},
        "spec": {
            "containers": [sidecar, {"name": "vault", "env": environment}],
            "volumes": [
                {"name": "config", "configMap": {"name": "vault-config"}},
                {"name": volume, "secret": {"secretName": "given"}},
            ],
        },
    }


@pytest.fixture
def pods(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Pods by name, and what else kubectl was asked."""
    found: dict[str, Any] = {"asked": [], "ca.crt": f"{BLOCK}\n".encode()}

    def run(_: Kubectl, arguments: list[str]) -> str:
        found["asked"].append(arguments)
        return base64.b64encode(found["ca.crt"]).decode()

    monkeypatch.setattr(Kubectl, "pod", lambda _, name: found.get(name))
    monkeypatch.setattr(Kubectl, "run", run)
    return found


def test_pod_that_speaks_http(pods: dict[str, Any]) -> None:
    pods["vault-0"] = pod("http")
    assert served_authority(Kubectl(TARGET), "vault-0") is None
    assert pods["asked"] == []


def test_only_the_authority_leaves_kubectl(pods: dict[str, Any]) -> None:
    pods["vault-0"] = pod("https")
    assert served_authority(Kubectl(TARGET), "vault-0") == f"{BLOCK}\n"
    assert pods["asked"] == [["get", "secret", "given", r"--output=jsonpath={.data.ca\.crt}"]]


@pytest.mark.parametrize("comment", ["Müller\n".encode(), "Müller\n".encode("latin-1")])
def test_comments_between_certificates(pods: dict[str, Any], comment: bytes) -> None:
    pods["vault-0"], pods["ca.crt"] = (
        pod("https"),
        comment + BLOCK.encode() + b"\r\n" + comment + BLOCK.encode(),
    )
    assert served_authority(Kubectl(TARGET), "vault-0") == f"{BLOCK}\n{BLOCK}\n"


@pytest.mark.parametrize("content", [b"", b"rubbish"])
def test_entry_without_certificates(pods: dict[str, Any], content: bytes) -> None:
    pods["vault-0"], pods["ca.crt"] = pod("https"), content
    with pytest.raises(KubectlError, match=r"Secret given, .* has no certificate .*ca\.crt\. Put those"):
        served_authority(Kubectl(TARGET), "vault-0")


def test_pod_that_is_not_there(pods: dict[str, Any]) -> None:
    assert pods["asked"] == []
    with pytest.raises(KubectlError, match='pods "vault-0" not found'):
        served_authority(Kubectl(TARGET), "vault-0")


def test_pod_with_tls_of_others(pods: dict[str, Any]) -> None:
    pods["vault-0"] = pod("https", volume="theirs")
    with pytest.raises(KubectlError, match="without the volume server-tls"):
        served_authority(Kubectl(TARGET), "vault-0")
