"""The settings of Google's provider: what all parts honour, and what is refused by name."""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi_gcp as gcp
import pytest

from components.errors import SettingsError
from components.google.provider_settings import ProviderSettings, account_in_file, read_provider_settings

PROJECT = "acme-prod"
ACCOUNT = "deployer@acme-prod.iam.gserviceaccount.com"
DELEGATE = "first@acme-prod.iam.gserviceaccount.com"
ADC = {"GOOGLE_APPLICATION_CREDENTIALS": "/ci/key.json"}
TOKEN = {"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.hush"}


def read(
    configuration: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    runs_plugin: bool = True,
) -> ProviderSettings:
    return read_provider_settings(
        configuration or {}, environment or {}, project=PROJECT, runs_plugin=runs_plugin
    )


def refusals(
    configuration: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    runs_plugin: bool = True,
) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        read(configuration, environment, runs_plugin=runs_plugin)
    return raised.value.problems


def test_nothing_is_given_to_the_provider_of_a_stack_without_settings() -> None:
    settings = read()
    assert settings.arguments == {}
    assert (settings.impersonation, settings.adc_file, settings.access_token) == ((), None, False)
    assert settings.plugin_arguments(by_dns=False) == ()
    assert settings.identity() == "application default credentials"


def test_what_concerns_the_provider_alone_is_handed_on() -> None:
    configuration = {
        "project": PROJECT,
        "region": "europe-west3",
        "zone": "europe-west3-a",
        "skipRegionValidation": "true",
        "requestTimeout": "60s",
        "pollInterval": "500ms",
        "addPulumiAttributionLabel": "false",
    }
    assert read(configuration).arguments == {
        "region": "europe-west3",
        "zone": "europe-west3-a",
        "skip_region_validation": True,
        "request_timeout": "60s",
        "poll_interval": "500ms",
    }


def test_impersonation_is_the_providers_and_kubectls() -> None:
    settings = read(
        {
            "impersonateServiceAccount": ACCOUNT,
            "impersonateServiceAccountDelegates": f'["{DELEGATE}"]',
        },
        ADC,
    )
    assert settings.arguments == {
        "impersonate_service_account": ACCOUNT,
        "impersonate_service_account_delegates": [DELEGATE],
    }
    assert settings.configured_impersonation == settings.impersonation == (DELEGATE, ACCOUNT)
    assert settings.plugin_arguments(by_dns=False) == (f"--impersonate_service_account={DELEGATE},{ACCOUNT}",)
    assert settings.identity() == (
        f"{ACCOUNT}, impersonated with the credentials in /ci/key.json (GOOGLE_APPLICATION_CREDENTIALS)"
    )


def test_impersonation_of_the_environment_is_read_by_the_provider_itself() -> None:
    settings = read({}, {"GOOGLE_IMPERSONATE_SERVICE_ACCOUNT": ACCOUNT})
    assert (settings.arguments, settings.configured_impersonation) == ({}, ())
    assert settings.plugin_arguments(by_dns=False) == (f"--impersonate_service_account={ACCOUNT}",)


def test_quota_is_charged_to_another_project() -> None:
    settings = read({"userProjectOverride": "true", "billingProject": "acme-billing"})
    assert settings.arguments == {"user_project_override": True, "billing_project": "acme-billing"}
    assert (settings.overrides_user_project, settings.billing_project) == (True, "acme-billing")
    (problem,) = refusals({"billingProject": "acme-billing"})
    assert problem.startswith("gcp:billingProject") and "gcp:userProjectOverride" in problem


def test_kubectl_takes_application_default_credentials_if_a_file_is_named() -> None:
    assert read({}, ADC).plugin_arguments(by_dns=False) == ("--use_application_default_credentials",)
    assert read({}, ADC).plugin_arguments(by_dns=True) == ()


def test_an_access_token_comes_before_everything_else() -> None:
    settings = read({}, {**ADC, **TOKEN, "CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.hush"})
    assert settings.plugin_arguments(by_dns=False) == ()
    assert settings.identity() == "the access token in GOOGLE_OAUTH_ACCESS_TOKEN"


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("credentials", '{"private_key": "hush"}', "GOOGLE_APPLICATION_CREDENTIALS"),
        ("externalCredentials", '{"identityToken": "hush"}', "GOOGLE_APPLICATION_CREDENTIALS"),
        ("accessToken", "hush", "GOOGLE_OAUTH_ACCESS_TOKEN and CLOUDSDK_AUTH_ACCESS_TOKEN"),
        ("scopes", '["a"]', "by its roles"),
        ("defaultLabels", '{"a": "b"}', "set the setting tags"),
        ("universeDomain", "example.com", "only googleapis.com"),
        ("requestReason", "ticket", "CLOUDSDK_CORE_REQUEST_REASON"),
        ("addPulumiAttributionLabel", "true", "set it to false"),
        ("deletionPolicy", "ABANDON", "retainOnDestroy"),
        ("kmsCustomEndpoint", "https://a", "resolve to your endpoint"),
        ("preferRegionalEndpoints", "true", "resolve to your endpoint"),
        ("impersonateServiceAcount", ACCOUNT, "remove it"),
    ],
)
def test_what_not_all_parts_can_honour_is_refused_by_name(key: str, value: str, fix: str) -> None:
    (problem,) = refusals({key: value})
    assert problem.startswith(f"gcp:{key} is set: ")
    assert fix in problem
    assert "hush" not in problem


