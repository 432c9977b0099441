"""The configuration of the provider `aws`."""

import pytest

from sandbox.plugins.aws.provider import AwsProvider
from sandbox.plugins.property_values import UNKNOWN, PropertyMap
from sandbox.plugins.provider import ProviderError, Severity

SDK_DEFAULTS: PropertyMap = {"skipCredentialsValidation": "false", "skipRegionValidation": "true"}


def _no_log(_severity: Severity, _message: str, _urn: str) -> None:
    """Nobody reads it."""


def test_a_region_is_enough() -> None:
    assert (
        AwsProvider().check_configuration({**SDK_DEFAULTS, "region": "eu-west-1", "version": "7.0.0"}) == ()
    )


def test_a_region_may_come_later() -> None:
    assert AwsProvider().check_configuration({"region": UNKNOWN}) == ()


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        ({}, "region"),
        ({"region": ""}, "region"),
        ({"region": "eu-west-1", "maxRetries": "3"}, "maxRetries"),
        (
            {"region": "eu-west-1", "assumeRoles": '[{"roleArn":"a","duration":"1h"}]'},
            "assumeRoles[0].duration",
        ),
        ({"region": "eu-west-1", "assumeRoles": '[{"roleArn":"a"},{"roleArn":"b"}]'}, "assumeRoles"),
        ({"region": "eu-west-1", "skipCredentialsValidation": "true"}, "skipCredentialsValidation"),
    ],
)
def test_other_settings_are_refused(inputs: PropertyMap, wrong: str) -> None:
    assert [failure.property_path for failure in AwsProvider().check_configuration(inputs)] == [wrong]


def test_another_region_replaces_everything() -> None:
    difference = AwsProvider().diff_configuration({"region": "eu-west-1"}, {"region": "eu-west-2"})

    assert difference.changes["region"].replaces
    assert (
        not AwsProvider()
        .diff_configuration({"region": "a", "version": "1"}, {"region": "a", "version": "2"})
        .changes["version"]
        .replaces
    )


def test_types_and_functions_that_are_not_implemented_are_absent() -> None:
    provider = AwsProvider()

    assert provider.resource_type("aws:sqs/queue:Queue") is None
    assert provider.function("aws:index/getRegion:getRegion") is None
    assert provider.resource_type("aws:kms/key:Key") is not None


@pytest.mark.parametrize(
    ("token", "arguments", "text"),
    [
        ("aws:eks/getCluster:getCluster", {"name": "a", "region": "b"}, "needs the real plugin"),
        ("aws:eks/getCluster:getCluster", {"name": "-a"}, "name must be between 1 and 100"),
        ("aws:ec2/getSecurityGroup:getSecurityGroup", {"name": "a"}, "needs the real plugin"),
        ("aws:ec2/getSecurityGroup:getSecurityGroup", {}, "needs the argument id"),
        (
            "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider",
            {},
            "one of `arn,url` must be specified",
        ),
        (
            "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider",
            {"arn": "a", "url": "b"},
            "one of `arn,url` must be specified",
        ),
        ("aws:eks/getCluster:getCluster", {"nom": "a"}, "Invalid or unknown key"),
    ],
)
def test_functions_refuse_arguments(token: str, arguments: PropertyMap, text: str) -> None:
    provider = AwsProvider()
    provider.configure({"region": "eu-west-1"}, _no_log)
    function = provider.function(token)
    assert function is not None

    with pytest.raises(ProviderError, match=text) as raised:
        function(arguments)
    assert str(raised.value).startswith(f"invoking {token}: ")
