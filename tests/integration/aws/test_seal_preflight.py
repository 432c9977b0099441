"""The proof of the seal awskms, against IAM, STS and KMS with every policy enforced."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from components.errors import DeploymentError
from components.journal.encryption import JournalCipher, JournalError, SealKeyCipher
from components.kubernetes.kubectl import KubernetesTarget
from components.seals.seal import prove_seal
from sandbox.aws.account import ACCOUNT_ID, OIDC_ISSUER, iam_arn
from sandbox.network import REGION
from tests.integration.aws.running_cloud import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    SUBJECT,
    Cloud,
    MakeVaultWorld,
    VaultWorld,
    administration,
    allow,
    document,
    trust,
)
from tests.integration.free_ports import free_ports
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import CIPHER

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="vault")
ALL_ACTIONS = ("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey")
LONG = 60
"""Seconds of a deadline that a test must not use up."""


@dataclass(frozen=True)
class Cluster:
    """The cluster whose kubectl issues tokens."""

    folder: Path

    def issue(self, token: str) -> None:
        (self.folder / "token").write_text(json.dumps({"status": {"token": token}}))

    @property
    def request(self) -> dict[str, Any]:
        """The last one for a token."""
        found: dict[str, Any] = json.loads((self.folder / "request").read_text())
        return found


@pytest.fixture(autouse=True)
def cluster(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    """A kubectl that issues tokens of the cluster's key; the person is the account's operator."""
    script = f"/bin/cat > '{tmp_path}/request'; exec /bin/cat '{tmp_path}/token'"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=script)
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    found = Cluster(tmp_path)
    found.issue(cloud.token())
    return found


def properties(world: VaultWorld) -> Mapping[str, str]:
    return {
        "seal": "awskms",
        "role_arn": world.role_arn,
        "key_arn": world.key_arn,
        "region": REGION,
        "service_account": "vault",
    }


def prove(world: VaultWorld, seconds: float = 0.1) -> JournalCipher:
    return SealKeyCipher(prove_seal(properties(world), TARGET, seconds), CIPHER)


def refused(world: VaultWorld, seconds: float = 0.1) -> str:
    """What a person reads of a preflight that fails."""
    with pytest.raises(DeploymentError) as raised:
        prove(world, seconds)
    said = str(raised.value)
    assert f"as Vault's identity {world.role_arn} didn't succeed; this run has initialised nothing" in said
    return said


def test_role_that_may_use_its_key(make_vault_world: MakeVaultWorld, cluster: Cluster) -> None:
    prove(make_vault_world())
    assert cluster.request["spec"] == {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 600}


def test_person_has_no_part_in_it(make_vault_world: MakeVaultWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFNOBODYATALL000")
    prove(make_vault_world())


@pytest.mark.parametrize(
    ("trust_policy", "word"),
    [
        pytest.param(trust(subject="system:serviceaccount:vault:other"), SUBJECT, id="sub"),
        pytest.param(trust().replace('"sts.amazonaws.com"', '"sts.example.com"'), "aud", id="aud"),
    ],
)
def test_wrong_trust_policy(make_vault_world: MakeVaultWorld, trust_policy: str, word: str) -> None:
    said = refused(make_vault_world(trust_policy=trust_policy))
    assert "sts:AssumeRoleWithWebIdentity failed: AccessDenied: Not authorized to perform" in said
    assert f"provider of {OIDC_ISSUER} assume it for aud sts.amazonaws.com and sub {SUBJECT}" in said
    assert word in said


def test_role_that_does_not_exist(make_vault_world: MakeVaultWorld) -> None:
    missing = iam_arn("role/vault/missing")
    said = refused(VaultWorld(missing, "missing", make_vault_world().key_arn))
    assert f"The role {missing} has to exist" in said


def test_token_with_a_wrong_audience(
    make_vault_world: MakeVaultWorld, cloud: Cloud, cluster: Cluster
) -> None:
    cluster.issue(cloud.token(aud=["https://kubernetes.default.svc"]))
    said = refused(make_vault_world())
    assert "InvalidIdentityToken: Incorrect token audience" in said
    assert f"IAM OIDC provider for {OIDC_ISSUER} with sts.amazonaws.com among its client ids" in said


def test_cluster_without_a_provider_in_the_account(
    make_vault_world: MakeVaultWorld, cloud: Cloud, cluster: Cluster
) -> None:
    cluster.issue(cloud.token(iss="https://oidc.example.com"))
    said = refused(make_vault_world())
    assert "No OpenIDConnect provider found in your account for https://oidc.example.com" in said
    assert "needs an IAM OIDC provider for https://oidc.example.com" in said


def test_pods_of_another_service_account(
    make_vault_world: MakeVaultWorld, cloud: Cloud, cluster: Cluster
) -> None:
    cluster.issue(cloud.token(sub="system:serviceaccount:vault:default"))
    assert "check the service account's name, too (serviceAccount)" in refused(make_vault_world())


@pytest.mark.parametrize("missing", ALL_ACTIONS)
def test_missing_action_is_named(make_vault_world: MakeVaultWorld, missing: str) -> None:
    world = make_vault_world(tuple(action for action in ALL_ACTIONS if action != missing))
    said = refused(world)
    session = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{world.role_name}/"
    assert f"{missing} failed: AccessDeniedException: User: {session}" in said
    assert f"because no identity-based policy allows the {missing} action" in said
    assert f"The policy of {world.role_arn} has to allow {missing} on {world.key_arn}" in said


def test_key_policy_without_the_role(make_vault_world: MakeVaultWorld, cloud: Cloud) -> None:
    world = make_vault_world()
    cloud.kms().put_key_policy(KeyId=world.key_arn, Policy=document(administration()))
    said = refused(world)
    assert "kms:Encrypt failed: AccessDeniedException" in said
    assert f"the key policy has to let {world.role_arn} use the key" in said


def test_key_that_does_not_exist(make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    missing = f"{world.key_arn.rpartition('/')[0]}/{uuid4()}"
    said = refused(VaultWorld(world.role_arn, world.role_name, missing))
    assert "kms:DescribeKey failed: NotFoundException" in said
    assert f"Check the key {missing} and its region ({REGION})" in said


def key_id(world: VaultWorld) -> str:
    return world.key_arn.rpartition("/")[2]


@contextmanager
def at_once() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < LONG / 2


def test_disabled_key_fails_at_once(make_vault_world: MakeVaultWorld, cloud: Cloud) -> None:
    world = make_vault_world()
    cloud.kms().disable_key(KeyId=key_id(world))
    with at_once():
        said = refused(world, LONG)
    assert f"{world.key_arn} is in the state Disabled" in said
    assert f"Enable it: aws kms enable-key --key-id {world.key_arn}" in said


def test_key_that_waits_for_its_deletion_fails_at_once(
    make_vault_world: MakeVaultWorld, cloud: Cloud
) -> None:
    world = make_vault_world()
    cloud.kms().schedule_key_deletion(KeyId=key_id(world), PendingWindowInDays=7)
    with at_once():
        said = refused(world, LONG)
    assert f"aws kms cancel-key-deletion --key-id {world.key_arn}" in said


def test_aws_that_cannot_be_reached(
    make_vault_world: MakeVaultWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_vault_world()
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    said = refused(world)
    assert f'Could not connect to the endpoint URL: "{url}/"' in said
    assert f"Check that this machine reaches AWS in {REGION}" in said


@contextmanager
def after(seconds: float, change: Callable[[], object]) -> Iterator[None]:
    """Makes a change while the block runs."""
    timer = threading.Timer(seconds, change)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_policy_that_settles_is_waited_for(make_vault_world: MakeVaultWorld, cloud: Cloud) -> None:
    world = make_vault_world(("kms:DescribeKey",))
    policy = document(allow("kms:Encrypt", "kms:Decrypt", resource=world.key_arn))
    began = time.monotonic()
    with after(
        2,
        lambda: cloud.iam().put_role_policy(
            RoleName=world.role_name, PolicyName="late", PolicyDocument=policy
        ),
    ):
        prove(world, LONG)
    assert 2 <= time.monotonic() - began < LONG / 2


def test_trust_policy_that_settles_is_waited_for(make_vault_world: MakeVaultWorld, cloud: Cloud) -> None:
    world = make_vault_world(trust_policy=trust(subject="system:serviceaccount:vault:other"))
    began = time.monotonic()
    with after(
        1,
        lambda: cloud.iam().update_assume_role_policy(RoleName=world.role_name, PolicyDocument=trust()),
    ):
        prove(world, LONG)
    assert 1 <= time.monotonic() - began < LONG / 2


def test_no_token_in_an_error(make_vault_world: MakeVaultWorld, cluster: Cluster, cloud: Cloud) -> None:
    token = cloud.token(sub="system:serviceaccount:vault:default")
    cluster.issue(token)
    said = refused(make_vault_world())
    assert not any(part in said for part in token.split("."))


# The journal under the seal's key

DEPLOYMENT = "cluster-uid/vault/vault"


def test_later_run_opens_the_journal(make_vault_world: MakeVaultWorld) -> None:
    world = make_vault_world()
    key = prove(world).prepare(DEPLOYMENT)
    ciphertext = key.encrypt(b"the keys")
    header = json.loads(json.dumps(dict(key.header)))
    assert header["key_arn"] == world.key_arn
    assert key.key not in base64.b64decode(header["wrapped_key"])
    assert prove(world).open(header, DEPLOYMENT).decrypt(ciphertext) == b"the keys"


def test_journal_of_another_deployment_is_not_opened(make_vault_world: MakeVaultWorld) -> None:
    cipher = prove(make_vault_world())
    header = cipher.prepare(DEPLOYMENT).header
    with pytest.raises(JournalError, match="kms:Decrypt failed: InvalidCiphertextException"):
        cipher.open(header, "cluster-uid/other/vault")


def test_journal_under_another_key_names_it(make_vault_world: MakeVaultWorld) -> None:
    earlier = make_vault_world()
    header = prove(earlier).prepare(DEPLOYMENT).header
    with pytest.raises(JournalError, match=f"wrapped by {earlier.key_arn}, and the seal's key is"):
        prove(make_vault_world()).open(header, DEPLOYMENT)


def test_key_of_the_journal_that_is_denied_later(
    make_vault_world: MakeVaultWorld, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.journal.encryption._WAIT_SECONDS", 0.1)
    world = make_vault_world()
    cipher = prove(world)
    header = cipher.prepare(DEPLOYMENT).header
    cloud.kms().put_key_policy(KeyId=world.key_arn, Policy=document(administration()))
    with pytest.raises(JournalError, match="its key can't be recovered: kms:Decrypt failed: AccessDenied"):
        cipher.open(header, DEPLOYMENT)
