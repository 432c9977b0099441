"""The values that the user gives the chart besides the program's."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest

from components.chart.owned_values import OWNED
from components.chart.value_merge import CONTINUED, JOINED, OVERRIDABLE, SETTINGS
from components.errors import SettingsError
from components.vault.chart_values import chart_values, with_given_values
from tests.official_chart import leaves
from tests.unit.components.vault.test_pod_values import VALUES, at
from tests.unit.components.vault.test_pod_values import values as chart_of
from tests.unit.fakes.chart_stacks import CONFIGURATION, INGRESS, SEALS, STACKS, values
from tests.unit.fakes.stack_settings import EKS, SHAMIR, nested, parse

# Objects in which both have entries of their own, each under another name.
SHARED = ("server.annotations", "server.extraLabels", "server.serviceAccount.annotations")


def is_below(path: str, sections: Iterable[str]) -> bool:
    return any(f"{path}.".startswith(f"{section}.") for section in sections)


@pytest.mark.parametrize("mode", ["ha", "standalone"])
@pytest.mark.parametrize("seal", SEALS)
def test_every_value_is_owned_or_may_be_given_by_both(seal: str, mode: str) -> None:
    stack, pods = SEALS[seal]
    named = ("environment", "storage", "resources", "affinity")
    every = {
        **{key: value for name in named for key, value in STACKS[name].items() if key not in EKS},
        **stack,
        "ingress": INGRESS,
        "mode": mode,
        "injector": {"hostNetwork": True},
    }
    labelled = dataclasses.replace(pods, pod_annotations={"a/b": "1"}, pod_labels={"c": "2"})
    given = chart_values(parse(every), configuration=CONFIGURATION, pods=labelled)
    both = (*OWNED, *OVERRIDABLE, *JOINED, *CONTINUED, *SHARED, *SETTINGS)
    assert [path for path in leaves(given) if not is_below(path, both)] == []


def test_given_values_are_beneath_the_programs() -> None:
    given = {"server": {"annotations": {"mine": "1"}, "tolerations": [{"operator": "Exists"}]}}
    chart = parse({**SHAMIR, "chart": {"values": given}}).chart
    merged = with_given_values(values(SHAMIR), chart)
    assert merged["server"]["tolerations"] == [{"operator": "Exists"}]
    del merged["server"]["tolerations"], merged["server"]["annotations"]
    assert merged == values(SHAMIR)


def test_given_value_of_the_program_is_refused_by_name() -> None:
    given = {"server": {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "another"}}}}
    with pytest.raises(
        SettingsError, match=r"chart\.values\.server\.serviceAccount\.annotations\.eks"
    ) as error:
        with_given_values(values(EKS), parse({**EKS, "chart": {"values": given}}).chart)
    assert "another" not in str(error.value)


GIVEN_TWICE = [row[:3] for row in VALUES if row[2] in SETTINGS and row[2] not in OWNED]


@pytest.mark.parametrize(("setting", "given", "path"), GIVEN_TWICE)
def test_value_that_a_setting_gives_as_well_names_the_setting(setting: str, given: Any, path: str) -> None:
    own = {**SHAMIR, **nested(setting, given)}
    twice = {"chart": {"values": nested(path, at(chart_of(own), path))}}
    with pytest.raises(SettingsError, match=f"is set already by the setting {setting}"):
        with_given_values(chart_of(own), parse({**own, **twice}).chart)


@pytest.mark.parametrize("path", SETTINGS)
def test_value_that_no_setting_gives_is_the_users(path: str) -> None:
    given = {"chart": {"values": nested(path, "mine")}}
    if path in OWNED:
        with pytest.raises(SettingsError, match=f"use {SETTINGS[path]}"):
            parse({**SHAMIR, **given})
        return
    merged = with_given_values(chart_of(SHAMIR), parse({**SHAMIR, **given}).chart)
    assert at(merged, path) == "mine"


def test_no_values_given_change_nothing() -> None:
    assert with_given_values(values(EKS), parse(EKS).chart) == values(EKS)
