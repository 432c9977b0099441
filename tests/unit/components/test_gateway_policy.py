"""The policy by which Gateways speak TLS to Vault, as the engine is asked for it."""

import json

import pytest

from components.resource_types import BACKEND_TLS_POLICY, CONFIG_MAP
from tests.unit.fakes.mocked_account import NAMESPACE, OWN_CERTIFICATE, RELEASE, up
from tests.unit.fakes.recorded_deployment import Deployment
from tests.unit.fakes.stack_settings import EKS

pytestmark = pytest.mark.usefixtures("program_commands")


def deployed(tls: str, **gateway: bool) -> Deployment:
    route = json.dumps({"parentRefs": [{"name": "public"}], **gateway})
    return up({**EKS, "tls": f'{{"source": "{tls}"}}', "gateway": route, "chart": '{"version": "0.34.1"}'})


def test_policy_has_the_authority_from_a_config_map() -> None:
    deployment = deployed("own")
    certificates = deployment.only(CONFIG_MAP)
    assert certificates.inputs["metadata"] == {"name": "vault-server-ca", "namespace": "vault"}
    assert certificates.inputs["data"] == {"ca.crt": "the authority"}
    policy = deployment.only(BACKEND_TLS_POLICY)
    assert policy.inputs["metadata"] == {"name": "vault-server-tls", "namespace": "vault"}
    assert policy.inputs["spec"]["validation"]["caCertificateRefs"][0]["name"] == "vault-server-ca"
    assert {CONFIG_MAP, NAMESPACE} <= deployment.prerequisites(policy)
    assert {BACKEND_TLS_POLICY, OWN_CERTIFICATE} <= deployment.prerequisites(deployment.only(RELEASE))


def test_no_policy_unless_both_are_set() -> None:
    for deployment in (deployed("none"), deployed("own", backendTlsPolicy=False)):
        assert {CONFIG_MAP, BACKEND_TLS_POLICY}.isdisjoint(deployment.types)
    assert BACKEND_TLS_POLICY not in up({**EKS, "tls": '{"source": "own"}'}).types
