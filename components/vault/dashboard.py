"""Computes a dashboard of Vault's metrics for Grafana."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from components.settings import Settings

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24
"""Columns of Grafana's grid."""
_SCHEMA = 39
"""Version of the model of a dashboard, that of Grafana 10; later ones read it."""

_OF_RAFT = ("vault_autopilot_", "vault_raft_")
_OF_SEAL = "vault_seal_"


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    expression: str
    legend: str = ""
    """Name of its lines, with Grafana's templates."""


@dataclass(frozen=True)
class Panel:
    """One panel."""

    title: str
    kind: Literal["stat", "timeseries"]
    queries: Sequence[Query]
    unit: str = "short"
    """As Grafana names it."""


def panels(settings: Settings, fullname: str) -> Sequence[Panel]:
    """Return the panels, numbers first, in the order in which they are read.

    Without raft there is none on voters, and none on the seal's key with Shamir's shares.
    """
    left_out = {
        *(_OF_RAFT if settings.mode != "ha" else ()),
        *(() if settings.seal.unseals_itself else (_OF_SEAL,)),
    }
    found = [*_numbers(_selector(settings, fullname)), *_courses(settings, fullname)]
    return [panel for panel in found if not any(name in str(panel.queries) for name in left_out)]


def dashboard(settings: Settings, fullname: str) -> Mapping[str, Any]:
    """Return the dashboard in Grafana's own form, as its sidecar loads it from a ConfigMap."""
    place = f"{settings.namespace}/{fullname}"
    return {
        # Grafana takes one of at most 40 characters, and by it knows the dashboard again.
        "uid": hashlib.sha256(place.encode()).hexdigest()[:40],
        "title": f"Vault {fullname} in {settings.namespace}",
        "tags": ["vault"],
        "schemaVersion": _SCHEMA,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
            ]
        },
        "panels": _placed(panels(settings, fullname)),
    }


def _selector(settings: Settings, fullname: str) -> str:
    return f'namespace="{settings.namespace}",pod=~"{fullname}-[0-9]+"'


def _numbers(pods: str) -> Sequence[Panel]:
    active = f"max by (pod) (vault_core_active{{{pods}}})"
    of_leader = f"and on (pod) ({active} == 1)"
    return [
        Panel("Unsealed pods", "stat", [Query(f"sum(max by (pod) (vault_core_unsealed{{{pods}}}))")]),
        Panel("Leader", "stat", [Query(f"{active} == 1", "{{pod}}")]),
        Panel(
            "Failures that are survived",
            "stat",
            [Query(f"max(vault_autopilot_failure_tolerance{{{pods}}} {of_leader})")],
        ),
        Panel(
            "Refused by auditing",
            "stat",
            [
                Query(
                    f"sum(vault_audit_log_request_failure{{{pods}}}) + "
                    f"sum(vault_audit_log_response_failure{{{pods}}})"
                )
            ],
        ),
        Panel(
            "Seal's key unreachable",
            "stat",
            [Query(f'max(vault_seal_unreachable_time{{{pods},seal_wrapper_name=""}})')],
            "ms",
        ),
        Panel("Leases", "stat", [Query(f"max(vault_expire_num_leases{{{pods}}} {of_leader})")]),
    ]


def _courses(settings: Settings, fullname: str) -> Sequence[Panel]:
    pods = _selector(settings, fullname)

    def by_pod(metric: str, more: str = "") -> Sequence[Query]:
        return [Query(f"max by (pod) ({metric}{{{pods}{more}}})", "{{pod}}")]

    def slowest(metric: str) -> Sequence[Query]:
        return by_pod(metric, ',quantile="0.99"')

    volumes = f'namespace="{settings.namespace}",persistentvolumeclaim=~"(data|audit)-{fullname}-[0-9]+"'
    free, size = (f"kubelet_volume_stats_{name}_bytes{{{volumes}}}" for name in ("available", "capacity"))
    return [
        Panel("Unsealed", "timeseries", by_pod("vault_core_unsealed")),
        Panel("Active", "timeseries", by_pod("vault_core_active")),
        Panel(
            "Voter is healthy",
            "timeseries",
            [
                Query(
                    f"min by (node_id) (vault_autopilot_node_healthy{{{pods}}} "
                    f"and on (pod) (max by (pod) (vault_core_active{{{pods}}}) == 1))",
                    "{{node_id}}",
                )
            ],
        ),
        Panel(
            "Requests a second",
            "timeseries",
            [Query(f"sum by (pod) (rate(vault_core_handle_request_count{{{pods}}}[5m]))", "{{pod}}")],
        ),
        Panel("Slowest requests (99 %)", "timeseries", slowest("vault_core_handle_request"), "ms"),
        Panel("Slowest audit entries (99 %)", "timeseries", slowest("vault_audit_log_request"), "ms"),
        Panel("Slowest commits of raft (99 %)", "timeseries", slowest("vault_raft_commitTime"), "ms"),
        Panel("Index that is applied", "timeseries", by_pod("vault_raft_storage_stats_applied_index")),
        Panel("Memory", "timeseries", by_pod("vault_runtime_sys_bytes"), "bytes"),
        Panel(
            "Volumes: part that is free",
            "timeseries",
            [Query(f"{free} / {size}", "{{persistentvolumeclaim}}")],
            "percentunit",
        ),
    ]


def _placed(panels_in_order: Sequence[Panel]) -> Sequence[Mapping[str, Any]]:
    """Return the panels in Grafana's form: the numbers in one row, the courses two beside each other."""
    numbers = [panel for panel in panels_in_order if panel.kind == "stat"]
    courses = [panel for panel in panels_in_order if panel.kind == "timeseries"]
    width, height = _WIDTH // len(numbers), 4
    places = [
        *((column * width, 0, width, height) for column in range(len(numbers))),
        *(
            ((index % 2) * _WIDTH // 2, height + index // 2 * 2 * height, _WIDTH // 2, 2 * height)
            for index in range(len(courses))
        ),
    ]
    return [
        {
            "id": number,
            "type": panel.kind,
            "title": panel.title,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": w, "h": h},
            "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
            "options": _options(panel),
            "targets": [
                {
                    "refId": chr(ord("A") + index),
                    "datasource": _SOURCE,
                    "expr": query.expression,
                    "legendFormat": query.legend or "__auto",
                }
                for index, query in enumerate(panel.queries)
            ],
        }
        for number, (panel, (x, y, w, h)) in enumerate(
            zip([*numbers, *courses], places, strict=True), start=1
        )
    ]


def _options(panel: Panel) -> Mapping[str, Any]:
    if panel.kind == "timeseries":
        return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    named = any(query.legend for query in panel.queries)
    return {
        "textMode": "name" if named else "value",
        "colorMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
