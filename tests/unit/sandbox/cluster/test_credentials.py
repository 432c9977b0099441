import base64
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from sandbox.cluster.credentials import (
    ADMINISTRATOR,
    CONTEXT,
    Credentials,
    create_credentials,
    ensure_service_account_keys,
)
from sandbox.cluster.paths import ClusterPaths
from sandbox.layout import Layout


@pytest.fixture
def paths(tmp_path: Path) -> ClusterPaths:
    paths = ClusterPaths.of(Layout(tmp_path))
    paths.root.mkdir(parents=True)
    return paths


@pytest.fixture
def credentials(paths: ClusterPaths) -> Credentials:
    return create_credentials(paths)


def test_everything_private_can_be_read_by_root_only(paths: ClusterPaths, credentials: Credentials) -> None:
    private = [*paths.certificates.glob("*.key"), *credentials.kubeconfigs.values()]
    assert len(private) > 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_the_administrators_kubeconfig_names_one_context_and_holds_its_certificates(
    credentials: Credentials,
) -> None:
    kubeconfig = yaml.safe_load(credentials.kubeconfigs[ADMINISTRATOR].read_text())
    assert kubeconfig["current-context"] == CONTEXT == "vault-sandbox"
    (cluster,) = kubeconfig["clusters"]
    assert cluster["cluster"]["server"] == "https://10.244.0.1:6443"
    authority = base64.b64decode(cluster["cluster"]["certificate-authority-data"])
    assert authority == credentials.authority.certificate.read_bytes()
    (user,) = kubeconfig["users"]
    client = x509.load_pem_x509_certificate(base64.b64decode(user["user"]["client-certificate-data"]))
    assert (
        client.subject.rfc4514_string() == f"CN=kubernetes-admin,OU=client-{ADMINISTRATOR},O=system:masters"
    )


def test_clients_of_the_api_server_are_no_clients_of_the_database(credentials: Credentials) -> None:
    issuers = {
        x509.load_pem_x509_certificate(client.certificate.read_bytes()).issuer
        for client in credentials.clients.values()
    }
    etcd = x509.load_pem_x509_certificate(credentials.etcd_authority.certificate.read_bytes())
    assert len(issuers) == 1
    assert etcd.subject not in issuers


def test_the_service_account_keys_stay_when_they_are_there(paths: ClusterPaths) -> None:
    ensure_service_account_keys(paths)
    before = paths.service_account_public_key.read_bytes()
    ensure_service_account_keys(paths)
    assert paths.service_account_public_key.read_bytes() == before
    assert stat.S_IMODE(paths.service_account_key.stat().st_mode) == 0o600
