"""Which certificate the engine is asked for, and what comes after it."""

import pytest

from components.resource_types import CERTIFICATE
from tests.unit.fakes.mocked_account import (
    AUTHORITY,
    AUTHORITY_KEY,
    GIVEN_CERTIFICATE,
    NAMESPACE,
    OWN_CERTIFICATE,
    RELEASE,
    up,
)
from tests.unit.fakes.recorded_deployment import Deployment, Secret
from tests.unit.fakes.stack_settings import EKS

pytestmark = pytest.mark.usefixtures("program_commands")


def deployed(tls: str) -> Deployment:
    return up({**EKS, "tls": tls})


def test_no_certificate_without_tls() -> None:
    deployment = deployed('{"source": "none"}')
    assert {AUTHORITY, OWN_CERTIFICATE, GIVEN_CERTIFICATE}.isdisjoint(deployment.types)


def test_given_certificate_is_judged_between_namespace_and_release() -> None:
    deployment = deployed('{"source": "secret", "extraNames": ["vault.example.com"]}')
    certificate = deployment.only(GIVEN_CERTIFICATE)
    assert certificate.inputs["secret"] == "vault-server-tls"
    assert certificate.inputs["needed"][-1] == "vault.example.com"
    assert NAMESPACE in deployment.prerequisites(certificate)
    assert GIVEN_CERTIFICATE in deployment.prerequisites(deployment.only(RELEASE))


def test_own_certificate_is_for_all_names_and_signed_by_the_stacks_authority() -> None:
    deployment = deployed('{"source": "own", "lifetimeDays": 30, "extraNames": ["vault.example.com"]}')
    certificate = deployment.only(OWN_CERTIFICATE)
    assert {"127.0.0.1", "*.vault-internal.vault.svc", "vault.example.com"} <= {*certificate.inputs["names"]}
    assert certificate.inputs["lifetime_days"] == 30
    assert certificate.inputs["authority"] == "the authority"
    assert certificate.inputs["authority_key"] == Secret(AUTHORITY_KEY)
    assert {AUTHORITY, NAMESPACE} <= deployment.prerequisites(certificate)
    assert OWN_CERTIFICATE in deployment.prerequisites(deployment.only(RELEASE))
    assert AUTHORITY_KEY not in str(deployment.outputs)


def test_requested_certificate_is_judged_once_cert_manager_has_made_it() -> None:
    deployment = deployed('{"source": "cert-manager", "issuer": {"name": "internal"}}')
    request = deployment.only(CERTIFICATE)
    assert request.inputs["metadata"] == {"name": "vault-server-tls", "namespace": "vault"}
    assert "*.vault-internal.vault.svc" in request.inputs["spec"]["dnsNames"]
    assert request.inputs["spec"]["duration"] == "2160h0m0s"
    assert NAMESPACE in deployment.prerequisites(request)
    certificate = deployment.only(GIVEN_CERTIFICATE)
    assert certificate.inputs["source"] == "cert-manager"
    assert CERTIFICATE in deployment.prerequisites(certificate)
    assert GIVEN_CERTIFICATE in deployment.prerequisites(deployment.only(RELEASE))


@pytest.mark.parametrize("source", ["own", "secret"])
def test_authority_reaches_agents_and_outputs(source: str) -> None:
    deployment = deployed(f'{{"source": "{source}"}}')
    values = deployment.only(RELEASE).inputs["values"]
    assert values["injector"]["extraEnvironmentVars"] == {"AGENT_INJECT_VAULT_CACERT_BYTES": "the authority"}
    assert deployment.outputs["tls_ca"] == "the authority"
    assert deployment.outputs["tls_not_after"] == "2027-01-01T00:00:00+00:00"
    assert deployment.outputs["pod_access"]["server_name"] == "vault-active.vault.svc"
