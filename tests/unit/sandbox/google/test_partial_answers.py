import pytest

from sandbox.google.api_errors import GoogleError
from sandbox.google.partial_answers import partial_answer

ANSWER = {
    "services": [
        {"name": "a", "state": "ENABLED"},
        {"name": "b", "state": "ENABLED", "config": {"title": 1}},
    ],
    "nextPageToken": "2",
    "more": {"of": "it", "and": 1},
}


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ("services/name,nextPageToken", {"services": [{"name": "a"}, {"name": "b"}], "nextPageToken": "2"}),
        ("services/config/title", {"services": [{}, {"config": {"title": 1}}]}),
        ("services/name,services/state", {"services": [{"name": n, "state": "ENABLED"} for n in "ab"]}),
        ("more", {"more": {"of": "it", "and": 1}}),
        ("more/and,unknown", {"more": {"and": 1}}),
    ],
)
def test_what_fields_select(fields: str, selected: object) -> None:
    assert partial_answer(ANSWER, fields) == selected


@pytest.mark.parametrize("fields", ["*", "services(name)", "services/"])
def test_other_forms_are_refused(fields: str) -> None:
    with pytest.raises(GoogleError, match="not implemented"):
        partial_answer(ANSWER, fields)


def test_nothing_is_below_a_text() -> None:
    with pytest.raises(GoogleError, match="Invalid field selection nextPageToken/below"):
        partial_answer(ANSWER, "nextPageToken/below")
