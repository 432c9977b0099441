"""The alarms and the dashboard on recordings of real servers, evaluated by the engine of Prometheus."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from components.vault.alarms import Alarm, alarm_rules, alarms
from components.vault.dashboard import panels
from tests.built_tools import OLDER_VAULT, VAULT, built_tools
from tests.recordings.picture import PICTURE, RECORDED, draw
from tests.recordings.playback import PHASE, START, STEP, Prometheus, Scrape, phases, scrapes
from tests.recordings.recording import TEXTS, load
from tests.unit.fakes.stack_settings import EKS, parse

SETTINGS = parse({**EKS, "metrics": {"enabled": True}, "tls": {"source": "own"}})
CERTIFICATE_ENDS = START + 365 * 24 * 3600
ALARMS = alarms(SETTINGS, "vault", CERTIFICATE_ENDS)

VOTER_LOST = {"VaultPodAbsent", "VaultVoterUnhealthy", "VaultFailureToleranceLost"}
SOUNDING: Mapping[str, set[str]] = {
    "healthy": set(),
    "sealed": {"VaultSealed", "VaultVoterUnhealthy", "VaultFailureToleranceLost"},
    "sealed-for-long": {"VaultSealed", "VaultVoterUnhealthy", "VaultFailureToleranceLost"},
    "leader-killed": VOTER_LOST,
    "no-leader": {"VaultNoLeader", "VaultPodAbsent"},
    "node-lost": VOTER_LOST,
    "leader-frozen": VOTER_LOST,
    "audit-full": {"VaultAuditFailing", "VaultAuditDeviceFailing"},
    "audit-device-full": {"VaultAuditDeviceFailing"},
    "key-refused": {"VaultSealKeyUnreachable"},
}
"""Alarms that have to sound in each fault; no other may."""


@pytest.fixture(scope="module")
def prometheus() -> Prometheus:
    """The engine of Prometheus."""
    return Prometheus(built_tools().promql)


@pytest.mark.parametrize("version", [OLDER_VAULT, VAULT])
@pytest.mark.parametrize("fault", SOUNDING)
def test_alarms_sound_in_their_fault_and_in_no_other(
    prometheus: Prometheus, version: str, fault: str
) -> None:
    recording = load(version, fault)
    firing = prometheus.firing(scrapes(recording), ALARMS)
    times = phases(recording)
    begin, end = times.get("fault", times["before"])
    assert {one.alarm for one in firing if begin <= one.begin < end} == SOUNDING[fault]
    assert [one for one in firing if one.begin < times["before"][1]] == []
    if "after" in times:
        assert [one for one in firing if one.end >= times["after"][1] - STEP] == []


@pytest.mark.parametrize("version", [OLDER_VAULT, VAULT])
def test_sealed_pod_sounds_for_as_long_as_it_is(prometheus: Prometheus, version: str) -> None:
    recording = load(version, "sealed-for-long")
    sounding = [one for one in prometheus.firing(scrapes(recording), ALARMS) if one.alarm == "VaultSealed"]
    (once,) = sounding
    _, end = phases(recording)["fault"]
    assert once.end == end - STEP
    last = recording.moments[-1].texts[once.labels["pod"]]
    # Which is why the alarm doesn't ask for the gauge.
    assert last is not None
    assert "vault_core_unsealed" not in last


@pytest.mark.parametrize(
    ("fault", "expression", "sounding"),
    [
        # The series from before the server knew its cluster's name stays.
        ("healthy", "vault_core_unsealed == 0", {"before"}),
        # A sealed server's gauge is gone after the retention time, so it ends while the pod is sealed.
        ("sealed-for-long", "max by (pod) (vault_core_unsealed) == 0", set()),
        # The series with the seal's name isn't set back.
        ("key-refused", "max by (pod) (vault_seal_unreachable_time) > 0", {"fault", "after"}),
        # The counter begins with its first event.
        ("audit-device-full", "increase(vault_audit_sink_failure[10m]) > 0", set()),
    ],
)
def test_recordings_show_what_the_usual_alarms_miss(
    prometheus: Prometheus, fault: str, expression: str, sounding: set[str]
) -> None:
    recording = load(VAULT, fault)
    usual = Alarm("Usual", expression, "10m", "", "")
    firing = prometheus.firing(scrapes(recording), [usual])
    assert {
        phase
        for phase, (begin, end) in phases(recording).items()
        if any(one.begin < end and one.end >= end - STEP for one in firing)
    } == sounding


def test_two_leaders_and_none_at_all(prometheus: Prometheus) -> None:
    moment = load(VAULT, "healthy").moments[-1]
    (leader,) = [text for text in moment.texts.values() if text and "vault_autopilot_healthy 1" in text]
    standby = next(text for text in moment.texts.values() if text and text != leader)
    for texts, expected in (
        ((leader, leader, standby), {"VaultTwoLeaders"}),
        ((None, None, None), {"VaultAbsent"}),
    ):
        played = played_for(PHASE, texts)
        found = {one.alarm for one in prometheus.firing(played, ALARMS)}
        assert found == expected


def played_for(seconds: int, texts: Sequence[str | None]) -> Sequence[Scrape]:
    """Return scrapes of three pods whose texts don't change."""
    return [
        Scrape(START + second, {"namespace": "vault", "pod": f"vault-{ordinal}"}, text)
        for second in range(0, seconds, STEP)
        for ordinal, text in enumerate(texts)
    ]


