"""The alarms on what the exporters of others showed, evaluated by the engine of Prometheus."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from components.vault.alarms import Alarm, alarms
from tests.built_tools import built_tools
from tests.recordings.expositions import BLACKBOX, CERT_MANAGER, Exposition, load_expositions
from tests.recordings.playback import Prometheus, Scrape
from tests.recordings.workloads import as_metrics, load_workloads, next_run
from tests.unit.fakes.stack_settings import EKS, parse

HOUR = 3600
DAY = 24 * HOUR
SCRAPES = 60
"""Seconds between two scrapes: with the alarm's look at weeks, half a minute would only take longer."""
PROBED = {"instance": "https://vault-active.vault.svc:8200/v1/sys/health", "job": "vault"}


@pytest.fixture(scope="module")
def prometheus() -> Prometheus:
    """The engine of Prometheus."""
    return Prometheus(built_tools().promql)


def certificate_alarm(tls: Mapping[str, Any]) -> Alarm:
    """The alarm on the certificate."""
    stack = parse({**EKS, "metrics": {"enabled": True}, "tls": tls})
    return next(alarm for alarm in alarms(stack, "vault") if alarm.name == "VaultCertificateExpires")


def in_turn(
    shown: Sequence[Exposition], begin: float, hours: Sequence[float], labels: Mapping[str, str]
) -> Sequence[Scrape]:
    """Return scrapes from ``begin`` on of what was shown, each for so many hours."""
    texts = [
        exposition.text
        for exposition, lasting in zip(shown, hours, strict=True)
        for _ in range(round(lasting * HOUR / SCRAPES))
    ]
    return [Scrape(begin + number * SCRAPES, labels, text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("states", "hours", "sounding"),
    [
        (["served"], [3], []),
        (["served", "down"], [1, 3], []),
        # Ten days are left of it.
        (["ending"], [3], [(1, 3)]),
        (["ending", "sealed"], [2, 1], [(1, 3)]),
        # The prober then gets no certificate from Vault that it could show.
        (["ending", "ended"], [2, 30], [(1, 32)]),
        (["ending", "down"], [2, 30], [(1, 32)]),
        (["unverified"], [3], [(1, 3)]),
        (["ending", "ended", "replaced"], [2, 2, 2], [(1, 4)]),
    ],
    ids=lambda value: "-".join(value) if value and isinstance(value[0], str) else "",
)
def test_end_of_a_given_certificate_is_told_until_there_is_another(
    prometheus: Prometheus,
    states: Sequence[str],
    hours: Sequence[float],
    sounding: Sequence[tuple[float, float]],
) -> None:
    found = load_expositions(BLACKBOX)
    begin = found[states[0]].seconds
    scraped = in_turn([found[state] for state in states], begin, hours, PROBED)
    alarm = certificate_alarm({"source": "secret", "secret": "given"})
    firing = prometheus.firing(scraped, [alarm], start=begin)
    assert [
        (round((one.begin - begin) / HOUR), round((one.end - begin) / HOUR)) for one in firing
    ] == sounding


LIFETIME = 90
OF_THE_STACK = {"source": "cert-manager", "issuer": {"name": "internal"}, "lifetimeDays": LIFETIME}


def scraped_by(honoured: bool, shown: Exposition) -> tuple[Exposition, Mapping[str, str]]:
    """As Prometheus stores it: with the exporter's label `namespace`, or with that of cert-manager's pod."""
    if honoured:
        return shown, {"job": "cert-manager"}
    renamed = shown.text.replace(",namespace=", ",exported_namespace=")
    return Exposition(shown.seconds, renamed), {"job": "cert-manager", "namespace": "cert-manager"}


@pytest.mark.parametrize("honoured", [True, False])
@pytest.mark.parametrize(("left", "sounds"), [(60, False), (29, False), (16, False), (14, True), (-3, True)])
def test_end_of_an_issued_certificate_is_told_if_it_is_not_renewed(
    prometheus: Prometheus, honoured: bool, left: int, sounds: bool
) -> None:
    """What cert-manager shows doesn't change with time, unless it renews."""
    shown = load_expositions(CERT_MANAGER)["issued"]
    text, labels = scraped_by(honoured, shown)
    begin = shown.seconds + (LIFETIME - left) * DAY
    firing = prometheus.firing(
        in_turn([text], begin, [3], labels), [certificate_alarm(OF_THE_STACK)], start=begin
    )
    assert bool(firing) is sounds


def test_certificate_that_is_never_issued_is_told_until_it_is(prometheus: Prometheus) -> None:
    found = load_expositions(CERT_MANAGER)
    begin = found["pending"].seconds
    scraped = in_turn([found["pending"], found["issued"]], begin, [2, 2], {})
    (once,) = prometheus.firing(scraped, [certificate_alarm(OF_THE_STACK)], start=begin)
    assert round((once.end - begin) / HOUR) == 2


def test_certificate_is_shown_with_its_last_end_after_it_could_not_be_renewed() -> None:
    found = load_expositions(CERT_MANAGER)
    ends = {state: end_of("brief", found[state]) for state in ("issued", "renewed", "unrenewed", "ended")}
    assert ends["issued"] < ends["renewed"] <= ends["unrenewed"] == ends["ended"] < found["ended"].seconds
    # Which is why the alarm doesn't ask whether it is ready.
    assert re.search(r'ready_status\{condition="True".*namespace="brief"\} 1\n', found["ended"].text)


@pytest.mark.parametrize(("state", "sounds"), [("issued", False), ("renewed", False), ("ended", True)])
def test_certificate_of_minutes_is_told_once_it_has_ended(
    prometheus: Prometheus, state: str, sounds: bool
) -> None:
    """The same alarm, but for the time that it leaves and for how long it waits."""
    alarm = certificate_alarm(OF_THE_STACK)
    expression, count = re.subn(r"< \d+$", "< 10", alarm.expression.replace('"vault"', '"brief"'))
    assert count == 1
    shown = load_expositions(CERT_MANAGER)[state]
    scraped = in_turn([shown], shown.seconds, [0.05], {})
    soon = dataclasses.replace(alarm, expression=expression, lasting="0m")
    firing = prometheus.firing(scraped[:1], [soon], start=shown.seconds)
    assert bool(firing) is sounds


def end_of(namespace: str, shown: Exposition) -> float:
    """The end that is shown of the certificate in a namespace."""
    name = "certmanager_certificate_expiration_timestamp_seconds{"
    (line,) = [
        line
        for line in shown.text.splitlines()
        if line.startswith(name) and f'namespace="{namespace}"' in line
    ]
    return float(line.split()[-1])


OF_WORKLOADS = [
    one for one in alarms(parse({**EKS, "metrics": {"enabled": True}}), "vault") if "kube_" in one.expression
]


def sounding_on(prometheus: Prometheus, state: str, begin: float | None = None) -> set[str]:
    """The alarms that sound if a workload stays for three hours as it was recorded, then or later."""
    recorded = load_workloads()[state]
    start = recorded["seconds"] if begin is None else begin
    shown = Exposition(recorded["seconds"], as_metrics(recorded))
    scraped = in_turn([shown], start, [3], {"job": "kube-state-metrics"})
    return {one.alarm for one in prometheus.firing(scraped, OF_WORKLOADS, start=start)}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("current", set()),
        ("outdated", {"VaultPodOutdated"}),
        ("replaced-1", {"VaultPodOutdated"}),
        ("replaced-2", {"VaultPodOutdated"}),
        ("replaced", set()),
        ("new", set()),
        # For three hours, of which a job may take one.
        ("running", {"VaultSnapshotOld"}),
        ("succeeded", set()),
        ("due", {"VaultSnapshotOld"}),
        ("failed", {"VaultSnapshotOld"}),
        ("suspended", {"VaultSnapshotOld"}),
    ],
)
def test_alarms_on_what_kubernetes_says_of_pods_and_of_the_schedule(
    prometheus: Prometheus, state: str, expected: set[str]
) -> None:
    assert sounding_on(prometheus, state) == expected


@pytest.mark.parametrize("state", ["new", "succeeded"])
def test_schedule_that_begins_no_job_is_told(prometheus: Prometheus, state: str) -> None:
    """Its controller, or the cluster's time, is ill: the next job is overdue."""
    due = next_run(load_workloads()[state]["seconds"])
    assert sounding_on(prometheus, state, due - 2 * HOUR) == set()
    assert sounding_on(prometheus, state, due) == {"VaultSnapshotOld"}
