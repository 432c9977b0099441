"""The AWS region in a stack's settings."""

import pytest

from components.aws.settings import read_region
from components.config.reader import ConfigReader


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "ap-northeast-2"])
def test_region(region: str) -> None:
    problems: list[str] = []
    assert read_region(ConfigReader({"region": region}, problems, path="vault-autounseal")) == region
    assert problems == []


@pytest.mark.parametrize("section", [{}, {"region": "europe-west3"}, {"region": "eu-central-1a"}], ids=repr)
def test_missing_or_wrong_region(section: dict[str, str]) -> None:
    problems: list[str] = []
    read_region(ConfigReader(section, problems, path="vault-autounseal"))
    (problem,) = problems
    assert problem.startswith("vault-autounseal:region ")
    assert problem.endswith("give the AWS region of the cluster, such as eu-central-1")
