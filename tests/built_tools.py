"""The real programs that tests run."""

import pytest

from sandbox.build.pinned_tools import ToolError
from sandbox.build.tools import Tools, find_tools
from sandbox.layout import Layout


def built_tools() -> Tools:
    """Return the sandbox's tools; skip the test, and say what is missing, if they have not been built."""
    try:
        return find_tools(Layout())
    except ToolError as missing:
        pytest.skip(str(missing))
