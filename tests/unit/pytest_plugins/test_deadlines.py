"""Every test gets its layer's time-out, or the one that it declares: tried on runs of pytest of their own."""

import pytest

pytest_plugins = ("pytester",)

MODULE = """
import pytest

def test_of_the_layer(request):
    print(f"layer: {request.node.get_closest_marker('timeout')}")

@pytest.mark.timeout(900)
def test_of_its_own(request):
    print(f"own: {request.node.get_closest_marker('timeout').args}")
"""


def run(pytester: pytest.Pytester, folder: str, *arguments: str) -> pytest.RunResult:
    module = pytester.mkdir("tests").joinpath(folder, "test_time.py")
    module.parent.mkdir()
    module.write_text(MODULE, encoding="utf-8")
    return pytester.runpytest_inprocess(
        "-s", "-p", "tests.pytest_plugins.deadlines", "--import-mode=importlib", *arguments
    )


@pytest.mark.parametrize(("layer", "seconds"), [("unit", 60), ("integration", 300), ("end_to_end", 600)])
def test_a_test_has_the_time_out_of_its_layer_unless_it_declares_one(
    pytester: pytest.Pytester, layer: str, seconds: int
) -> None:
    result = run(pytester, layer)
    result.stdout.fnmatch_lines([f"*layer: *args=({seconds},)*", "*own: (900,)"])


def test_a_time_out_on_the_command_line_is_for_all(pytester: pytest.Pytester) -> None:
    run(pytester, "unit", "--timeout=7").stdout.fnmatch_lines(["*layer: None"])


def test_a_test_that_hangs_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import time\ndef test_hangs():\n    time.sleep(60)")
    result = pytester.runpytest_inprocess("--timeout=0.2")
    result.assert_outcomes(failed=1)
