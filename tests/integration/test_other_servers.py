"""A blank pod 0 beside a real Vault on another pod: nothing is initialised."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.errors import DeploymentError
from components.operator_init import OperatorInitProvider
from tests.integration.program_inputs import init_inputs, journal
from tests.integration.vault_servers import NAME, VaultServers, vault_servers
from tests.unit.fakes.kubernetes_objects import KubernetesObjects


@pytest.fixture
def servers(vault_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultServers]:
    """Pod 0, which nobody has initialised, and pod 1, which somebody has."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    with vault_servers(vault_program, tmp_path, replicas=2, seal=None) as cluster:
        monkeypatch.setenv("PATH", str(cluster.commands), prepend=":")
        cluster[1].client().sys.initialize(secret_shares=1, secret_threshold=1)
        yield cluster


@pytest.mark.parametrize("adopt", [False, True])
def test_live_vault_on_another_pod_stops_the_init(servers: VaultServers, adopt: bool) -> None:
    assert "A Vault exists on vault-1, and vault-0 hasn't joined it" in refused(adopt=adopt)
    assert servers[0].client().sys.is_initialized() is False


def test_vault_that_may_be_on_another_pod_stops_the_init(servers: VaultServers, tmp_path: Path) -> None:
    servers[1].stop()
    objects = KubernetesObjects(tmp_path / "objects", NAME)
    objects.put("pod", "vault-1", metadata={"creationTimestamp": "2020-01-01T00:00:00Z"})
    assert "Whether there is a Vault on vault-1 can't be seen" in refused()
    assert servers[0].client().sys.is_initialized() is False


def refused(**changed: Any) -> str:
    shamir = {"seal_type": "shamir", "seal_key": "", "pod_start_seconds": 2}
    with pytest.raises(DeploymentError) as raised:
        OperatorInitProvider().create(init_inputs(**shamir, **changed))
    assert journal().find() is None
    return str(raised.value)
