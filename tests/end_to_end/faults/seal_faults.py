"""Faults of the key service that Vault is sealed with."""

import time

from tests.end_to_end.faults.bench import CHANGED_SERVICE, Bench
from tests.end_to_end.faults.boundary import boundary as role_boundary
from tests.end_to_end.faults.vault_proxy import Exchange

_PREFLIGHT_SECONDS = 10
_QUORUM_SECONDS = 10
_STILL_UNREACHABLE_SECONDS = 10
"""Longer than an update takes that has nothing to wait for."""


def encrypt_denied(bench: Bench) -> None:
    """Vault's role may not `kms:Encrypt` when the first update begins."""
    with role_boundary(bench.deployment, ["kms:Decrypt", "kms:DescribeKey"]) as boundary:
        role = {"permissionsBoundary": boundary}
        deadlines = {"preflightSeconds": _PREFLIGHT_SECONDS}
        bench.configure(role=role, deadlines=deadlines)
        bench.up(succeeds=False)
        assert not bench.vault_initialized()
        bench.configure()
        bench.up()


def configuration_changed_before_init(bench: Bench) -> None:
    """The first update fails before its init, and Vault's configuration is changed before the next one."""
    with role_boundary(bench.deployment, ["kms:Decrypt", "kms:DescribeKey"]) as boundary:
        role = {"permissionsBoundary": boundary}
        bench.configure(role=role, deadlines={"preflightSeconds": _PREFLIGHT_SECONDS})
        bench.up(succeeds=False)
        bench.configure(ui=False)
        bench.up()


def encrypt_denied_without_preflight(bench: Bench) -> None:
    """The same with the preflight turned off: Vault itself finds out, in the middle of its init."""
    with role_boundary(bench.deployment, ["kms:Decrypt", "kms:DescribeKey"]) as boundary:
        bench.configure(role={"permissionsBoundary": boundary}, init={"preflight": False})
        bench.up(succeeds=False)
        assert bench.vault_initialized()
        bench.configure(init={"preflight": False})
        bench.up(succeeds=False)
        bench.delete_as_told()
        bench.up()


def decrypt_denied_later(bench: Bench) -> None:
    """After the update Vault's role loses `kms:Decrypt`, and the pod is restarted."""
    bench.configure(podAddress=None)
    bench.up()
    role = bench.deployment.outputs()["role_name"]
    iam = bench.deployment.aws("iam")
    with role_boundary(bench.deployment, ["kms:Encrypt", "kms:DescribeKey"]) as boundary:
        iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary)
        bench.delete_pod()
        bench.await_in_log("kms:Decrypt")
        # A changed release is verified again.
        bench.configure(
            podAddress=None,
            service=CHANGED_SERVICE,
            deadlines={"quorumSeconds": _QUORUM_SECONDS},
        )
        bench.up(succeeds=False)
        iam.delete_role_permissions_boundary(RoleName=role)
        bench.delete_pod()
        # With its full time: a new pod may first fail, as the old one still holds Vault's files.
        bench.configure(podAddress=None, service=CHANGED_SERVICE)
        bench.up()


def unreachable_during_init(bench: Bench) -> None:
    """AWS answers nothing from the moment on at which `sys/init` reaches Vault, until the next run waits."""
    bench.configure()

    def forward_without_cloud(exchange: Exchange) -> None:
        bench.stop_cloud()
        exchange.pass_on()

    bench.proxy.on_write("sys/init", forward_without_cloud)
    try:
        bench.up(succeeds=False)
        with bench.start() as run:
            time.sleep(_STILL_UNREACHABLE_SECONDS)
            assert run.goes_on, f"the second run didn't need AWS:\n{run.said}"
            bench.resume_cloud()
            assert run.wait() != 0, run.said
    finally:
        bench.resume_cloud()
    bench.delete_as_told()
    bench.up()
