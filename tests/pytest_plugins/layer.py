"""Name the layer that a test belongs to, and the command that repeats the test alone."""

import shlex

TESTS = "tests/"


def layer_of(nodeid: str) -> str:
    """Return the folder beneath tests/ that holds this test, such as "unit"; "" for a test elsewhere."""
    return nodeid.removeprefix(TESTS).split("/")[0] if nodeid.startswith(TESTS) else ""


def repeat_command(nodeid: str) -> str:
    """Return the command that runs this test and no other."""
    return f"make one TEST={shlex.quote(nodeid)}"