HOUR = 3600


@pytest.mark.parametrize(
    ("full", "alarm"), [("audit", "VaultAuditVolumeFull"), ("data", "VaultDataVolumeFull"), ("", None)]
)
def test_alarms_on_what_a_kubelet_shows_of_volumes(
    prometheus: Prometheus, full: str, alarm: str | None
) -> None:
    """The volumes of the recording are as full as its disk; here one has less left."""
    name = "vault-main-0"
    text = (TEXTS / "kubelet-1.30.14.txt").read_text(encoding="utf-8")
    claim = (
        f'kubelet_volume_stats_available_bytes{{namespace="{name}",persistentvolumeclaim="{full}-{name}-0"}}'
    )
    assert not full or claim in text
    fuller = re.sub(rf"(?<={re.escape(claim)} ).*", "1", text) if full else text
    stack = parse({**EKS, "metrics": {"enabled": True}, "namespace": name, "releaseName": name})
    of_volumes = [one for one in alarms(stack, name) if "kubelet_" in one.expression]
    assert len(of_volumes) == 2
    played = [Scrape(START + second, {"job": "kubelet"}, fuller) for second in range(0, HOUR, STEP)]
    assert {one.alarm for one in prometheus.firing(played, of_volumes)} == ({alarm} if alarm else set())


DAY = 24 * HOUR
NAMED = {"source": "cert-manager", "issuer": {"name": "internal"}, "lifetimeDays": 90}


@pytest.mark.parametrize("days", [10, 40])
def test_end_of_the_stacks_own_certificate_is_told_in_time(prometheus: Prometheus, days: int) -> None:
    """Those of others are recorded, in test_exporter_alarms.py."""
    own = parse({**EKS, "metrics": {"enabled": True}, "tls": {"source": "own", "lifetimeDays": 90}})
    (alarm,) = [one for one in alarms(own, "vault", START + days * DAY) if "Certificate" in one.name]
    played = [Scrape(START + second, {}, "") for second in range(0, 2 * HOUR, STEP)]
    assert bool(prometheus.firing(played, [alarm])) is (days == 10)


@pytest.mark.parametrize("tls", [{"source": "own"}, {"source": "secret", "secret": "given"}, NAMED])
def test_rules_are_accepted(prometheus: Prometheus, tls: Mapping[str, Any]) -> None:
    stack = parse({**EKS, "metrics": {"enabled": True}, "tls": tls})
    played = played_for(STEP, ["", "", ""])
    rules = alarm_rules(stack, "vault", START if tls["source"] == "own" else None)
    assert prometheus.evaluate(played, ["vector(1)"], rules=rules)
    broken = {"groups": [{"name": "broken", "rules": [{"alert": "Broken", "expr": "sum("}]}]}
    with pytest.raises(AssertionError, match="unclosed left parenthesis"):
        prometheus.evaluate(played, [], rules=broken)


@pytest.mark.parametrize("version", [OLDER_VAULT, VAULT])
def test_panels_show_something(prometheus: Prometheus, version: str) -> None:
    # The volumes are the kubelet's, and the seal's key is only measured after ten minutes.
    silent = {"Volumes: part that is free", "Seal's key unreachable"}
    shown = [panel for panel in panels(SETTINGS, "vault") if panel.title not in silent]
    played = scrapes(load(version, "healthy"))
    results = prometheus.evaluate(played, [query.expression for panel in shown for query in panel.queries])
    empty = [panel.title for panel, lines in zip(shown, results, strict=True) if not lines]
    assert empty == []


def test_picture_in_the_documents_is_of_this_dashboard(prometheus: Prometheus) -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(load(VAULT, RECORDED), prometheus)
