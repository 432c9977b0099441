"""Says how long the certificates of Vault's servers are valid, and whether pods serve the present one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from components.status.facts import CertificateSecret, Facts, ObservedPod, SeenCertificate
from components.status.page import Line, Section, State
from components.tls.judgement import LEAST_REMAINING
from components.tls.lifetime import is_due

TITLE = "Certificate"
RELOAD = timedelta(minutes=15)
"""For so long after its begin pods may serve the one before: kubelet brings a changed Secret within some
minutes, Vault reads it within seconds of that, and an authority dates a certificate some minutes back."""


def certificate_section(facts: Facts) -> Section:
    """Say until when Vault's certificate is valid, whether it is renewed, and whether each pod has it."""
    speaking = {pod.name for pod in facts.pods if pod.speaks_tls}
    plain = [pod.name for pod in facts.pods if pod.speaks_tls is False]
    wanted = facts.secret is not None
    if not wanted and not speaking:
        if not plain:
            return Section(TITLE, [Line("no pod can be asked for one", State.UNKNOWN)])
        return Section(TITLE, [Line("none: Vault speaks plain HTTP (docs/tls.md)", State.NOTE)])
    lines = _served(facts)
    if facts.secret is not None:
        lines = [*_in_secret(facts.secret, facts.now), *lines]
    if plain and wanted:
        lines.append(Line("it speaks plain HTTP still", State.ATTENTION, ", ".join(plain), _REPLACED))
    if facts.release is not None and not wanted:
        names = ", ".join(sorted(speaking))
        lines.append(Line("it speaks TLS still, and the release doesn't", State.ATTENTION, names, _REPLACED))
    return Section(TITLE, lines)


_REPLACED = "run pulumi up, which replaces it, or with upgrade.roll: false names it for you to delete"


def _in_secret(secret: CertificateSecret, now: datetime) -> list[Line]:
    certificate = secret.certificate
    if certificate is None and secret.unasked:
        return [Line(f"Secret {secret.name} can't be looked at: {secret.problem}", State.UNKNOWN)]
    if certificate is None:
        said = f"Secret {secret.name}: {secret.problem}. Pods that start now don't come up"
        return [Line(said, State.ATTENTION, fix=_renewal(secret))]
    return [_validity(f"Secret {secret.name}", certificate, now, _renewal(secret), by_stack=secret.by_stack)]


def _renewal(secret: CertificateSecret) -> str:
    if secret.by_stack:
        return "run pulumi up --refresh, which issues another one"
    if secret.request:
        return (
            "see why cert-manager doesn't renew it: kubectl describe certificate.cert-manager.io "
            f"{secret.request}"
        )
    return f"put another one into Secret {secret.name} (docs/tls.md); Vault reads it without a restart"


def _validity(where: str, seen: SeenCertificate, now: datetime, renewal: str, *, by_stack: bool) -> Line:
    left = seen.not_after - now
    until = f"until {seen.not_after.strftime('%Y-%m-%d %H:%M UTC')}"
    if left <= timedelta():
        return Line(f"{where}: it expired, it was valid {until}", State.ATTENTION, fix=renewal)
    said = f"{where}: valid {until}, for {_days(left)} more"
    if now < seen.not_before:
        fix = "see whether this machine's clock is right"
        return Line(f"{said}, but not yet", State.ATTENTION, fix=fix)
    if left < min(LEAST_REMAINING, (seen.not_after - seen.not_before) / 5):
        return Line(f"{said}: it should have been renewed by now", State.ATTENTION, fix=renewal)
    if by_stack and is_due(seen.not_before.isoformat(), seen.not_after.isoformat(), now):
        return Line(f"{said}; the next pulumi up renews it", State.NOTE)
    return Line(said)


def _days(left: timedelta) -> str:
    if left < timedelta(days=2):
        return f"{left // timedelta(hours=1)} hours"
    return f"{left.days} days"


def _served(facts: Facts) -> list[Line]:
    """Return a line for each certificate that pods serve and the Secret doesn't have."""
    present = facts.secret.certificate if facts.secret is not None else None
    lines = []
    for seen, pods in _by_certificate(facts.pods).items():
        names = ", ".join(pods)
        if present is not None and seen.serial == present.serial:
            continue
        if present is None:
            line = _validity("served", seen, facts.now, "see the Secret above", by_stack=False)
            lines.append(Line(line.says, line.state, names, line.fix))
        elif facts.now - present.not_before < RELOAD:
            lines.append(Line("the one before is served, for some minutes more", State.NOTE, names))
        else:
            lines.append(_stale(facts, seen, names))
    return lines


def _stale(facts: Facts, seen: SeenCertificate, names: str) -> Line:
    expired = seen.not_after <= facts.now
    until = seen.not_after.strftime("%Y-%m-%d %H:%M UTC")
    said = (
        f"it serves another one than the Secret has, {'expired at' if expired else 'valid until'} {until} "
        f"(serial {seen.serial})"
    )
    fix = (
        "if the Secret has changed within the last minutes, ask again; otherwise see in the pod's log why "
        "Vault doesn't read it (docs/tls.md), or delete the pod, the leader last"
    )
    return Line(said, State.ATTENTION, names, fix)


def _by_certificate(pods: Sequence[ObservedPod]) -> Mapping[SeenCertificate, Sequence[str]]:
    found: dict[SeenCertificate, list[str]] = {}
    for pod in pods:
        if pod.served is not None:
            found.setdefault(pod.served, []).append(pod.name)
    return found
