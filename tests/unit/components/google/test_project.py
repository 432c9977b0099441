"""What a person is told of a look-up that failed."""

from collections.abc import Mapping

import pytest

from components.errors import DeploymentError
from components.google.project import ApiOffError, google_provider, look_up
from tests.unit.fakes.mocked_google import PROVIDER, api_off
from tests.unit.fakes.recorded_deployment import REFUSAL, Deployment, deploy


def failing(words: str) -> str:
    def fail() -> str:
        raise Exception(words)

    with pytest.raises(DeploymentError) as raised:
        look_up("The thing can't be read", "Fix it.", api="cloudkms.googleapis.com", project="p", invoke=fail)
    return str(raised.value)


def test_what_is_found_is_handed_on() -> None:
    assert look_up("what", "fix", api="a.googleapis.com", project="p", invoke=lambda: "found") == "found"


def test_googles_words_without_the_details() -> None:
    words = (
        "invoke failed: Error 403: Permission 'cloudkms.keyRings.list' denied\nDetails:\n"
        '[{"reason": "IAM_PERMISSION_DENIED"}]'
    )
    assert failing(words) == (
        "The thing can't be read: invoke failed: Error 403: Permission 'cloudkms.keyRings.list' denied\n"
        "Fix it."
    )


def test_an_error_without_words_has_its_kind() -> None:
    assert failing("") == "The thing can't be read: Exception\nFix it."


def test_a_long_answer_is_cut() -> None:
    assert len(failing("x" * 5000)) < 700


def test_an_api_that_is_off() -> None:
    told = failing(str(api_off("iam.googleapis.com")[REFUSAL]))
    assert told.startswith("The thing can't be read: the API iam.googleapis.com is off in project p.\n")
    assert "gcloud services enable iam.googleapis.com --project=p" in told
    assert "set enableApis to true" in told


def test_an_api_that_is_off_and_not_named() -> None:
    def fail() -> str:
        raise Exception("Cloud KMS API has not been used in project 123 before or it is disabled.")

    with pytest.raises(ApiOffError, match=r"the API cloudkms\.googleapis\.com is off"):
        look_up("what", "fix", api="cloudkms.googleapis.com", project="p", invoke=fail)


def deployed(configuration: Mapping[str, str]) -> Deployment:
    def program() -> None:
        assert google_provider("acme-prod") is google_provider("acme-prod")

    return deploy(configuration, answers={}, outputs=lambda _: {}, program=program)


def test_every_stack_has_one() -> None:
    for _ in range(2):
        deployment = deployed({})
        assert deployment.only(PROVIDER).inputs == {
            "project": "acme-prod",
            "addPulumiAttributionLabel": "false",
        }
        assert deployment.types == [PROVIDER]


def test_project_and_identity_are_told_and_given_to_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    account = "deployer@acme-prod.iam.gserviceaccount.com"
    deployment = deployed({"gcp:impersonateServiceAccount": account, "gcp:region": "europe-west3"})
    assert deployment.only(PROVIDER).inputs == {
        "project": "acme-prod",
        "addPulumiAttributionLabel": "false",
        "impersonateServiceAccount": account,
        "region": "europe-west3",
    }
    assert (
        f"Google Cloud: project acme-prod, as {account}, impersonated with application default credentials."
        in deployment.log
    )
