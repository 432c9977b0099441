"""The partitions of AWS."""

import pytest

from components.aws.partitions import partition_of, service_names
from components.errors import DeploymentError


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("eusc-de-east-1", "aws-eusc"),
        # Of a region that has opened since, the pattern of the names is enough.
        ("eu-west-99", "aws"),
    ],
)
def test_partition_of_a_region(region: str, partition: str) -> None:
    assert partition_of(region) == partition


def test_region_of_no_partition_is_an_error() -> None:
    with pytest.raises(DeploymentError, match=r"region 'xx-nowhere-1'\. Check region"):
        partition_of("xx-nowhere-1")


@pytest.mark.parametrize(
    ("region", "partition", "names"),
    [
        ("eu-central-1", "aws", ["kms.eu-central-1.amazonaws.com"]),
        ("us-gov-west-1", "aws-us-gov", ["kms.us-gov-west-1.amazonaws.com"]),
        ("cn-north-1", "aws-cn", ["kms.cn-north-1.amazonaws.com", "kms.cn-north-1.amazonaws.com.cn"]),
        (
            "eusc-de-east-1",
            "aws-eusc",
            ["kms.eusc-de-east-1.amazonaws.com", "kms.eusc-de-east-1.amazonaws.eu"],
        ),
        # A partition that botocore doesn't know.
        ("moon-1", "aws-moon", ["kms.moon-1.amazonaws.com"]),
    ],
)
def test_names_of_a_service(region: str, partition: str, names: list[str]) -> None:
    assert service_names("kms", region=region, partition=partition) == names
