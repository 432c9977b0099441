"""The process that plays AWS, started once and called by boto3 over real connections."""

import json
import subprocess
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from joserfc.jwk import RSAKey

from sandbox.aws.account import POD_HOST_NAMES, iam_arn
from sandbox.aws.endpoint import AwsEndpoint
from sandbox.aws.seed import seed
from sandbox.aws.server_settings import MODULE, ServerSettings
from sandbox.certificates import CertificateAuthority, create_rsa_key_pair
from sandbox.cloud_process import command_line
from sandbox.layout import REPOSITORY
from tests.integration.aws.running_cloud import (
    ACCESS_KEY_ID,
    API_SERVER_URL,
    CLUSTER_CA,
    SECRET_ACCESS_KEY,
    Cloud,
    VaultWorld,
    administration,
    allow,
    document,
    trust,
    wait_for_health,
)
from tests.integration.free_ports import free_ports


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home = tmp_path_factory.mktemp("aws")
    authority = CertificateAuthority.load_or_create(home / "authority", "cloud")
    create_rsa_key_pair(home / "sa.key", home / "sa.pub")
    endpoints = authority.issue("endpoints", POD_HOST_NAMES[0], names=POD_HOST_NAMES)
    webhook = authority.issue("webhook", "webhook", addresses=["127.0.0.1"])
    credentials = home / "operator.json"
    credentials.write_text(
        json.dumps({"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY})
    )
    ports = free_ports(4)
    settings = ServerSettings(
        loopback_port=ports[0],
        bridge_address="127.0.0.1",
        bridge_port=ports[1],
        webhook_port=ports[2],
        agent_port=ports[3],
        endpoint_certificate=endpoints.certificate,
        endpoint_key=endpoints.key,
        webhook_certificate=webhook.certificate,
        webhook_key=webhook.key,
        operator_credentials=credentials,
        service_account_public_key=home / "sa.pub",
        kubeconfig=home / "kubeconfig",
    )
    log = home / "aws.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command_line(MODULE, settings), cwd=REPOSITORY, stdout=output, stderr=output
        )
    try:
        url = f"http://127.0.0.1:{ports[0]}"
        wait_for_health(url, process, log)
        operator = AwsEndpoint(
            url, {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
        )
        seeded = seed(operator, api_server_url=API_SERVER_URL, cluster_certificate_authority=CLUSTER_CA)
        key = RSAKey.import_key((home / "sa.key").read_bytes())
        yield Cloud(settings, authority, key, log, seeded)
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def make_vault_world(cloud: Cloud) -> Callable[..., VaultWorld]:
    def make(
        actions: tuple[str, ...] = ("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"),
        *,
        trust_policy: str | None = None,
        boundary: str | None = None,
        path: str = "/vault/",
    ) -> VaultWorld:
        name = f"vault-{uuid4().hex[:8]}"
        iam = cloud.iam()
        more: dict[str, str] = {"PermissionsBoundary": boundary} if boundary else {}
        role_arn = iam.create_role(
            RoleName=name,
            Path=path,
            AssumeRolePolicyDocument=trust_policy or trust(),
            **more,  # type: ignore[arg-type] # the stub has one type for all keyword arguments
        )["Role"]["Arn"]
        use = allow(
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:DescribeKey",
            Principal={"AWS": iam_arn("root")},
            Condition={"StringEquals": {"aws:PrincipalArn": role_arn}},
        )
        key = cloud.kms().create_key(Policy=document(administration(), use))["KeyMetadata"]
        policy = iam.create_policy(
            PolicyName=name, PolicyDocument=document(allow(*actions, resource=key["Arn"]))
        )["Policy"]["Arn"]
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        return VaultWorld(role_arn, name, key["Arn"])

    return make
