"""The real programs that tests run."""

from pathlib import Path

import pytest

from sandbox.build.pinned_tools import PINNED_TOOLS, ToolError
from sandbox.build.tools import Tools, find_tools
from sandbox.layout import Layout

_VERSIONS = {tool.name: tool.version for tool in PINNED_TOOLS}
VAULT = _VERSIONS["vault"]
"""Version of Vault that tests run unless they name another."""
OLDER_VAULT = _VERSIONS["vault-older"]
"""An older one, which tests upgrade to the former."""

on_each_vault = pytest.mark.parametrize("vault_program", [VAULT, OLDER_VAULT], indirect=True)
"""Marks tests that are run on every version of Vault that is built."""


def built_tools() -> Tools:
    """Return the sandbox's tools; skip the test, and say what is missing, if they have not been built."""
    try:
        return find_tools(Layout())
    except ToolError as missing:
        pytest.skip(str(missing))


def built_vault(version: str) -> Path:
    """Return the Vault of one of the versions above."""
    tools = built_tools()
    return {VAULT: tools.vault, OLDER_VAULT: tools.vault_older}[version]
