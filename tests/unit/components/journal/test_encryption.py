"""The ciphers of the journal: what opens it, and what doesn't."""

import base64
from dataclasses import replace

import pytest

from components.journal.encryption import JournalCipher, JournalError, SealKeyCipher, StackKeyCipher
from tests.unit.fakes.init_inputs import CIPHER
from tests.unit.fakes.key_wrapper import PlainWrapper

DEPLOYMENT = "uid/vault/vault"
STACK_KEY = base64.b64encode(bytes(range(32))).decode()


def test_a_later_run_opens_it_with_the_header_alone() -> None:
    key = StackKeyCipher(STACK_KEY).prepare(DEPLOYMENT)
    ciphertext = key.encrypt(b"the keys")
    assert StackKeyCipher(STACK_KEY).open(dict(key.header), DEPLOYMENT).decrypt(ciphertext) == b"the keys"


def test_neither_header_nor_ciphertext_tells_a_key() -> None:
    key = StackKeyCipher(STACK_KEY).prepare(DEPLOYMENT)
    shown = base64.b64decode(key.encrypt(b"the keys")) + repr(dict(key.header)).encode()
    for secret in (b"the keys", key.key, base64.b64encode(key.key), STACK_KEY.encode()):
        assert secret not in shown


def test_every_journal_has_a_key_of_its_own() -> None:
    cipher = StackKeyCipher(STACK_KEY)
    first, second = cipher.prepare(DEPLOYMENT), cipher.prepare(DEPLOYMENT)
    assert first.key != second.key
    assert first.encrypt(b"the keys") != first.encrypt(b"the keys")


def test_no_secret_in_what_is_printed() -> None:
    cipher = StackKeyCipher(STACK_KEY)
    key = cipher.prepare(DEPLOYMENT)
    assert STACK_KEY not in repr(cipher)
    assert repr(key.key) not in repr(key)


CHANGED = "encrypted with another key, for another deployment, or was changed since"


@pytest.mark.parametrize("position", [0, 12, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    key = StackKeyCipher(STACK_KEY).prepare(DEPLOYMENT)
    sealed = bytearray(base64.b64decode(key.encrypt(b"the keys")))
    sealed[position] ^= 1
    with pytest.raises(JournalError, match=CHANGED):
        key.decrypt(base64.b64encode(sealed).decode())


@pytest.mark.parametrize("ciphertext", ["", base64.b64encode(b"short").decode()])
def test_a_ciphertext_that_is_cut_is_noticed(ciphertext: str) -> None:
    with pytest.raises(JournalError, match=CHANGED):
        StackKeyCipher(STACK_KEY).prepare(DEPLOYMENT).decrypt(ciphertext)


def test_another_stack_key_does_not_open_it() -> None:
    key = StackKeyCipher(STACK_KEY).prepare(DEPLOYMENT)
    other = StackKeyCipher(base64.b64encode(bytes(32)).decode()).open(key.header, DEPLOYMENT)
    with pytest.raises(JournalError, match=CHANGED):
        other.decrypt(key.encrypt(b"the keys"))


def test_another_deployment_does_not_open_it() -> None:
    key = StackKeyCipher(STACK_KEY).prepare(DEPLOYMENT)
    other = StackKeyCipher(STACK_KEY).open(key.header, "uid/other/vault")
    with pytest.raises(JournalError, match=CHANGED):
        other.decrypt(key.encrypt(b"the keys"))


def test_the_ciphertext_is_bound_to_its_deployment_whatever_wrapped_its_key() -> None:
    """RSA and transit bind a wrapped key to nothing, so the same key may be had for another deployment."""
    key = SealKeyCipher(PlainWrapper(), CIPHER).prepare(DEPLOYMENT)
    ciphertext = key.encrypt(b"the keys")
    assert replace(key).decrypt(ciphertext) == b"the keys"
    with pytest.raises(JournalError, match=CHANGED):
        replace(key, deployment="uid/other/vault").decrypt(ciphertext)


def test_the_stacks_key_gives_each_deployment_a_key_of_its_own() -> None:
    key = StackKeyCipher(STACK_KEY).prepare(DEPLOYMENT)
    assert StackKeyCipher(STACK_KEY).open(key.header, "uid/other/vault").key != key.key


def test_a_journal_of_another_kind_of_key_names_both() -> None:
    with pytest.raises(JournalError, match="kind 'aws-kms', and this run has one of kind 'stack-key'"):
        StackKeyCipher(STACK_KEY).open({"cipher": "aws-kms"}, DEPLOYMENT)


@pytest.mark.parametrize(
    ("stack_key", "problem"),
    [(base64.b64encode(b"short").decode(), "hasn't 32 bytes"), ("not base64!", "isn't base64")],
)
def test_a_stack_key_that_is_none(stack_key: str, problem: str) -> None:
    with pytest.raises(JournalError, match=problem) as raised:
        StackKeyCipher(stack_key).prepare(DEPLOYMENT)
    assert stack_key not in str(raised.value)


class ForgetfulCipher(StackKeyCipher):
    """Gives another key back than it made."""

    def _open(self, _header: object, _deployment: str) -> bytes:
        self.__dict__["opened"] = self.__dict__.get("opened", 0) + 1
        return bytes([self.__dict__["opened"]]) * 32


def test_a_key_that_cannot_be_had_again_is_never_used() -> None:
    cipher: JournalCipher = ForgetfulCipher(STACK_KEY)
    with pytest.raises(JournalError, match="didn't come back"):
        cipher.prepare(DEPLOYMENT)


def test_the_seals_key_wraps_the_journals() -> None:
    key = SealKeyCipher(PlainWrapper(), CIPHER).prepare(DEPLOYMENT)
    assert (key.header["cipher"], key.header["key"]) == ("plain", "seal-key")
    again = SealKeyCipher(PlainWrapper(), CIPHER).open(key.header, DEPLOYMENT)
    assert again.decrypt(key.encrypt(b"the keys")) == b"the keys"


def test_a_journal_of_another_key_of_the_seal_names_both() -> None:
    header = SealKeyCipher(PlainWrapper("old-key"), CIPHER).prepare(DEPLOYMENT).header
    with pytest.raises(JournalError, match="wrapped by old-key, and the seal's key is new-key"):
        SealKeyCipher(PlainWrapper("new-key"), CIPHER).open(header, DEPLOYMENT)


@pytest.mark.parametrize("damage", [{"wrapped_key": "not base64!"}, None])
def test_a_damaged_wrapped_key_is_told(damage: dict[str, str] | None) -> None:
    header = dict(SealKeyCipher(PlainWrapper(), CIPHER).prepare(DEPLOYMENT).header)
    if damage is None:
        del header["wrapped_key"]
    else:
        header.update(damage)
    with pytest.raises(JournalError, match="wrapped key in it is damaged"):
        SealKeyCipher(PlainWrapper(), CIPHER).open(header, DEPLOYMENT)


def test_journal_is_bound_to_its_deployment_even_under_the_same_key() -> None:
    key = SealKeyCipher(PlainWrapper(), CIPHER).prepare(DEPLOYMENT)
    with pytest.raises(JournalError, match="for another deployment"):
        replace(key, deployment="uid/vault/another").decrypt(key.encrypt(b"the keys"))
