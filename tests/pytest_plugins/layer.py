"""Name the layer that a test belongs to, and the command that repeats the test alone."""

import re
import shlex

TESTS = "tests/"


def layer_of(nodeid: str) -> str:
    """Return the folder beneath tests/ that holds this test, such as "unit"; "" for a test elsewhere."""
    return nodeid.removeprefix(TESTS).split("/")[0] if nodeid.startswith(TESTS) else ""


def repeat_command(nodeid: str) -> str:
    """Return the command that runs this test and no other."""
    # Behind it stands the group of tests that one worker ran, if there are groups: `test_a[b]@group`.
    without_group = re.sub(r"@[^\]@]*$", "", nodeid)
    return f"make one TEST={shlex.quote(without_group)}"
