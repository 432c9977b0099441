"""What Prometheus and Grafana get, as the engine is asked for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.kubectl import KubernetesTarget
from components.metrics_provisioning import OperatorMissingError, require_operator
from components.resource_types import CONFIG_MAP, NETWORK_POLICY, POD_MONITOR, PROMETHEUS_RULE
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import NAMESPACE, POD_ROLLOUT, QUORUM, RELEASE, up
from tests.unit.fakes.recorded_deployment import Deployment
from tests.unit.fakes.stack_settings import EKS

pytestmark = pytest.mark.usefixtures("program_commands")

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="vault")
LABELS = {"release": "kube-prometheus-stack"}


def deployed(metrics: dict[str, Any], **more: Any) -> Deployment:
    configuration = {"tls": {"source": "none"}, "metrics": {"enabled": True, **metrics}, **more}
    return up({**EKS, **{key: json.dumps(value) for key, value in configuration.items()}})


def test_monitor_rules_and_dashboard_are_in_vaults_namespace() -> None:
    deployment = deployed({"labels": LABELS})
    monitor, rule = deployment.only(POD_MONITOR), deployment.only(PROMETHEUS_RULE)
    assert monitor.inputs["metadata"] == {"name": "vault-server", "namespace": "vault", "labels": LABELS}
    assert rule.inputs["metadata"] == {"name": "vault-alarms", "namespace": "vault", "labels": LABELS}
    assert rule.inputs["spec"]["groups"][0]["rules"]
    board = deployment.only(CONFIG_MAP)
    assert board.inputs["metadata"] == {
        "name": "vault-dashboard",
        "namespace": "vault",
        "labels": {"grafana_dashboard": "1"},
    }
    assert json.loads(board.inputs["data"]["vault-vault.json"])["panels"]
    for made in (monitor, rule, board):
        assert NAMESPACE in deployment.prerequisites(made)


def test_alarms_come_once_all_pods_tell_their_metrics() -> None:
    """Pods from before tell none, for as long as the roll takes, so the alarms would sound."""
    deployment = deployed({})
    rule, monitor = deployment.only(PROMETHEUS_RULE), deployment.only(POD_MONITOR)
    assert {POD_ROLLOUT, QUORUM} <= deployment.prerequisites(rule)
    assert POD_ROLLOUT not in deployment.prerequisites(monitor)


def test_vault_keeps_and_shows_its_metrics() -> None:
    release = deployed({"scrape": "annotations"}).only(RELEASE)
    server = release.inputs["values"]["server"]
    configuration = server["ha"]["raft"]["config"]
    assert 'telemetry {\n  prometheus_retention_time = "5m"\n  disable_hostname = true\n}' in configuration
    assert "unauthenticated_metrics_access = true" in configuration
    assert server["annotations"]["prometheus.io/path"] == "/v1/sys/metrics"


def test_nothing_is_there_without_metrics() -> None:
    deployment = up(EKS)
    assert {CONFIG_MAP, POD_MONITOR, PROMETHEUS_RULE}.isdisjoint(deployment.types)
    values = json.dumps(deployment.only(RELEASE).inputs["values"])
    assert "telemetry" not in values
    assert "prometheus.io" not in values


def test_each_part_can_be_left_out() -> None:
    deployment = deployed({"scrape": "annotations", "dashboard": False})
    assert {CONFIG_MAP, POD_MONITOR, PROMETHEUS_RULE}.isdisjoint(deployment.types)
    assert deployed({"scrape": "none", "rules": True}).only(PROMETHEUS_RULE)


def test_monitor_verifies_by_the_authority() -> None:
    deployment = deployed({"dashboard": False}, tls={"source": "own"})
    authority = deployment.only(CONFIG_MAP)
    assert authority.inputs["metadata"] == {"name": "vault-metrics-ca", "namespace": "vault"}
    assert authority.inputs["data"] == {"ca.crt": "the authority"}
    monitor = deployment.only(POD_MONITOR)
    (endpoint,) = monitor.inputs["spec"]["podMetricsEndpoints"]
    assert endpoint["tlsConfig"]["ca"]["configMap"]["name"] == "vault-metrics-ca"
    assert CONFIG_MAP in deployment.prerequisites(monitor)


def test_end_of_the_stacks_own_certificate_is_in_the_alarm() -> None:
    def expression(source: dict[str, Any]) -> str:
        rules = deployed({}, tls=source).only(PROMETHEUS_RULE).inputs["spec"]["groups"][0]["rules"]
        (found,) = [rule["expr"] for rule in rules if rule["alert"] == "VaultCertificateExpires"]
        return str(found)

    # 2027-01-01, in seconds since 1970.
    assert expression({"source": "own"}).startswith("vector(1798761600) - time() < ")
    assert "probe_ssl_earliest_cert_expiry" in expression({"source": "secret", "secret": "given"})


def test_open_metrics_are_told() -> None:
    open_to_all = deployed({})
    closed = deployed({"from": ["monitoring"]}, networkPolicy={})
    warning = "reads Vault's metrics without a token"
    assert any(warning in text for text in open_to_all.log)
    assert not any(warning in text for text in closed.log)
    reached = closed.only(NETWORK_POLICY).inputs["spec"]["ingress"][0]
    assert {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}} in reached[
        "from"
    ]
    assert [port["port"] for port in reached["ports"]] == [8200]


@pytest.mark.parametrize("kind", ["PodMonitor", "PrometheusRule"])
def test_missing_definition_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    missing = (
        "echo 'Error from server (NotFound): the server could not find the requested resource' >&2; exit 1"
    )
    for number, script in enumerate((missing, """echo '{"resources": [{"name": "probes"}]}'""")):
        only_commands(monkeypatch, tmp_path / str(number), kubectl=script)
        with pytest.raises(OperatorMissingError, match=f"doesn't know the kind {kind} of monitoring"):
            require_operator(TARGET, kind)


def test_known_definition_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer = json.dumps({"resources": [{"name": "podmonitors"}, {"name": "prometheusrules"}]})
    only_commands(monkeypatch, tmp_path / "commands", kubectl=f"echo '{answer}'")
    require_operator(TARGET, "PodMonitor")
    require_operator(TARGET, "PrometheusRule")


def test_cluster_that_does_not_say_is_let_through(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = "echo 'Error from server (Forbidden): no' >&2; exit 1"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=refused)
    require_operator(TARGET, "PodMonitor")
    assert "Whether the cluster knows the kind PodMonitor can't be seen" in capsys.readouterr().err
