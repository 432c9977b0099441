"""Computes the alarms on Vault's metrics, as the rules of a PrometheusRule.

What the expressions have to allow for was seen in the metrics of real servers (tests/recordings):

- A gauge of Vault has a series without the cluster's name beside the one with it, from before the server knew
  it, and that stays as it was. So pods are looked at by their maximum.
- A gauge that isn't set any more is gone after the retention time. A sealed server sets none, so that the
  alarm looks for pods that Prometheus reads and that don't say that they are unsealed.
- Autopilot's gauges are the leader's. A former leader has its last ones until the retention time is over.
- A counter is there from its first event on, and again without history once it was idle for that time. So
  `increase` alone would miss the first event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.settings import Settings
from components.vault.tls_values import certificate_secret

RUNBOOK = "docs/alarms.md"
_DAY = 24 * 3600
_RENEWAL_WINDOW = 1 / 3
"""Part of a certificate's lifetime in which it is to be renewed."""

_GIVEN_DAYS = 14
"""How long before its end a certificate is told of that others renew, and for how long after it.

Prometheus keeps what it has read for 15 days unless it is told otherwise.
"""


@dataclass(frozen=True)
class Alarm:
    """One alarm."""

    name: str
    expression: str
    """PromQL; the alarm is on while it returns anything."""
    lasting: str
    """For how long it has to, as Prometheus writes a duration."""
    severity: str
    """`critical` if Vault doesn't serve or is about to lose what it needs; else `warning`."""
    summary: str
    """One sentence, with Prometheus' templates."""


def alarm_rules(settings: Settings, fullname: str, not_after: int | None = None) -> Mapping[str, Any]:
    """Return the specification of a PrometheusRule.

    ``not_after`` is the end (seconds since 1970) of the certificate that the stack makes itself; None for any
    other one.
    """
    group = {
        "name": f"{fullname}.{settings.namespace}",
        "rules": [_rule(alarm, settings.namespace) for alarm in alarms(settings, fullname, not_after)],
    }
    return {"groups": [group]}


def alarms(settings: Settings, fullname: str, not_after: int | None = None) -> Sequence[Alarm]:
    """Return the alarms that fit the settings: none on voters without raft, or on Shamir's shares."""
    pods = f'namespace="{settings.namespace}",pod=~"{fullname}-[0-9]+"'
    return [
        *_availability(settings, pods),
        *(_voters(settings, pods) if settings.mode == "ha" and settings.replicas > 1 else ()),
        *_audit(pods),
        *(_seal(pods) if settings.seal.unseals_itself else ()),
        *_volumes(settings, fullname),
        *_stack(settings, fullname),
        *_certificate(settings, fullname, not_after),
    ]


def _rule(alarm: Alarm, namespace: str) -> Mapping[str, Any]:
    return {
        "alert": alarm.name,
        "expr": alarm.expression,
        "for": alarm.lasting,
        "labels": {"severity": alarm.severity, "namespace": namespace},
        "annotations": {"summary": alarm.summary, "runbook": f"{RUNBOOK}#{alarm.name.lower()}"},
    }


def _by_pod(metric: str, pods: str) -> str:
    return f"max by (namespace, pod) ({metric}{{{pods}}})"


def _read(pods: str) -> str:
    """Return an expression of the pods that Prometheus reads: a gauge that each server has in any state."""
    return _by_pod("vault_runtime_num_goroutines", pods)


def _of_leader(metric: str, pods: str) -> str:
    return f"{metric}{{{pods}}} and on (namespace, pod) ({_by_pod('vault_core_active', pods)} == 1)"


def _happened(metric: str, pods: str) -> str:
    """Return an expression of the pods on which a counter grew in the last ten minutes."""
    series = f"{metric}{{{pods}}}"
    grew = f"increase({series}[10m]) > 0 or ({series} > 0 unless {series} offset 10m)"
    return f"max by (namespace, pod) ({grew})"


def _availability(settings: Settings, pods: str) -> Sequence[Alarm]:
    unsealed, active = _by_pod("vault_core_unsealed", pods), _by_pod("vault_core_active", pods)
    read = f"(count({_read(pods)}) or vector(0))"
    found = [
        Alarm(
            "VaultSealed",
            f"{_read(pods)} unless on (namespace, pod) ({unsealed} == 1)",
            "2m",
            "critical",
            "Vault's pod {{ $labels.pod }} is sealed.",
        ),
        Alarm(
            "VaultAbsent",
            f"{read} == 0",
            "2m",
            "critical",
            "Prometheus reads the metrics of none of Vault's pods.",
        ),
    ]
    if settings.replicas > 1:
        found += [
            Alarm(
                "VaultPodAbsent",
                f"0 < {read} < {settings.replicas}",
                "5m",
                "warning",
                f"Prometheus reads the metrics of {{{{ $value }}}} of {settings.replicas} pods of Vault.",
            ),
            Alarm(
                "VaultNoLeader",
                f"count({_read(pods)}) unless (sum({active}) > 0)",
                "2m",
                "critical",
                "None of Vault's pods is active.",
            ),
            Alarm(
                "VaultTwoLeaders",
                f"sum({active}) > 1",
                "3m",
                "critical",
                "{{ $value }} of Vault's pods say that they are active.",
            ),
        ]
    return found


def _voters(settings: Settings, pods: str) -> Sequence[Alarm]:
    return [
        Alarm(
            "VaultFailureToleranceLost",
            f"max by (namespace) ({_of_leader('vault_autopilot_failure_tolerance', pods)}) < 1",
            "5m",
            "critical",
            f"One more failure among the {settings.replicas} voters stops Vault.",
        ),
        Alarm(
            "VaultVoterUnhealthy",
            f"min by (namespace, node_id) ({_of_leader('vault_autopilot_node_healthy', pods)}) < 1",
            "5m",
            "warning",
            "The leader finds the voter {{ $labels.node_id }} unhealthy.",
        ),
    ]


