"""Pods reach AWS over TLS under its own names, and nothing else."""

import socket
import ssl
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from sandbox.aws.account import CONTROL_PREFIX
from sandbox.network import REGION
from tests.integration.aws.running_cloud import (
    Cloud,
    Credentials,
    MakeVaultWorld,
    refusal,
)


@pytest.fixture
def aws_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve AWS's names as the sandbox's CoreDNS does, to the process under test."""
    resolve = socket.getaddrinfo

    def resolve_here(host: Any, *arguments: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(".amazonaws.com") else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)


@pytest.mark.usefixtures("aws_names")
def test_pods_reach_kms_and_sts_over_tls(cloud: Cloud, make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    authority = str(cloud.authority.certificate)
    port = cloud.settings.bridge_port
    sts = boto3.client(
        "sts",
        region_name=REGION,
        endpoint_url=f"https://sts.{REGION}.amazonaws.com:{port}",
        verify=authority,
        config=Config(signature_version=UNSIGNED),
    )
    answer = sts.assume_role_with_web_identity(
        RoleArn=world.role_arn, RoleSessionName="vault-0", WebIdentityToken=cloud.token()
    )["Credentials"]
    pod = cloud.session(Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]))
    kms = pod.client("kms", endpoint_url=f"https://kms.{REGION}.amazonaws.com:{port}", verify=authority)
    ciphertext = kms.encrypt(KeyId=world.key_arn, Plaintext=b"text")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=ciphertext)["Plaintext"] == b"text"
    misdirected = pod.client(
        "kms", endpoint_url=f"https://sts.{REGION}.amazonaws.com:{port}", verify=authority
    )
    with refusal("InvalidSignatureException"):
        misdirected.list_keys()


def test_the_bridge_does_not_serve_the_control_paths(cloud: Cloud) -> None:
    context = ssl.create_default_context(cafile=cloud.authority.certificate)
    context.check_hostname = False
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(
            f"https://127.0.0.1:{cloud.settings.bridge_port}{CONTROL_PREFIX}health", context=context
        )
