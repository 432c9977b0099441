"""What is recorded of the exporters of others, and which metrics of alarms and panels aren't recorded."""

import re
from pathlib import Path

import pytest

from components.vault.alarms import alarms
from components.vault.dashboard import panels
from tests.built_tools import OLDER_VAULT, VAULT
from tests.recordings import expositions
from tests.recordings.expositions import (
    BLACKBOX,
    CERT_MANAGER,
    Exposition,
    load_expositions,
    only,
    save_expositions,
)
from tests.recordings.faults import FAULTS
from tests.recordings.recording import TEXTS, load, metric_names
from tests.unit.fakes.stack_settings import EKS, parse

CERTIFICATES = (
    {"source": "own"},
    {"source": "secret", "secret": "given"},
    {"source": "cert-manager", "issuer": {"name": "internal"}},
)
UNRECORDED = {
    "kube_cronjob_next_schedule_time",
    "kube_cronjob_spec_suspend",
    "kube_cronjob_status_last_schedule_time",
    "kube_cronjob_status_last_successful_time",
    "kube_statefulset_replicas",
    "kube_statefulset_status_replicas_updated",
}
"""Those of kube-state-metrics, which can't be built from where the sandbox's tools come from."""


def named() -> set[str]:
    """The metrics of every alarm and panel, whichever certificate the stack has."""
    settings = [parse({**EKS, "metrics": {"enabled": True}, "tls": tls}) for tls in CERTIFICATES]
    expressions = [alarm.expression for one in settings for alarm in alarms(one, "vault")]
    expressions += [
        query.expression for one in settings for panel in panels(one, "vault") for query in panel.queries
    ]
    return {name for expression in expressions for name in re.findall(r"\b(\w+)\{", expression)}


def recorded() -> set[str]:
    """The metrics of every text."""
    of_vault = (load(version, fault).metrics for version in (OLDER_VAULT, VAULT) for fault in FAULTS)
    texts = (path.read_text(encoding="utf-8") for path in TEXTS.glob("*.txt"))
    return set().union(*of_vault, *map(metric_names, texts))


def test_alarms_and_panels_name_recorded_metrics_but_for_those_of_kube_state_metrics() -> None:
    assert {"vault_core_unsealed", "kubelet_volume_stats_available_bytes"} <= named() & recorded()
    assert named() - recorded() == UNRECORDED


@pytest.mark.parametrize("exporter", [BLACKBOX, CERT_MANAGER])
def test_exporter_is_recorded(exporter: str) -> None:
    found = load_expositions(exporter)
    assert len(found) >= 5
    assert all(shown.text for shown in found.values())
    times = [shown.seconds for shown in found.values()]
    assert times == sorted(times)


def test_expositions_are_read_as_they_were_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(expositions, "TEXTS", tmp_path)
    written = {
        "up": Exposition(17, "a 1\nb 2\n"),
        "down": Exposition(18, ""),
        "back": Exposition(19, "a 1\n"),
    }
    save_expositions("some-1.0", written)
    assert load_expositions("some-1.0") == written


def test_only_metrics_of_a_prefix_are_kept() -> None:
    assert (
        only("probe_", '# HELP probe_a x\nprobe_a 1\ngo_b 2\nprobe_c{d="e"} 3\n')
        == 'probe_a 1\nprobe_c{d="e"} 3\n'
    )
