"""Another version of the official chart outdates Vault's pods, by Helm on a real API server.

The official charts can't be had here, but what two of their versions have made of the same values. So each
version is a chart of these objects alone, and Helm upgrades one with the other. No node is there to run pods.
"""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from components.errors import RetryableError
from components.kubernetes.kubectl import KubernetesTarget
from components.kubernetes.pod_removal import evict_pod
from components.rollout.plan import WantedPods
from components.rollout.pods import expected_servers
from components.vault.pod_access import PodAccess
from components.vault.stateful_set import Server, template_origin
from sandbox.processes import wait_until
from tests.built_tools import built_tools
from tests.integration.control_plane import ControlPlane, run_control_plane
from tests.official_chart import official_file

UPGRADES = [("seed-b-ha", "0.27.0", "0.29.1"), ("seed-a", "0.29.1", "0.34.1")]
"""Values that two versions were rendered with, and the versions."""
SECONDS = 60


@pytest.fixture
def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlPlane]:
    monkeypatch.setenv("PATH", str(built_tools().kubectl.parent), prepend=":")
    with run_control_plane(tmp_path) as running:
        yield running


def chart_of(folder: Path, version: str, seed: str) -> Path:
    """A chart with the objects that the official one of that version makes of the values."""
    rendered = official_file(version, f"{seed}.rendered.yaml").read_text(encoding="utf-8")
    chart = folder / f"vault-{version}"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: vault\nversion: {version}\n", encoding="utf-8")
    (chart / "templates" / "objects.yaml").write_text(rendered, encoding="utf-8")
    return chart


def helm(plane: ControlPlane, verb: str, chart: Path) -> None:
    """Install or upgrade the release `vault`; it has to succeed."""
    command = [str(built_tools().helm), verb, "vault", str(chart), "--namespace=vault", "--create-namespace"]
    result = subprocess.run(
        [*command, f"--kubeconfig={plane.kubeconfig}"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def await_servers(access: PodAccess, *, outdated: Sequence[bool]) -> Sequence[Server]:
    """The servers, once each is outdated or not as it should be."""

    def found() -> Sequence[Server]:
        try:
            servers = expected_servers(access, 3)
        except RetryableError:
            return []
        as_expected = [server.outdated for server in servers] == list(outdated)
        return servers if as_expected and all(server.pod_uid for server in servers) else []

    wait_until(f"pods that are outdated: {outdated}", SECONDS, lambda: bool(found()))
    return found()


@pytest.mark.parametrize(("seed", "old", "new"), UPGRADES)
def test_pods_of_the_older_chart_are_outdated_and_replaced_one_by_one(
    plane: ControlPlane, tmp_path: Path, seed: str, old: str, new: str
) -> None:
    access = PodAccess(KubernetesTarget(str(plane.kubeconfig), "here", "vault"), "vault", "")
    charts = [chart_of(tmp_path, version, seed) for version in (old, new)]
    helm(plane, "install", charts[0])
    current = await_servers(access, outdated=[False] * 3)
    assert {server.origin.chart for server in current} == {f"vault-{old}"}

    # Kubernetes refuses changes of most of a StatefulSet: this is none of them.
    helm(plane, "upgrade", charts[1])
    outdated = await_servers(access, outdated=[True] * 3)
    assert [server.pod_uid for server in outdated] == [server.pod_uid for server in current]
    stateful_set = access.kubectl.get("statefulset", "vault")
    assert stateful_set is not None
    wanted = template_origin(stateful_set)
    assert wanted.chart == f"vault-{new}"
    reasons = WantedPods(wanted.image, wanted.configuration, new).reasons(outdated[2].origin)
    assert reasons == [f"chart {old} -> {new}"]

    evict_pod(access.kubectl, namespace="vault", pod="vault-2", uid=outdated[2].pod_uid)
    replaced = await_servers(access, outdated=[True, True, False])
    assert replaced[2].origin == wanted
    assert [server.pod_uid for server in replaced[:2]] == [server.pod_uid for server in outdated[:2]]
