"""What a person is told of a look-up that failed."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from components.errors import DeploymentError
from components.google.project import ApiOffError, google_provider, look_up
from tests.unit.fakes.mocked_google import GET_USER, PROVIDER, api_off
from tests.unit.fakes.recorded_deployment import REFUSAL, Answer, Deployment, deploy


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


def deployed(
    configuration: Mapping[str, str], user: Answer | None = None, *, preview: bool = False
) -> Deployment:
    def program() -> None:
        assert google_provider("acme-prod") is google_provider("acme-prod")

    answers = {} if user is None else {GET_USER: user}
    return deploy(configuration, answers=answers, outputs=lambda _: {}, program=program, preview=preview)


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Application default credentials of a person, in their usual place."""
    for name in ("GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)


def test_every_stack_has_one() -> None:
    for _ in range(2):
        deployment = deployed({})
        assert deployment.only(PROVIDER).inputs == {
            "project": "acme-prod",
            "addPulumiAttributionLabel": "false",
        }
        assert deployment.types == [PROVIDER]


def test_project_and_identity_are_told_and_given_to_the_provider() -> None:
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


def test_preview_tells_whose_login_it_is() -> None:
    deployment = deployed({}, {"email": "ann@example.com"}, preview=True)
    assert deployment.log == [
        "Google Cloud: project acme-prod, as application default credentials.",
        "Google Cloud: the credentials are those of ann@example.com.",
    ]
    assert [call.token for call in deployment.calls] == [GET_USER]


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ({"email": ""}, "Google has no address for them"),
        ({}, "Google has no address for them"),
        ({REFUSAL: "have you enabled the scope? error: 401\nDetails:\n[]"}, "have you enabled the scope?"),
    ],
)
def test_preview_goes_on_if_it_is_not_known_whose_login_it_is(user: Answer, why: str) -> None:
    (_, line) = deployed({}, user, preview=True).log
    assert line.startswith("Google Cloud: whose credentials these are isn't known: ")
    assert why in line and "Details" not in line


def test_an_update_does_not_ask_again() -> None:
    assert deployed({}).calls == []


def test_preview_does_not_ask_whom_the_settings_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    account = "deployer@acme-prod.iam.gserviceaccount.com"
    assert deployed({"gcp:impersonateServiceAccount": account}, preview=True).calls == []
    file = tmp_path / "key.json"
    file.write_text(f'{{"client_email": "{account}"}}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    assert deployed({}, preview=True).calls == []
