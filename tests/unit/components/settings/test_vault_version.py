"""Vault's version as tags and servers write it."""

import pytest

from components.settings.vault_version import FAILING, vault_version, version_text


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
