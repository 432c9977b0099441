"""docs/alarms.md has a section for each alarm, and a table with their severities and times."""

import re

from components.vault.alarms import RUNBOOK, alarm_rules, alarms
from tests.unit.docs.documents import tables, text
from tests.unit.fakes.stack_settings import EKS, parse

SETTINGS = parse({**EKS, "metrics": {"enabled": True}, "tls": {"source": "own"}})


def test_every_alarm_has_a_section_and_no_other_has() -> None:
    names = [alarm.name for alarm in alarms(SETTINGS, "vault", 0)]
    assert sorted(re.findall(r"^## (\w+)$", text(RUNBOOK), re.MULTILINE)) == sorted(names)
    rules = alarm_rules(SETTINGS, "vault", 0)["groups"][0]["rules"]
    assert [rule["annotations"]["runbook"] for rule in rules] == [
        f"{RUNBOOK}#{name.lower()}" for name in names
    ]


def test_table_is_of_the_alarms() -> None:
    listed = {tuple(row) for row in tables(RUNBOOK, "Alarm")}
    assert listed == {
        (f"[{alarm.name}](#{alarm.name.lower()})", alarm.severity, alarm.lasting)
        for alarm in alarms(SETTINGS, "vault", 0)
    }
