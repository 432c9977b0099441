"""A key that takes its time: what doesn't need it isn't kept waiting by it."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import MockResourceArgs

from tests.unit.fakes.mocked_account import (
    ANSWERS,
    EKS,
    IDENTITY,
    KEY,
    KUBERNETES_PROVIDER,
    NAMESPACE,
    POLICY,
    RELEASE,
    ROLE,
    RULE,
    computed,
    provide_commands,
)
from tests.unit.fakes.recorded_deployment import deploy

NEED_NO_KEY = frozenset({IDENTITY, KUBERNETES_PROVIDER, NAMESPACE, ROLE, RULE})
DEADLINE_SECONDS = 30


def test_what_needs_no_key_is_there_before_the_key_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """AWS and its provider take about ten seconds to create a key and see its settings."""
    provide_commands(monkeypatch, tmp_path)
    there: set[str] = set()
    all_there = threading.Event()
    before_the_key: set[str] = set()

    def outputs(args: MockResourceArgs) -> Mapping[str, Any]:
        if args.typ == KEY:
            # The provider answers only when everything else is there, or not at all in a program that waits.
            assert all_there.wait(DEADLINE_SECONDS), f"these wait for the key: {NEED_NO_KEY - there}"
            before_the_key.update(there)
        there.add(args.typ)
        if there >= NEED_NO_KEY:
            all_there.set()
        return computed(args)

    deploy(EKS, answers=ANSWERS, outputs=outputs)

    assert {KEY, POLICY, RELEASE} <= there
    assert {POLICY, RELEASE}.isdisjoint(before_the_key)
