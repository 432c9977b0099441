"""Which certificate the engine is asked for, and what comes after it."""

import pytest

from tests.unit.fakes.mocked_account import GIVEN_CERTIFICATE, NAMESPACE, RELEASE, up
from tests.unit.fakes.recorded_deployment import Deployment
from tests.unit.fakes.stack_settings import EKS

pytestmark = pytest.mark.usefixtures("program_commands")


def deployed(tls: str) -> Deployment:
    return up({**EKS, "tls": tls})


def test_no_certificate_without_tls() -> None:
    assert deployed('{"source": "none"}').of_type(GIVEN_CERTIFICATE) == []


def test_given_certificate_is_judged_between_namespace_and_release() -> None:
    deployment = deployed('{"source": "secret", "extraNames": ["vault.example.com"]}')
    certificate = deployment.only(GIVEN_CERTIFICATE)
    assert certificate.inputs["secret"] == "vault-server-tls"
    assert certificate.inputs["needed"][-1] == "vault.example.com"
    assert NAMESPACE in deployment.prerequisites(certificate)
    assert GIVEN_CERTIFICATE in deployment.prerequisites(deployment.only(RELEASE))


def test_authority_reaches_agents_and_outputs() -> None:
    deployment = deployed('{"source": "secret"}')
    values = deployment.only(RELEASE).inputs["values"]
    assert values["injector"]["extraEnvironmentVars"] == {"AGENT_INJECT_VAULT_CACERT_BYTES": "the authority"}
    assert deployment.outputs["tls_ca"] == "the authority"
    assert deployment.outputs["tls_not_after"] == "2027-01-01T00:00:00+00:00"
    assert deployment.outputs["pod_access"]["server_name"] == "vault-active.vault.svc"