def _audit(pods: str) -> Sequence[Alarm]:
    requests, responses = (
        _happened(f"vault_audit_log_{name}_failure", pods) for name in ("request", "response")
    )
    return [
        Alarm(
            "VaultAuditFailing",
            f"{requests} or {responses}",
            "1m",
            "critical",
            "Vault's pod {{ $labels.pod }} refuses requests, as no audit device takes them.",
        ),
        Alarm(
            "VaultAuditDeviceFailing",
            _happened("vault_audit_sink_failure", pods),
            "1m",
            "warning",
            "An audit device of Vault's pod {{ $labels.pod }} fails.",
        ),
    ]


def _seal(pods: str) -> Sequence[Alarm]:
    # The series with the name of a seal isn't set back once the key's service answers again.
    unreachable = _by_pod("vault_seal_unreachable_time", f'{pods},seal_wrapper_name=""')
    return [
        Alarm(
            "VaultSealKeyUnreachable",
            f"{unreachable} > 0",
            "2m",
            "critical",
            "The seal's key refuses Vault. It serves on, and a pod that restarts stays sealed.",
        )
    ]


def _volumes(settings: Settings, fullname: str) -> Sequence[Alarm]:
    def full(name: str, claims: str, consequence: str) -> Alarm:
        volumes = f'{{namespace="{settings.namespace}",persistentvolumeclaim=~"{claims}-{fullname}-[0-9]+"}}'
        available, capacity = (
            f"kubelet_volume_stats_{part}_bytes{volumes}" for part in ("available", "capacity")
        )
        return Alarm(
            name,
            f"{available} / {capacity} < 0.15",
            "15m",
            "warning",
            "{{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} left. "
            f"{consequence}",
        )

    found = [full("VaultDataVolumeFull", "data", "Once it is full, Vault stops.")]
    if settings.audit_storage.enabled:
        found.append(
            full(
                "VaultAuditVolumeFull", "audit", "Once it is full, Vault refuses what it can't log elsewhere."
            )
        )
    return found


def _stack(settings: Settings, fullname: str) -> Sequence[Alarm]:
    this = f'{{namespace="{settings.namespace}",statefulset="{fullname}"}}'
    jobs = f'{{namespace="{settings.namespace}",cronjob=~"{fullname}-snapshot.*"}}'
    scheduled, successful = (
        f"max by (namespace, cronjob) (kube_cronjob_status_last_{name}_time{jobs})"
        for name in ("schedule", "successful")
    )
    # A suspended one has no next time, and the last job that began may well have succeeded.
    next_one, suspended = (
        f"max by (namespace, cronjob) (kube_cronjob_{name}{jobs})"
        for name in ("next_schedule_time", "spec_suspend")
    )
    return [
        Alarm(
            "VaultPodOutdated",
            f"max by (namespace, statefulset) (kube_statefulset_replicas{this}) > "
            f"max by (namespace, statefulset) (kube_statefulset_status_replicas_updated{this})",
            "1h",
            "warning",
            "A pod of Vault's was started before the last change of its settings.",
        ),
        Alarm(
            "VaultSnapshotOld",
            f"{scheduled} > {successful} or {scheduled} unless {successful} or time() - {next_one} > 3600 "
            f"or {suspended} == 1",
            "1h",
            "warning",
            "CronJob {{ $labels.cronjob }} has taken no snapshot since it last should have, or is suspended.",
        ),
    ]


def _certificate(settings: Settings, fullname: str, not_after: int | None) -> Sequence[Alarm]:
    """Return the alarm on the certificate: by its end, by cert-manager's metric, or by the one of a probe."""
    if not settings.tls.enabled:
        return ()
    # The renewal has then failed, or was forgotten, for half of the time that there was for it.
    left = round(settings.tls.lifetime_days * _DAY * _RENEWAL_WINDOW / 2)
    if not_after is not None:
        expression = f"vector({not_after}) - time() < {left}"
    elif settings.tls.source == "cert-manager":
        metric, name = (
            "certmanager_certificate_expiration_timestamp_seconds",
            certificate_secret(settings, fullname),
        )
        # What scrapes cert-manager decides which of the two has the certificate's namespace. If the first one
        # has it, the second is cert-manager's own. A certificate that was never issued is shown to end at 0.
        series = " or ".join(
            f'{metric}{{name="{name}",{labels}}}'
            for labels in (
                f'exported_namespace="{settings.namespace}"',
                f'exported_namespace="",namespace="{settings.namespace}"',
            )
        )
        expression = f"max by (name) ({series}) - time() < {left}"
    else:
        host = f"{fullname}(-active)?[.]{settings.namespace}[.]svc"
        metric = f'probe_ssl_earliest_cert_expiry{{instance=~"(https://)?{host}(:.*|/.*)?"}}'
        # A probe that verifies shows no end any more once the certificate has ended, or if Vault is down.
        last = f"last_over_time({metric}[{_GIVEN_DAYS}d])"
        ends = f"min by (instance) ({metric}) or min by (instance) ({last})"
        expression = f"({ends}) - time() < {_GIVEN_DAYS * _DAY}"
    return [
        Alarm(
            "VaultCertificateExpires",
            expression,
            "1h",
            "warning",
            "The certificate of Vault's servers ends in {{ $value | humanizeDuration }} "
            "(below zero: it has ended, or was never issued).",
        )
    ]
