"""Faults in which there is a Vault already beside pod 0: no other one is made, and no volume goes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.faults.bench import THRESHOLD, Bench
from tests.end_to_end.running_vault import poll

_POD_START_SECONDS = 10
_JOIN_SECONDS = 120
_INIT_TYPES = ("OperatorInit", "PodRollout", "RaftQuorum")


def blank_pod_joins(bench: Bench) -> None:
    """The init's state is lost and pod 0 has a new volume, from which it can join the others."""
    cluster = _cluster_id(bench)
    _lose_the_inits_state(bench)
    _replace_volume(bench)
    bench.up()
    _require_the_same_vault(bench, cluster)


def blank_pod_apart(bench: Bench) -> None:
    """The same while pod 0 can't reach the others."""
    cluster = _cluster_id(bench)
    _lose_the_inits_state(bench)
    with _no_way_to_join(bench):
        _replace_volume(bench)
        _await_blank(bench)
        bench.configure(deadlines={"podStartSeconds": _POD_START_SECONDS})
        bench.up(succeeds=False)
        assert not bench.vault_initialized()
    bench.configure()
    bench.up()
    _require_the_same_vault(bench, cluster)


def blank_pod_joins_at_an_adoption(bench: Bench) -> None:
    """The init's state is lost, and pod 0 has a new volume, when the live Vault is to be adopted."""
    cluster = _cluster_id(bench)
    adoption = _only_to_adopt(bench)
    _lose_the_inits_state(bench)
    _replace_volume(bench)
    bench.configure(init=adoption)
    bench.up()
    _require_the_same_vault(bench, cluster)


def blank_pod_apart_at_an_adoption(bench: Bench) -> None:
    """The same with `init.adopt`, and with the keys of the live Vault."""
    cluster = _cluster_id(bench)
    adoption = _only_to_adopt(bench)
    _lose_the_inits_state(bench)
    with _no_way_to_join(bench):
        _replace_volume(bench)
        _await_blank(bench)
        bench.configure(init=adoption, deadlines={"podStartSeconds": _POD_START_SECONDS})
        bench.up(succeeds=False)
        assert not bench.vault_initialized()
    bench.configure(init=adoption)
    bench.up()
    _require_the_same_vault(bench, cluster)


def _cluster_id(bench: Bench) -> str:
    cluster: str = bench.deployment.outputs()["cluster_id"]
    return cluster


def _only_to_adopt(bench: Bench) -> Mapping[str, object]:
    """Take the keys out of their store; the settings `init` with which they are adopted."""
    stored = Path(bench.store["path"])
    record = json.loads(stored.read_text())
    keys = bench.folder / "init.json"
    keys.write_text(
        json.dumps(
            {
                "root_token": record["root_token"],
                "recovery_keys_b64": record["recovery_shares"],
                "recovery_keys_threshold": THRESHOLD,
            }
        )
    )
    stored.unlink()
    return {"adopt": True, "adoptedKeysFile": str(keys)}


def _lose_the_inits_state(bench: Bench) -> None:
    """What depends on the init goes first, as a resource can't be removed before it."""
    exported = bench.folder / "state.json"
    exported.write_text(bench.stack.pulumi("stack", "export", quiet=True))
    state = json.loads(exported.read_text())
    resources = state["deployment"]["resources"]
    kept = [entry for entry in resources if not entry["type"].endswith(_INIT_TYPES)]
    assert len(kept) == len(resources) - len(_INIT_TYPES)
    state["deployment"]["resources"] = kept
    exported.write_text(json.dumps(state))
    bench.stack.pulumi("stack", "import", "--file", str(exported), quiet=True)


def _replace_volume(bench: Bench) -> None:
    bench.kubectl("delete", "pvc", f"data-{bench.pod}", "--wait=false")
    bench.delete_pod()


def _await_blank(bench: Bench) -> None:
    def blank() -> bool:
        return any(not status["initialized"] for status in bench.deployment.vault.seal_statuses())

    poll("pod 0 runs on its new volume", _JOIN_SECONDS, blank)


@contextmanager
def _no_way_to_join(bench: Bench) -> Iterator[None]:
    """Takes the Service away through which a new server finds the active one, as long as the block lasts."""
    name = f"{bench.name}-active"
    service = json.loads(bench.kubectl("get", "service", name, "--output=json"))
    bench.kubectl("delete", "service", name)
    yield
    for field in ("clusterIP", "clusterIPs"):
        service["spec"].pop(field, None)
    for field in ("uid", "resourceVersion", "creationTimestamp"):
        service["metadata"].pop(field)
    manifest = bench.folder / "service.json"
    manifest.write_text(json.dumps(service))
    bench.kubectl("create", f"--filename={manifest}")
    poll("pod 0 has joined", _JOIN_SECONDS, bench.vault_initialized)


def _require_the_same_vault(bench: Bench, cluster: str) -> None:
    """The Vault is the first one on every pod, so pod 0's new volume is none of another Vault."""
    unsealed = bench.replicas
    poll("all pods are unsealed", _JOIN_SECONDS, lambda: bench.deployment.vault.unsealed() == unsealed)
    clusters = {status["cluster_id"] for status in bench.deployment.vault.seal_statuses()}
    assert clusters == {cluster}
    del bench.volumes[:-1]
