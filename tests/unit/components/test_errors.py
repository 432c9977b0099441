"""How wrong settings are told."""

import pytest

from components.errors import SettingsError


@pytest.mark.parametrize(
    ("problems", "message"),
    [
        (["a is wrong"], "1 setting is wrong; nothing was created or changed:\n  - a is wrong"),
        (
            ["a is wrong", "b isn't set"],
            "2 settings are wrong; nothing was created or changed:\n  - a is wrong\n  - b isn't set",
        ),
    ],
)
def test_every_wrong_setting_is_listed(problems: list[str], message: str) -> None:
    assert str(SettingsError(problems)) == message
