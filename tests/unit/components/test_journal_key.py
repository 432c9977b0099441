"""The stack's own key for the journal: made once, kept for ever."""

import base64

import pulumi

from components.journal.encryption import StackKeyCipher
from components.journal_key import JournalKey, JournalKeyProvider
from tests.unit.fakes.mocked_account import JOURNAL_KEY
from tests.unit.fakes.recorded_deployment import Secret, deploy


def test_key_is_random_and_of_use() -> None:
    keys = [JournalKeyProvider().create({}).outs for _ in range(2)]
    texts = [outs["key"] for outs in keys if outs is not None]
    assert len(set(texts)) == 2
    assert [len(base64.b64decode(text)) for text in texts] == [32, 32]
    StackKeyCipher(texts[0]).prepare("uid/vault/vault")


def test_no_update_or_refresh_changes_it() -> None:
    provider = JournalKeyProvider()
    state = {"key": "kept", "__provider": "a reference"}
    difference = provider.diff("journal-key", state, {"__provider": "a reference"})
    assert (difference.changes, difference.replaces) == (False, [])
    assert provider.update("journal-key", state, {"key": None}).outs == {"key": "kept"}
    read = provider.read("journal-key", state)
    assert (read.id, read.outs) == ("journal-key", state)


def test_key_is_a_secret_of_the_stack() -> None:
    def program() -> None:
        pulumi.export("key", JournalKey("journal-key", pulumi.ResourceOptions()).key)

    deployment = deploy({}, answers={}, outputs=lambda _: {"key": "of the journal"}, program=program)
    assert deployment.only(JOURNAL_KEY).additional_secret_outputs == {"key"}
    assert deployment.outputs == {"key": Secret("of the journal")}