def test_every_setting_of_the_provider_is_honoured_or_refused() -> None:
    parameters = inspect.signature(gcp.Provider._internal_init).parameters
    known = set(parameters) - {"__self__", "resource_name", "opts", "__props__"}
    assert len(known) > 100
    for name in sorted(known):
        first, *others = name.split("_")
        key = first + "".join(part.capitalize() for part in others)
        try:
            settings = read({key: '["x"]'})
        except SettingsError as error:
            assert any(f"gcp:{key} " in problem for problem in error.problems)
        else:
            assert settings.arguments == {name: '["x"]'}


@pytest.mark.parametrize(
    ("configuration", "key"),
    [
        ({"project": "other"}, "project"),
        ({"impersonateServiceAccount": "ada@example.com"}, "impersonateServiceAccount"),
        ({"impersonateServiceAccountDelegates": f'["{ACCOUNT}"]'}, "impersonateServiceAccountDelegates"),
        (
            {"impersonateServiceAccount": ACCOUNT, "impersonateServiceAccountDelegates": '["ada"]'},
            "impersonateServiceAccountDelegates",
        ),
        ({"requestTimeout": "long"}, "requestTimeout"),
    ],
)
def test_wrong_values(configuration: Mapping[str, str], key: str) -> None:
    (problem,) = refusals(configuration)
    assert problem.startswith(f"gcp:{key} is ")


@pytest.mark.parametrize(
    ("environment", "fix"),
    [
        ({"GOOGLE_CREDENTIALS": "hush"}, "GOOGLE_APPLICATION_CREDENTIALS"),
        ({"GOOGLE_CLOUD_KEYFILE_JSON": "hush"}, "GOOGLE_APPLICATION_CREDENTIALS"),
        ({"USER_PROJECT_OVERRIDE": "true"}, "gcp:userProjectOverride"),
        ({"GOOGLE_BILLING_PROJECT": "acme"}, "gcp:billingProject"),
        ({"GOOGLE_CLOUD_UNIVERSE_DOMAIN": "example.com"}, "only googleapis.com"),
        ({"GOOGLE_KMS_CUSTOM_ENDPOINT": "https://a"}, "resolve to your endpoint"),
    ],
)
def test_variables_that_only_a_part_heeds_are_refused(environment: Mapping[str, str], fix: str) -> None:
    (problem,) = refusals({}, environment, runs_plugin=False)
    assert next(iter(environment)) in problem
    assert fix in problem
    assert "hush" not in problem


@pytest.mark.parametrize(
    ("configuration", "environment", "told"),
    [
        ({}, TOKEN, "CLOUDSDK_AUTH_ACCESS_TOKEN"),
        ({}, {"CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.hush"}, "GOOGLE_OAUTH_ACCESS_TOKEN"),
        ({}, {**TOKEN, "CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.other-hush"}, "the same token into both"),
        (
            {"impersonateServiceAccount": ACCOUNT},
            {"CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.hush"},
            f"doesn't impersonate {ACCOUNT}",
        ),
        ({}, {"CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": ACCOUNT}, "gcp:impersonateServiceAccount"),
        ({}, {"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": "/ci/key.json"}, "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_kubectl_is_nobody_else(
    configuration: Mapping[str, str], environment: Mapping[str, str], told: str
) -> None:
    (problem,) = refusals(configuration, environment)
    assert told in problem
    assert "hush" not in problem
    # Through a context kubectl has credentials of its own.
    read(configuration, environment, runs_plugin=False)


@pytest.mark.parametrize(
    ("configuration", "environment"),
    [
        ({}, {**ADC, "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": "/ci/key.json"}),
        ({}, {**ADC, "CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.hush"}),
        ({"impersonateServiceAccount": ACCOUNT}, {"CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": ACCOUNT}),
        ({"impersonateServiceAccount": ACCOUNT}, TOKEN),
        ({}, {"GOOGLE_CREDENTIALS": ""}),
        ({}, {"GOOGLE_CLOUD_UNIVERSE_DOMAIN": "googleapis.com"}),
    ],
)
def test_variables_that_lead_to_the_same_account(
    configuration: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    read(configuration, environment)


@pytest.mark.parametrize(
    ("content", "account"),
    [
        ({"type": "service_account", "client_email": ACCOUNT, "private_key": "hush"}, ACCOUNT),
        (
            {
                "type": "external_account",
                "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/"
                f"serviceAccounts/{ACCOUNT}:generateAccessToken",
            },
            ACCOUNT,
        ),
        ({"type": "authorized_user", "account": "ann@example.com"}, "ann@example.com"),
        ({"type": "authorized_user", "account": ""}, ""),
        ({"type": "authorized_user"}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_account_of_a_credentials_file_is_told(tmp_path: Path, content: object, account: str) -> None:
    path = tmp_path / "credentials.json"
    path.write_text("{" if content is None else json.dumps(content))
    assert account_in_file(path) == account
    identity = read({}, {"GOOGLE_APPLICATION_CREDENTIALS": str(path)}).identity()
    assert identity.startswith(f"the credentials of {account} in " if account else "the credentials in ")
    assert "hush" not in identity


def test_a_credentials_file_that_is_missing_is_named_all_the_same(tmp_path: Path) -> None:
    assert account_in_file(tmp_path / "missing.json") == ""
