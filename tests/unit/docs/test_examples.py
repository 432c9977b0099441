"""Examples in the documents work as they stand: settings are valid, and shells can read the commands."""

import re
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.unit.docs.documents import DOCUMENTS, blocks, name
from tests.unit.fakes.stack_settings import EKS, PROJECT, parse

PAGES = [name(document) for document in DOCUMENTS]
SETTINGS = [
    pytest.param(block, id=page) for page in PAGES for block in blocks(page, "yaml") if f"{PROJECT}:" in block
]
COMMANDS = [pytest.param(block, id=page) for page in PAGES for block in blocks(page, "sh")]


@pytest.mark.parametrize("block", SETTINGS)
def test_settings_are_valid(block: str) -> None:
    document: Mapping[str, Any] = yaml.safe_load(block)
    stack = document.get("config", document)
    settings = {key.removeprefix(f"{PROJECT}:"): value for key, value in stack.items()}
    # Some examples leave out the cluster, as they are about something else.
    base = {} if settings.keys() & {"region", "project", "kubeContext"} else EKS
    parse({**base, **settings})


@pytest.mark.parametrize("block", COMMANDS)
def test_commands_can_be_read_by_a_shell(block: str) -> None:
    filled_in = re.sub(r"(?<!<)<[a-z][^<>\n]*>", "name", block)
    result = subprocess.run(["bash", "-n"], input=filled_in, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
