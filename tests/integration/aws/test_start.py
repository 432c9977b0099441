"""Starting and stopping AWS as the sandbox does it, on ports of the test's own."""

import stat
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from sandbox import processes
from sandbox.aws import endpoint
from sandbox.aws.endpoint import AwsEndpoint, start_aws, stop_aws
from sandbox.certificates import CertificateAuthority, create_rsa_key_pair
from sandbox.layout import Layout
from tests.integration.free_ports import free_ports


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    loopback, bridge, webhook = free_ports(3)
    monkeypatch.setattr(endpoint, "AWS_LOOPBACK_PORT", loopback)
    monkeypatch.setattr(endpoint, "AWS_BRIDGE_PORT", bridge)
    monkeypatch.setattr(endpoint, "POD_IDENTITY_WEBHOOK_PORT", webhook)
    layout = Layout(tmp_path)
    create_rsa_key_pair(tmp_path / "sa.key", tmp_path / "sa.pub")
    yield layout
    stop_aws(layout)


def start(layout: Layout) -> AwsEndpoint:
    authority = CertificateAuthority.load_or_create(layout.cloud_authority, "cloud")
    return start_aws(layout, cloud_authority=authority, service_account_public_key=layout.home / "sa.pub")


def caller(aws: AwsEndpoint) -> str:
    sts = boto3.client(
        "sts",
        endpoint_url=aws.environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=aws.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=aws.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=aws.environment["AWS_REGION"],
    )
    return sts.get_caller_identity()["Arn"]


def test_it_starts_once_and_answers_the_operator(layout: Layout) -> None:
    first = start(layout)
    assert caller(first).endswith(":user/operator")
    pid = processes.running_pid(layout, "aws")
    assert start(layout) == first
    assert processes.running_pid(layout, "aws") == pid


def test_the_secret_is_private_and_lives_for_one_run(layout: Layout) -> None:
    first = start(layout)
    secret = first.environment["AWS_SECRET_ACCESS_KEY"]
    assert secret not in repr(first)
    assert stat.S_IMODE((layout.run / "aws" / "operator.json").stat().st_mode) == 0o600
    assert secret not in processes.log_path(layout, "aws").read_text()
    stop_aws(layout)
    assert not processes.running(layout, "aws")
    second = start(layout)
    assert second.environment["AWS_SECRET_ACCESS_KEY"] != secret
    assert caller(second).endswith(":user/operator")
