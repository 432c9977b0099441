import pytest

from components.near_names import near_name


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("tolaration", "tolerations"),
        ("tolerations", "tolerations"),
        ("locaton", "location"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_only_a_letter_or_two_may_differ(name: str, near: str) -> None:
    assert near_name(name, ["location", "tolerations"]) == near


def test_another_word_is_not_near() -> None:
    assert near_name("tolerations", {"location"}) == ""
