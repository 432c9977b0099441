"""A run says which command repeats a failed test: tried on runs of pytest of their own."""

import pytest

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
