"""What is recorded of real servers, and that alarms and panels name nothing else."""

import re
from pathlib import Path

import pytest

from components.vault.alarms import alarms
from components.vault.dashboard import panels
from tests.built_tools import OLDER_VAULT, VAULT
from tests.recordings import recording
from tests.recordings.faults import FAULTS
from tests.recordings.recording import Moment, Recording, load, metric_names, shortened
from tests.unit.fakes.stack_settings import EKS, parse

SETTINGS = parse({**EKS, "metrics": {"enabled": True}})
NAMED = {
    name
    for expression in (
        *(alarm.expression for alarm in alarms(SETTINGS, "vault")),
        *(query.expression for panel in panels(SETTINGS, "vault") for query in panel.queries),
    )
    for name in re.findall(r"\b(vault_\w+)\{", expression)
}


@pytest.mark.parametrize("version", [OLDER_VAULT, VAULT])
def test_alarms_and_panels_name_metrics_of_real_servers(version: str) -> None:
    recorded = frozenset[str]().union(*(load(version, fault).metrics for fault in FAULTS))
    assert {"vault_core_unsealed", "vault_audit_sink_failure", "vault_seal_unreachable_time"} <= NAMED
    assert NAMED - recorded == set()


@pytest.mark.parametrize("version", [OLDER_VAULT, VAULT])
def test_every_fault_is_recorded(version: str) -> None:
    recorded = {path.stem for path in (recording.TEXTS / version).iterdir()}
    assert recorded == set(FAULTS)
    for fault in FAULTS:
        pods = {tuple(moment.texts) for moment in load(version, fault).moments}
        assert pods == {("vault-0", "vault-1", "vault-2")}


def test_recording_is_read_as_it_was_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(recording, "TEXTS", tmp_path)
    moments = [
        Moment("before", 3, {"vault-0": "a 1\n", "vault-1": ""}),
        Moment("fault", 3, {"vault-0": None, "vault-1": '# TYPE b gauge\nb{c="d"} 1\n'}),
        Moment("fault", 7, {"vault-0": None, "vault-1": None}),
    ]
    written = Recording("1.2.3", "fire", moments)
    written.save()
    assert load("1.2.3", "fire") == written
    assert written.metrics == {"a", "b"}


def test_text_is_shortened_by_what_nobody_names() -> None:
    text = (
        "# HELP vault_core_active vault_core_active\n"
        "# TYPE vault_core_active gauge\n"
        'vault_core_active{cluster="a"} 1\n'
        'vault_core_handle_request{quantile="0.5"} 1\n'
        'vault_core_handle_request{quantile="0.99"} 2\n'
        "vault_route_read_cubbyhole__count 3\n"
    )
    kept = shortened(text)
    assert metric_names(kept) == {"vault_core_active", "vault_core_handle_request"}
    assert kept.count("\n") == 3
