"""The one connection to Google Cloud of a stack."""

from components.google_provider import google_provider
from tests.unit.mocked_google import PROVIDER
from tests.unit.recorded_deployment import Deployment, deploy


def deployed() -> Deployment:
    def program() -> None:
        assert google_provider("acme-prod") is google_provider("acme-prod")

    return deploy({}, answers={}, outputs=lambda _: {}, program=program)


def test_every_stack_has_one() -> None:
    for _ in range(2):
        deployment = deployed()
        assert deployment.only(PROVIDER).inputs["project"] == "acme-prod"
        assert deployment.types == [PROVIDER]
