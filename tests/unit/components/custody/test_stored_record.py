"""Reading records back, and errors that repeat a piece of one."""

import base64

import pytest

from components.custody.key_store import KeyStoreError
from components.custody.stored_record import stored_record, without_secrets
from tests.unit.components.custody.key_records import ROOT_TOKEN, SHARES, key_record


def test_a_record_is_read_back() -> None:
    assert stored_record(key_record().to_json(), "file /keys") == key_record()


def test_what_is_no_record_is_named_by_its_place_and_not_by_its_content() -> None:
    with pytest.raises(KeyStoreError, match=r"What lies in file /keys isn't a record of keys") as raised:
        stored_record('{"format": 7, "root_token": "hvs.somebody"}', "file /keys")
    assert "hvs.somebody" not in str(raised.value)


@pytest.mark.parametrize(
    "repeated",
    [
        ROOT_TOKEN,
        SHARES[1],
        SHARES[0][5:20],
        key_record().to_json(),
        base64.b64encode(key_record().to_json().encode()).decode()[30:60],
    ],
)
def test_an_error_that_repeats_a_piece_of_the_record_is_not_shown(repeated: str) -> None:
    shown = without_secrets(f"error found near ...|{repeated}|...", key_record())
    assert shown == "(the answer repeats a piece of the keys and isn't shown)"


def test_other_errors_are_shown_as_they_are() -> None:
    message = "secrets is forbidden: User cannot create resource in namespace vault"
    assert without_secrets(message, key_record()) == message
    assert without_secrets(message, key_record(root_token="")) == message
