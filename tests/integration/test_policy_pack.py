"""The policy pack on the real engine, over what the whole program asks the engine for."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policy.guardrails.rules import RULES
from policy.guardrails.types import OPERATOR_INIT, SNAPSHOT_ACCESS
from tests.integration.plugin_stack import PluginStack
from tests.integration.policy_stack import install_pack, judged_stack, register
from tests.unit.fakes.mocked_account import ACCOUNT, EKS, POLICY, REGION, RELEASE, provide_commands, up
from tests.unit.fakes.recorded_deployment import Registration, Secret
from tests.unit.fakes.stack_settings import handed_on

Register = Callable[[Mapping[str, Any]], Sequence[Registration]]
GOOD = {
    **EKS,
    "tls": {"source": "own"},
    "init": {"rootToken": "revoke"},
    "custody": {
        "store": "aws-secrets-manager",
        "name": "vault/init",
        "region": REGION,
        "readers": [f"arn:aws:iam::{ACCOUNT}:role/platform"],
    },
}
BAD = {
    **EKS,
    "protect": "false",
    "mode": "standalone",
    "replicas": "1",
    "image": {"tag": "nightly"},
    "key": {"deletionWindowDays": 7},
    "tls": {"source": "none"},
    "audit": {"devices": ["stdout"]},
}
ELSEWHERE = {"init-present", "snapshots-own-key"}
"""Rules that the bad stack keeps: it has an init, and the settings refuse that key (test_operation.py)."""
HUSH = "hush-4711"
"""Part of each secret of the bad stack."""
INIT = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Init(ResourceProvider):
    def create(self, props):
        return CreateResult("init", {**props, "root_token": "hush-4711-of-the-init"})

class OperatorInit(Resource, module="vault", name="OperatorInit"):
    pass

pulumi.ComponentResource("pulumi-python:dynamic/vault:InstalledRelease", "vault", {"replicas": 3})
"""


def with_init(*, protect: bool) -> str:
    options = f"pulumi.ResourceOptions(protect={protect}, additional_secret_outputs=['root_token'])"
    return f'{INIT}OperatorInit(Init(), "operator-init", {{"custody": {{"store": "file"}}}}, {options})\n'


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="module")
def stack(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    return judged_stack(tmp_path_factory.mktemp("stack"), pack)


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Register]:
    """A function that returns what the program asks for with these settings."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        provide_commands(monkeypatch, tmp_path_factory.mktemp("commands"))
        yield lambda settings: up(handed_on(settings)).registrations


@pytest.fixture
def judged(stack: PluginStack, pack: Path) -> Callable[..., str]:
    """A function that runs a command under the pack, by default with every rule mandatory."""

    def run(*command: str, level: str = "mandatory", fails: bool = False) -> str:
        config = ("--policy-pack-config", str(pack / "mandatory.json")) if level == "mandatory" else ()
        return stack.pulumi(*command, "--policy-pack", str(pack), *config, fails=fails)

    return run


def violated(output: str) -> set[tuple[str, str]]:
    """Levels and names of the rules that an output reports as violated."""
    names = "|".join(rule.name for rule in RULES)
    return set(re.findall(rf"\[(\w+)\][^\n]*?\b({names})\b", output))


def types_in_state(stack: PluginStack) -> set[str]:
    """What there is; several have the same name."""
    deployment = json.loads(stack.pulumi("stack", "export"))["deployment"]
    return {entry["type"] for entry in deployment.get("resources", [])}


def added(like: Registration, type_: str, **inputs: Any) -> Registration:
    """A resource of a type that the recorded program doesn't have."""
    return replace(like, type=type_, name=type_.rpartition(":")[2], inputs=inputs)


def test_stack_that_keeps_all_rules(stack: PluginStack, registered: Register, judged: Any) -> None:
    found = registered(GOOD)
    register(stack, found)
    assert violated(judged("preview", fails=True)) == {("mandatory", "snapshots-taken")}
    register(stack, [*found, added(found[0], SNAPSHOT_ACCESS)])
    assert violated(judged("preview")) == set()


def with_secrets(registrations: Sequence[Registration]) -> Iterator[Registration]:
    """The resources with a secret in whatever may hold one, and a statement by a wildcard."""
    for entry in registrations:
        inputs: dict[str, Any] = {**entry.inputs, "note": Secret(f"{HUSH}-{entry.name}")}
        if entry.type == POLICY:
            wide = f'{{"Effect": "Allow", "Action": "{HUSH}:*", "Resource": "{HUSH}-*"}}'
            inputs["policy"] = Secret(f'{{"Statement": [{wide}]}}')
        if entry.type == OPERATOR_INIT:
            inputs |= {"root_token": Secret(f"{HUSH}-token"), "recovery_shares": Secret([f"{HUSH}-share"])}
        yield replace(entry, inputs=inputs)


def test_stack_that_breaks_every_rule(stack: PluginStack, registered: Register, judged: Any) -> None:
    found = [entry for entry in with_secrets(registered(BAD)) if entry.type != OPERATOR_INIT]
    init = [entry for entry in with_secrets(registered(BAD)) if entry.type == OPERATOR_INIT]
    every = {rule.name for rule in RULES}
    register(stack, [*found, *init])
    advice = judged("preview", level="advisory")
    assert violated(advice) == {("advisory", name) for name in every - ELSEWHERE}
    refusal = judged("preview", "--diff", fails=True)
    assert violated(refusal) == {("mandatory", name) for name in every - ELSEWHERE}
    update = judged("up", "--yes", "--skip-preview", fails=True)
    assert types_in_state(stack).isdisjoint({OPERATOR_INIT, POLICY, RELEASE})
    register(stack, found)
    assert ("mandatory", "init-present") in violated(judged("preview", fails=True))
    assert HUSH not in advice + refusal + update


def test_init_is_neither_replaced_nor_deleted(pack: Path, tmp_path: Path) -> None:
    made = judged_stack(tmp_path, pack)
    only = pack.parent / "init-alone.json"
    only.write_text('{"all": "disabled", "init-protected": "mandatory", "init-present": "mandatory"}')
    under_rules = ("--policy-pack", str(pack), "--policy-pack-config", str(only))
    made.program(with_init(protect=True))
    made.pulumi("up", "--yes", *under_rules)
    before = made.state()["operator-init"]

    replaced = made.pulumi("up", "--yes", "--replace", before["urn"], *under_rules, fails=True)
    assert "unable to replace resource" in replaced
    made.program(with_init(protect=False))
    unprotected = made.pulumi("up", "--yes", *under_rules, fails=True)
    assert ("mandatory", "init-protected") in violated(unprotected)
    made.program(INIT)
    deleted = made.pulumi("up", "--yes", *under_rules, fails=True)
    assert "cannot be deleted" in deleted
    after = made.state()["operator-init"]
    assert (after["id"], after["protect"], after["created"]) == (before["id"], True, before["created"])
    assert HUSH not in replaced + unprotected + deleted
