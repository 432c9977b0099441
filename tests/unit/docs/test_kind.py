"""The document on kind: its settings are valid, and its cluster has a node for each voter."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.unit.docs.documents import blocks, text
from tests.unit.fakes.stack_settings import PROJECT, parse

PAGE = "docs/kind.md"
TEXT = text(PAGE)
STACKS: list[Mapping[str, Any]] = [
    {name.removeprefix(f"{PROJECT}:"): value for name, value in yaml.safe_load(block)["config"].items()}
    for block in blocks(PAGE, "yaml")
]
CONTEXT = "kind-vault"


def test_it_has_a_seal_without_a_cloud_one_of_google_and_one_of_another_vault() -> None:
    assert [stack["seal"] for stack in STACKS] == ["shamir", "gcpckms", "transit"]


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack["seal"])
def test_settings_are_valid_and_lead_to_the_cluster(stack: Mapping[str, Any]) -> None:
    settings = parse(stack)

    assert (settings.seal.type, settings.kube_context, settings.cluster) == (stack["seal"], CONTEXT, None)
    # Where a Secret of yours has to be there before, the namespace has to be, too.
    assert settings.create_namespace is ("Secret" not in str(stack))


def test_every_voter_has_a_worker() -> None:
    (document,) = re.findall(r"<<'KIND'\n(.*?)\nKIND\n", TEXT, re.DOTALL)
    roles = [node["role"] for node in yaml.safe_load(document)["nodes"]]

    assert roles.count("control-plane") == 1
    assert roles.count("worker") == parse(STACKS[0]).replicas
    name = CONTEXT.removeprefix("kind-")
    assert f"kind create cluster --name {name} " in TEXT
    assert f"kind delete cluster --name {name}\n" in TEXT
    assert set(re.findall(r"kubectl (?!--context)", TEXT)) == set()
    assert set(re.findall(r"--context (\S+)", TEXT)) == {CONTEXT}
