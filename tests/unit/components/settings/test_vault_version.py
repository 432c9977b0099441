"""Vault's version as tags and servers write it."""

import pytest

from components.settings.vault_version import FAILING, failing_image, vault_version, version_text


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.18.1", (1, 18, 1)),
        ("v1.20.11", (1, 20, 11)),
        ("1.21.4-ent", (1, 21, 4)),
        ("1.21.4+ent.hsm", (1, 21, 4)),
        ("2.0.0-ubi", (2, 0, 0)),
        ("1.18", None),
        ("latest", None),
        ("1.18.1rc1", None),
        ("2024.10.1", None),
        ("", None),
    ],
)
def test_version_is_what_the_text_begins_with(text: str, version: tuple[int, int, int] | None) -> None:
    assert vault_version(text) == version


def test_fix_of_a_failing_image_is_the_next_version() -> None:
    for version, fixed in FAILING.items():
        assert vault_version(fixed) == (version[0], version[1], version[2] + 1)
        assert vault_version(version_text(version)) == version


@pytest.mark.parametrize("tag", ["1.19.17", "1.20.11", "v1.21.6", "1.21.6-ent", "2.0.1"])
def test_image_that_does_not_start_is_told_with_the_next_one(tag: str) -> None:
    problem = str(failing_image(tag))
    assert "doesn't start in the chart's pods" in problem
    assert "set image.tag to " in problem


@pytest.mark.parametrize("tag", ["1.19.16", "1.19.18", "1.20.12", "1.21.60", "2.0.2", "latest"])
def test_its_neighbours_are_taken(tag: str) -> None:
    assert failing_image(tag) is None
