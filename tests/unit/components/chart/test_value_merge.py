import asyncio
import contextlib
import copy
from typing import Any

import pulumi
import pytest

from components.chart.value_merge import JOINED, merge_values, secret_values

OWN: dict[str, Any] = {
    "server": {
        "annotations": {"own": "1"},
        "volumes": [{"name": "ca", "secret": {"secretName": "ca"}}],
        "volumeMounts": [{"name": "ca", "mountPath": "/vault/ca"}],
        "statefulSet": {"securityContext": {"pod": {"runAsUser": 100, "runAsNonRoot": True}}},
        "replicas": 3,
    },
    "injector": {"startupProbe": {"periodSeconds": 1}},
}


def merged(given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    problems: list[str] = []
    before = copy.deepcopy((given, OWN))
    result = merge_values(given, OWN, problems)
    assert (given, OWN) == before
    return result, problems


def test_objects_are_merged_deeply() -> None:
    result, problems = merged({"server": {"annotations": {"mine": "2"}, "tolerations": [1]}, "csi": {"a": 1}})
    assert problems == []
    assert result["server"]["annotations"] == {"own": "1", "mine": "2"}
    assert result["server"]["tolerations"] == [1]
    assert result["server"]["replicas"] == 3
    assert result["csi"] == {"a": 1}


def test_lists_that_both_fill_are_joined() -> None:
    mine = {"name": "plugins", "emptyDir": {}}
    mount = {"name": "ca", "mountPath": "/elsewhere"}
    result, problems = merged({"server": {"volumes": [mine], "volumeMounts": [mount]}})
    assert problems == []
    assert result["server"]["volumes"] == [*OWN["server"]["volumes"], mine]
    assert result["server"]["volumeMounts"] == [*OWN["server"]["volumeMounts"], mount]


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ({"volumes": [{"name": "ca"}]}, "server.volumes has an entry whose name is the program's (ca)"),
        (
            {"volumeMounts": [{"name": "x", "mountPath": "/vault/ca"}]},
            "server.volumeMounts has an entry whose mountPath is the program's (/vault/ca)",
        ),
        ({"volumes": None}, "server.volumes is set already by the program"),
        ({"volumes": "text"}, "server.volumes is set already by the program"),
        ({"replicas": 5}, "server.replicas is set already by the program"),
        (
            {"annotations": {"own": "2"}},
            "server.annotations.own is set already by the setting podAnnotations or the program",
        ),
        (
            {"annotations": None},
            "server.annotations is set already by the setting podAnnotations or the program",
        ),
    ],
)
def test_what_the_program_has_stays(server: dict[str, Any], problem: str) -> None:
    _, problems = merged({"server": server})
    assert [text.partition(":")[0].partition(";")[0] for text in problems] == [problem]


def test_further_command_is_run_by_the_programs() -> None:
    problems: list[str] = []
    own = {"server": {"postStart": ["/bin/sh", "-c", "watch", "name"]}}
    result = merge_values({"server": {"postStart": ["/bin/run", "it"]}}, own, problems)
    assert (result["server"]["postStart"], problems) == (
        ["/bin/sh", "-c", "watch", "name", "/bin/run", "it"],
        [],
    )
    merge_values({"server": {"postStart": "text"}}, own, problems)
    assert len(problems) == 1


def test_better_defaults_can_be_overridden() -> None:
    result, problems = merged(
        {
            "server": {
                "statefulSet": {"securityContext": {"pod": {"runAsUser": 1000, "runAsNonRoot": None}}}
            },
            "injector": {"startupProbe": None},
        }
    )
    assert problems == []
    assert result["server"]["statefulSet"]["securityContext"]["pod"] == {
        "runAsUser": 1000,
        "runAsNonRoot": None,
    }
    assert result["injector"]["startupProbe"] is None


def test_null_stays_for_helm() -> None:
    assert merged({"server": {"livenessProbe": None}})[0]["server"]["livenessProbe"] is None


def test_entries_of_every_joined_list_are_told_apart() -> None:
    for path, key in JOINED.items():
        section, name = path.split(".")
        own, given = {section: {name: [{key: "a"}]}}, {section: {name: [{key: "b"}]}}
        problems: list[str] = []
        assert merge_values(given, own, problems) == {section: {name: [{key: "a"}, {key: "b"}]}}
        merge_values(own, own, problems)
        assert len(problems) == 1


def test_each_single_value_is_a_secret() -> None:
    given = {
        "server": {
            "volumes": [{"name": "mine", "secret": {"secretName": "s"}}],
            "extraContainers": [{"name": "c", "env": [{"name": "A", "value": "hush"}]}],
            "livenessProbe": None,
        },
        "ui": {"annotations": {"name": "hush"}},
    }

    async def replaced(value: Any) -> Any:
        if isinstance(value, pulumi.Output):
            return "secret" if await value.is_secret() else "plain"
        if isinstance(value, dict):
            return {name: await replaced(inner) for name, inner in value.items()}
        return [await replaced(inner) for inner in value] if isinstance(value, list) else value

    async def shown() -> Any:
        return await replaced(secret_values(given))

    # asyncio.run would leave this thread without an event loop, which other tests' SDK asks for.
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        found = loop.run_until_complete(shown())
    assert found == {
        "server": {
            "volumes": [{"name": "mine", "secret": {"secretName": "secret"}}],
            "extraContainers": [{"name": "c", "env": [{"name": "secret", "value": "secret"}]}],
            "livenessProbe": None,
        },
        "ui": {"annotations": {"name": "secret"}},
    }
