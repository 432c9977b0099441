"""A skip fails the run unless it is named: tried on runs of pytest of their own."""

import pytest

pytest_plugins = ("pytester",)

TWO_SKIPS = """
import pytest

def test_passes():
    pass

def test_without_data():
    pytest.skip("the chart's data is missing: set CHART_DATA")

@pytest.mark.skipif(True, reason="no setpriv on PATH")
def test_without_a_tool():
    pass
"""


def run(pytester: pytest.Pytester, module: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(module)
    return pytester.runpytest_inprocess("-p", "tests.pytest_plugins.skips", *arguments)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["in this process", "with a worker"])
def test_a_skip_fails_the_run_and_its_reason_is_printed(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    result = run(pytester, TWO_SKIPS, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["1 x the chart's data is missing: set CHART_DATA", "1 x *no setpriv on PATH"]
    )


def test_skips_named_by_reason_and_by_test_let_the_run_pass(pytester: pytest.Pytester) -> None:
    named = ("--allow-skip=CHART_DATA", "--allow-skip=test_without_a_tool")
    assert run(pytester, TWO_SKIPS, *named).ret == pytest.ExitCode.OK
    assert run(pytester, TWO_SKIPS, named[0]).ret == pytest.ExitCode.TESTS_FAILED


def test_a_module_that_skips_itself_fails_the_run(pytester: pytest.Pytester) -> None:
    module = "import pytest\npytest.skip('no etcd', allow_module_level=True)"
    assert run(pytester, module).ret == pytest.ExitCode.TESTS_FAILED


def test_an_expected_failure_is_no_skip(pytester: pytest.Pytester) -> None:
    module = "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_fails():\n    raise ValueError"
    assert run(pytester, module).ret == pytest.ExitCode.OK
