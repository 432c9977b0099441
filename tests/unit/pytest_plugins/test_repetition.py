"""A run says which command repeats a failed test: tried on runs of pytest of their own."""

import pytest

from tests.pytest_plugins.layer import repeat_command

pytest_plugins = ("pytester",)


def test_every_failed_test_is_named_with_the_command_that_repeats_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_some="""
        import pytest

        @pytest.fixture
        def broken():
            raise ValueError

        def test_passes():
            pass

        @pytest.mark.parametrize("word", ["a b"])
        def test_fails(word):
            assert not word

        def test_has_a_broken_fixture(broken):
            pass
        """
    )
    result = pytester.runpytest_inprocess("-p", "tests.pytest_plugins.repetition")
    assert [line for line in result.outlines if line.startswith("make one")] == [
        "make one TEST='test_some.py::test_fails[a b]'",
        "make one TEST=test_some.py::test_has_a_broken_fixture",
    ]


@pytest.mark.parametrize(
    ("nodeid", "command"),
    [
        ("tests/a.py::test_b", "make one TEST=tests/a.py::test_b"),
        ("tests/a.py::test_b@group", "make one TEST=tests/a.py::test_b"),
        ("tests/a.py::test_b[me@example.com]@group", "make one TEST='tests/a.py::test_b[me@example.com]'"),
        ("tests/a.py::test_b[me@example.com]", "make one TEST='tests/a.py::test_b[me@example.com]'"),
    ],
)
def test_the_group_of_a_worker_is_no_part_of_the_command(nodeid: str, command: str) -> None:
    assert repeat_command(nodeid) == command
