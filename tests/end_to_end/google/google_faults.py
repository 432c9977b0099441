"""Faults of Google's key service and of the identity that Vault is to it."""

from tests.end_to_end.faults import lost_runs, unreliable_store
from tests.end_to_end.faults.bench import CHANGED_SERVICE, Bench
from tests.end_to_end.google.conftest import IAM, KMS, PROJECT, RING
from tests.end_to_end.google.google_bench import GoogleBench
from tests.end_to_end.running_vault import poll

_QUORUM_SECONDS = 10
_PREFLIGHT_SECONDS = 10
_RESTART_SECONDS = 120
_MAY_LOOK = {"keyReaderRole": "roles/cloudkms.viewer"}


def key_version_disabled(bench: Bench) -> None:
    """After the update the key's only version is disabled, and the pod is restarted."""
    bench = _google(bench)
    bench.configure(podAddress=None)
    bench.up()
    bench.cloud.set_version_state(bench.key, 1, "DISABLED")
    bench.delete_pod()
    bench.up(succeeds=False)
    bench.cloud.set_version_state(bench.key, 1, "ENABLED")
    bench.delete_pod()
    _await_unsealed(bench)
    bench.up()


def rights_withdrawn(bench: Bench) -> None:
    """After the update Vault's account loses its rights on the key, and the pod is restarted."""
    bench = _google(bench)
    bench.configure(podAddress=None)
    bench.up()
    bench.cloud.bind(f"{KMS}/{bench.key}", {})
    bench.delete_pod()
    bench.await_in_log("PermissionDenied")
    # A changed release is verified again.
    changed = {
        "service": CHANGED_SERVICE,
        "deadlines": {"quorumSeconds": _QUORUM_SECONDS},
    }
    bench.configure(podAddress=None, **changed)
    bench.up(succeeds=False)
    bench.configure(podAddress=None, service=CHANGED_SERVICE)
    bench.up(more=["--refresh"])
    _await_unsealed(bench)


def ring_and_key_there(bench: Bench) -> None:
    """Before the first update somebody has made the ring, and the key in it, with another rotation."""
    bench = _google(bench)
    rings = f"{KMS}/{PROJECT}/locations/global/keyRings"
    bench.cloud.enable("cloudkms.googleapis.com")
    if bench.cloud.ask("GET", f"{KMS}/{RING}").status_code == 404:
        bench.cloud.google("POST", f"{rings}?keyRingId={RING.rpartition('/')[2]}", {})
    made = bench.cloud.google(
        "POST", f"{KMS}/{RING}/cryptoKeys?cryptoKeyId={bench.name}", {"purpose": "ENCRYPT_DECRYPT"}
    )
    bench.configure()
    bench.up()
    found = bench.cloud.google("GET", f"{KMS}/{bench.key}")
    assert found["createTime"] == made["createTime"]
    assert found["rotationPeriod"] == f"{90 * 24 * 60 * 60}s"
    bench.up(more=["--expect-no-changes"])


def account_made_again(bench: Bench) -> None:
    """Vault's account is deleted and made again under the same name, and the pod is restarted."""
    bench = _google(bench)
    bench.configure(podAddress=None)
    bench.up()
    accounts = f"{IAM}/{PROJECT}/serviceAccounts"
    bench.cloud.google("DELETE", f"{accounts}/{bench.account}")
    bench.cloud.google("POST", accounts, {"accountId": bench.name})
    bench.delete_pod()
    changed = {
        "service": CHANGED_SERVICE,
        "deadlines": {"quorumSeconds": _QUORUM_SECONDS},
    }
    bench.configure(podAddress=None, **changed)
    bench.up(succeeds=False)
    bench.configure(podAddress=None, service=CHANGED_SERVICE)
    bench.up(more=["--refresh"])
    _await_unsealed(bench)


def look_denied(bench: Bench) -> None:
    """Vault's account may use the key at the first update, and not look at it."""
    bench = _google(bench)
    role = bench.cloud.google(
        "POST",
        f"{IAM}/{PROJECT}/roles",
        {
            "roleId": f"noKeyReader{bench.name.replace('-', '_')}",
            "role": {"title": "None", "includedPermissions": ["cloudkms.keyRings.get"]},
        },
    )["name"]
    identity = {"keyReaderRole": role}
    bench.configure(identity=identity, deadlines={"preflightSeconds": _PREFLIGHT_SECONDS})
    bench.up(succeeds=False)
    assert not bench.vault_initialized()
    bench.configure(identity=_MAY_LOOK)
    bench.up()


def another_key_before_the_init(bench: Bench) -> None:
    """The first update fails before its init, and the settings name another key before the next one."""
    bench = _google(bench)
    blocked = bench.folder / "blocked"
    blocked.write_text("This is no folder.")
    bench.configure(custody={**bench.store, "path": str(blocked / "record.json")})
    bench.up(succeeds=False)
    assert not bench.vault_initialized()
    # One that can't be asked keeps its key.
    bench.await_in_log("security barrier not initialized")
    bench.configure(key={"name": f"{bench.name}-other"})
    bench.up()
    bench.delete_pod()
    _await_unsealed(bench)


def another_key(bench: Bench) -> None:
    """After the update the settings name another key, which exists, so that it could be imported."""
    bench = _google(bench)
    bench.configure()
    bench.up()
    other = f"{bench.name}-other"
    bench.cloud.google("POST", f"{KMS}/{RING}/cryptoKeys?cryptoKeyId={other}", {"purpose": "ENCRYPT_DECRYPT"})
    bench.configure(key={"name": other})
    bench.run("preview", succeeds=False)
    bench.up(succeeds=False)
    bench.configure()
    bench.up(more=["--expect-no-changes"])


def kill_before_the_store(bench: Bench) -> None:
    """Every process of the run is killed when the keys are about to be stored."""
    lost_runs.kill_at_the_store(bench, unreliable_store.KILL_BEFORE, stored=False, seal="gcpckms")


def _google(bench: Bench) -> GoogleBench:
    assert isinstance(bench, GoogleBench)
    return bench


def _await_unsealed(bench: Bench) -> None:
    poll("unsealed", _RESTART_SECONDS, lambda: bench.deployment.vault.unsealed() == 1)
