"""Where Vault audits to, and how much its file may take."""

from typing import Any

import pytest

from components.settings.audit import DEVICES, RotationSettings
from tests.unit.fakes.stack_settings import EKS, parse, problems

MI = 1024**2


def test_default_is_left_to_what_the_stack_is() -> None:
    audit = parse(EKS).audit
    assert (audit.given, audit.devices, audit.default_devices) == (False, (), DEVICES)
    assert (audit.rotation, audit.volume_bytes) == (RotationSettings(100 * MI, 20), 10 * 1024**3)


def test_without_a_volume_the_log_of_the_container_is_left() -> None:
    audit = parse({**EKS, "auditStorage": {"enabled": False}}).audit
    assert (audit.default_devices, audit.volume_bytes) == (("stdout",), 0)


def test_given_devices_count() -> None:
    audit = parse({**EKS, "audit": {"devices": ["stdout", "file"]}}).audit
    assert (audit.given, audit.devices, audit.to_file) == (True, ("file", "stdout"), True)
    audit = parse({**EKS, "audit": {"devices": ["stdout"]}}).audit
    assert (audit.devices, audit.to_file) == (("stdout",), False)
    audit = parse({**EKS, "audit": {"devices": []}}).audit
    assert (audit.given, audit.devices, audit.default_devices) == (True, (), ())


def test_file_alone_is_for_those_who_say_so() -> None:
    (problem,) = problems({**EKS, "audit": {"devices": ["file"]}})
    assert "Vault refuses every request once its volume is full" in problem
    assert parse({**EKS, "audit": {"devices": ["file"], "failClosed": True}}).audit.devices == ("file",)


@pytest.mark.parametrize(
    ("volume", "size_mi"),
    [("10Gi", 100), ("2Gi", 78), ("1Gi", 39)],
)
def test_small_volume_gets_smaller_files(volume: str, size_mi: int) -> None:
    rotation = parse({**EKS, "auditStorage": {"size": volume}}).audit.rotation
    assert rotation.size_bytes // MI == size_mi
    assert rotation.keep == 20


def test_given_rotation_counts() -> None:
    audit = parse({**EKS, "audit": {"rotate": {"size": "50Mi", "keep": 5}}}).audit
    assert audit.rotation == RotationSettings(50 * MI, 5)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"audit": {"devices": ["syslog"]}}, "give a list of file and stdout"),
        ({"audit": {"devices": ["stdout", "stdout"]}}, "give a list of file and stdout"),
        ({"audit": {"devices": "stdout"}}, "give a list of file and stdout"),
        ({"audit": {"devices": ["stdout"], "failClosed": True}}, "it only counts with devices: [file]"),
        (
            {"audit": {"devices": ["file", "stdout"]}, "auditStorage": {"enabled": False}},
            "the device file needs the audit volume",
        ),
        ({"audit": {"rotate": {"keep": 0}}}, "keep 1 to 1000"),
        ({"audit": {"rotate": {"size": "1Gi"}}}, 'audit.rotate.size is "1Gi": the log and the 20 rotated '),
        ({"audit": {"rotate": {"size": "1Gi"}}}, "it can be at most 390Mi"),
        ({"audit": {"rotate": {"size": "many"}}}, "give a Kubernetes quantity"),
        ({"audit": {"rotate": {"sizes": "1Mi"}}}, "audit.rotate.sizes"),
        ({"audit": {"devices": ["stdout"], "rotate": {"keep": 1}}}, "nothing is rotated without the device"),
        ({"audit": {"device": ["stdout"]}}, "audit.device"),
    ],
)
def test_wrong_settings_are_told(settings: dict[str, Any], problem: str) -> None:
    (found,) = problems({**EKS, **settings})
    assert problem in found
