"""Which settings of Pulumi's AWS provider are followed, and which are refused."""

import inspect
from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws
import pytest

from components.aws.credentials import CredentialSource
from components.aws.provider_settings import REFUSED
from tests.unit.fakes.stack_settings import EKS, GKE, parse, problems

ROLE = "arn:aws:iam::123456789012:role/deployer"
TAKES_NONE = "with aws eks get-token, which takes none"
CONTEXT = {**EKS, "kubeContext": "here"}

FOLLOWED: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "allowedAccountIds": (["123456789012"], {"allowed_account_ids": ["123456789012"]}),
    "assumeRoles": ([{"roleArn": ROLE}], {"assume_roles": [{"roleArn": ROLE}]}),
    "defaultTags": ({"tags": {"team": "one"}}, {"default_tags": {"tags": {"team": "one"}}}),
    "forbiddenAccountIds": (["999999999999"], {"forbidden_account_ids": ["999999999999"]}),
    "ignoreTags": ({"keyPrefixes": ["aws-"]}, {"ignore_tags": {"keyPrefixes": ["aws-"]}}),
    "maxRetries": (5, {"max_retries": 5}),
    "profile": ("prod", {"profile": "prod"}),
    "region": (EKS["region"], {}),
    "retryMode": ("adaptive", {"retry_mode": "adaptive"}),
    "skipCredentialsValidation": (True, {"skip_credentials_validation": True}),
    "skipMetadataApiCheck": (False, {"skip_metadata_api_check": False}),
    "skipRegionValidation": (False, {"skip_region_validation": False}),
    "skipRequestingAccountId": (True, {"skip_requesting_account_id": True}),
    "tagPolicyCompliance": ("warning", {"tag_policy_compliance": "warning"}),
    "tokenBucketRateLimiterCapacity": (100, {"token_bucket_rate_limiter_capacity": 100}),
    "userAgents": (["team/1"], {"user_agents": ["team/1"]}),
}
"""A value of each setting that is followed, and the arguments of the provider that it makes."""


def settings_of_provider() -> set[str]:
    """Return the settings of the installed provider, as a stack's configuration names them."""
    arguments = inspect.signature(aws.ProviderArgs.__init__).parameters.keys() - {"__self__"}
    words = (argument.split("_") for argument in arguments)
    return {first + "".join(word.capitalize() for word in rest) for first, *rest in words}


def test_every_setting_of_the_provider_is_followed_or_refused() -> None:
    assert settings_of_provider() == FOLLOWED.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", FOLLOWED)
def test_followed_setting_is_an_argument_of_the_provider(name: str) -> None:
    value, arguments = FOLLOWED[name]
    assert parse(EKS, aws={name: value}).aws_provider.provider_arguments() == arguments


@pytest.mark.parametrize("name", REFUSED)
def test_refused_setting_says_what_to_do_and_not_its_value_if_that_is_secret(name: str) -> None:
    (problem,) = problems(EKS, aws={name: "hidden"}, secret_keys=[f"aws:{name}"])
    assert problem == f"aws:{name} is a secret value: {REFUSED[name]}"


@pytest.mark.parametrize("name", REFUSED)
def test_refused_setting_in_plain_text_is_not_shown_either(name: str) -> None:
    (problem,) = problems(EKS, aws={name: "hidden"})
    assert problem == f"aws:{name} is set: {REFUSED[name]}"


@pytest.mark.parametrize(
    "setting",
    [
        *(
            {name: "hidden"}
            for name in FOLLOWED
            # Texts of any kind are taken.
            if name != "profile"
        ),
        {"profile": ["hidden"], "retryMode": "hidden"},
        {"secretAccessKey": "hidden"},
        {"assumeRoleWithWebIdentity": {"webIdentityToken": "hidden"}},
        {"assumeRole": {"externalId": "hidden"}},
        {"assumeRoles": [{"roleArn": "hidden"}]},
        {"assumeRoles": [{"roleArn": ROLE, "externalId": "hidden", "policy": "hidden"}]},
        {"assumeRoles": [{"roleArn": ROLE, "secretKey": "hidden"}]},
        {"assumeRoles": [{"roleArn": "hidden"}, {"roleArn": ROLE}]},
        {"ignoreTags": {"keys": "hidden", "others": "hidden"}},
        {"defaultTags": {"tags": {"aws:x": "hidden"}, "others": "hidden"}},
        {"allowedAccountIds": ["hidden"]},
        {"userAgents": [{"token": "hidden"}]},
    ],
    ids=str,
)
def test_no_value_is_shown(setting: Mapping[str, Any]) -> None:
    found = problems(EKS, aws=setting)
    assert all(each.startswith("aws:") for each in found)
    assert "hidden" not in "\n".join(found)


def test_misspelt_credential_is_named_without_its_value() -> None:
    (problem,) = problems(EKS, aws={"secretAccessKey": "hidden"})
    assert problem.startswith("aws:secretAccessKey is set: there is no such setting; ")


def test_without_settings_the_provider_has_no_further_arguments() -> None:
    assert parse(EKS).aws_provider.provider_arguments() == {}


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"region": "us-east-1"}, "aws:region is set: the setting region is 'eu-central-1'"),
        ({"assumeRole": {"roleArn": ROLE}}, "did you mean assumeRoles?"),
        ({"assumeRoles": {"roleArn": ROLE}}, "give a list with one role to assume"),
        ({"assumeRoles": [{"roleArn": ROLE}, {"roleArn": ROLE}]}, "may assume one role by another"),
        ({"assumeRoles": [{}]}, "aws:assumeRoles[0].roleArn is not set: give the ARN of an IAM role"),
        ({"assumeRoles": [{"roleArn": ROLE, "duration": "1h"}]}, "aws:assumeRoles[0].duration is set: only"),
        (
            {"assumeRoles": [{"roleArn": ROLE, "externalId": "a1"}]},
            "with aws eks get-token, which takes none",
        ),
        (
            {"assumeRoles": [{"roleArn": ROLE, "sessionName": "a1"}]},
            "with aws eks get-token, which takes none",
        ),
        ({"allowedAccountIds": [123456789012]}, "list account ids of 12 digits, in quotes"),
        ({"forbiddenAccountIds": ["1"]}, "list account ids of 12 digits, in quotes"),
        ({"defaultTags": {"team": "one"}}, "aws:defaultTags.team"),
        ({"defaultTags": {"tags": {"aws:x": "y"}}}, "a key that doesn't begin with aws:"),
        ({"retryMode": "legacy"}, "use standard or adaptive"),
    ],
)
def test_wrong_value_is_refused(setting: Mapping[str, Any], problem: str) -> None:
    assert any(problem in found for found in problems(EKS, aws=setting))


def test_secret_value_is_refused_as_it_would_be_handed_on_in_plain() -> None:
    (problem,) = problems(EKS, aws={"profile": "hidden"}, secret_keys=["aws:profile"])
    assert "aws:profile is a secret value" in problem
    assert "set it without --secret" in problem


def test_role_may_ask_for_more_if_kubectl_has_a_context_of_its_own() -> None:
    role = {"roleArn": ROLE, "externalId": "tenant-1", "sessionName": "vault"}
    settings = parse(CONTEXT, aws={"assumeRoles": [role]}).aws_provider
    assert settings.provider_arguments() == {"assume_roles": [role]}
    assert settings.credentials == CredentialSource(
        assumed_role=ROLE, external_id="tenant-1", role_session_name="vault"
    )


def test_other_clouds_have_no_use_for_it() -> None:
    assert parse(GKE, aws={"region": "us-east-1"}).aws_provider.provider_arguments() == {}
