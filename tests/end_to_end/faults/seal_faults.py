"""Faults of the key service that Vault is sealed with."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.faults.vault_proxy import Exchange

UNREACHABLE_SECONDS = 120
_PREFLIGHT_SECONDS = 15
_QUORUM_SECONDS = 20


def encrypt_denied(bench: Bench) -> None:
    """Vault's role may not `kms:Encrypt` when the first update begins."""
    with _boundary(bench, "without-encrypt", ["kms:Decrypt", "kms:DescribeKey"]) as boundary:
        role = {"permissionsBoundary": boundary}
        deadlines = {"preflightSeconds": _PREFLIGHT_SECONDS}
        bench.configure(role=role, deadlines=deadlines)
        bench.up(succeeds=False)
        assert not bench.vault_initialized()
        bench.configure()
        bench.up()


def encrypt_denied_without_preflight(bench: Bench) -> None:
    """The same with the preflight turned off: Vault itself finds out, in the middle of its init."""
    with _boundary(bench, "without-encrypt", ["kms:Decrypt", "kms:DescribeKey"]) as boundary:
        bench.configure(role={"permissionsBoundary": boundary}, init={"preflight": False})
        bench.up(succeeds=False)
        assert bench.vault_initialized()
        bench.configure(init={"preflight": False, "wipe": True})
        bench.up()


def decrypt_denied_later(bench: Bench) -> None:
    """After the update Vault's role loses `kms:Decrypt`, and the pod is restarted."""
    bench.configure(podAddress=None)
    bench.up()
    role = bench.deployment.outputs()["role_name"]
    iam = bench.deployment.aws("iam")
    with _boundary(bench, "without-decrypt", ["kms:Encrypt", "kms:DescribeKey"]) as boundary:
        iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary)
        bench.delete_pod()
        # A changed release is verified again.
        bench.configure(
            podAddress=None,
            extraEnvironment={"VAULT_LOG_LEVEL": "info"},
            deadlines={"quorumSeconds": _QUORUM_SECONDS},
        )
        bench.up(succeeds=False)
        iam.delete_role_permissions_boundary(RoleName=role)
        bench.delete_pod()
        bench.up()


def unreachable_during_init(bench: Bench) -> None:
    """AWS answers nothing for two minutes from the moment on at which `sys/init` reaches Vault."""
    bench.configure()
    outage = threading.Timer(UNREACHABLE_SECONDS, bench.resume_cloud)

    def forward_without_cloud(exchange: Exchange) -> None:
        bench.stop_cloud()
        outage.start()
        exchange.pass_on()

    bench.proxy.on_write("sys/init", forward_without_cloud)
    try:
        bench.up(succeeds=False)
        assert outage.is_alive(), "AWS was there again before the run ended"
        bench.configure(init={"wipe": True})
        bench.up()
        assert not outage.is_alive(), "the second run didn't need AWS"
    finally:
        outage.cancel()
        bench.resume_cloud()


@contextmanager
def _boundary(bench: Bench, name: str, actions: Sequence[str]) -> Iterator[str]:
    """ARN of a policy that allows these actions and no other."""
    iam = bench.deployment.aws("iam")
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
    }
    policy = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    yield policy
    iam.delete_policy(PolicyArn=policy)
