"""The journal of a rekey: by which nonce a later run knows it as this program's."""

from pathlib import Path

import pytest

from components.journal.encryption import JournalError
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.left_journals import (
    CIPHER,
    RECORD,
    UNREACHABLE,
    cluster_with_vault,
    entry_in,
    file,
    journal,
)


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    """A cluster with pod 0 and its volume; Pulumi's home is the test's own."""
    return cluster_with_vault(monkeypatch, tmp_path)


def test_nonce_is_in_both_places_and_stays_with_the_keys(cluster: KubernetesObjects, tmp_path: Path) -> None:
    opened = journal()
    opened.begin(CIPHER)
    opened.note_rekey("n")
    assert entry_in(cluster).rekey_nonce == "n"
    assert entry_in(cluster).to_json() == file(tmp_path).read_text()
    opened.keep(RECORD)
    assert (entry_in(cluster).kept, entry_in(cluster).rekey_nonce) == (True, "n")
    assert journal().recover(CIPHER) == RECORD


def test_nonce_of_the_run_before_is_known_until_there_is_another_one(cluster: KubernetesObjects) -> None:
    first = journal()
    first.begin(CIPHER)
    first.note_rekey("of the first")
    second = journal()
    second.begin(CIPHER)
    assert entry_in(cluster).rekey_nonce == "of the first"
    second.note_rekey("of the second")
    assert entry_in(cluster).rekey_nonce == "of the second"


def test_init_has_no_nonce(cluster: KubernetesObjects) -> None:
    journal().begin(CIPHER)
    assert entry_in(cluster).rekey_nonce == ""


def test_nonce_needs_both_places(cluster: KubernetesObjects) -> None:
    opened = journal()
    opened.begin(CIPHER)
    cluster.fail(".", UNREACHABLE)
    with pytest.raises(JournalError, match="The change of shares can't be noted in the journal"):
        opened.note_rekey("n")


def test_nonce_before_the_begin_is_a_mistake_of_the_program() -> None:
    with pytest.raises(RuntimeError, match="was not opened"):
        journal().note_rekey("n")
