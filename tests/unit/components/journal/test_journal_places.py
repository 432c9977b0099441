"""Either place of the journal is enough: the other one damaged, unreadable, forbidden, or cut at any byte."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.journal.encryption import JournalError
from components.journal.entry import JournalEntry
from tests.unit.fakes.kubernetes_objects import KubernetesObjects
from tests.unit.fakes.left_journals import (
    CIPHER,
    OTHER_CIPHER,
    RECORD,
    SECRET,
    UNREACHABLE,
    cluster_with_vault,
    entry_in,
    file,
    journal,
)

FORBIDDEN = f'Error from server (Forbidden): secrets "{SECRET}" is forbidden: User "ada" cannot get'
Damage = Callable[[KubernetesObjects, Path], None]


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> KubernetesObjects:
    return cluster_with_vault(monkeypatch, tmp_path)


@pytest.fixture
def kept(cluster: KubernetesObjects) -> str:
    """The keys, in both places; the text of each."""
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(RECORD)
    return entry_in(cluster).to_json()


def put_secret(cluster: KubernetesObjects, text: str) -> None:
    cluster.put("secret", SECRET, data={"journal": base64.b64encode(text.encode()).decode()})


def replace_by_folder(_cluster: KubernetesObjects, tmp_path: Path) -> None:
    """Nobody can read that as a file, not even root."""
    path = file(tmp_path)
    path.unlink()
    path.mkdir()


def forbid_file(_cluster: KubernetesObjects, tmp_path: Path) -> None:
    """A link to itself can't be read, as a file of somebody else's; root may read those."""
    path = file(tmp_path)
    path.unlink()
    path.symlink_to(path)


DAMAGES: dict[str, Damage] = {
    "file: zeros": lambda _, tmp_path: _write(tmp_path, bytes(file(tmp_path).stat().st_size)),
    "file: unreadable": replace_by_folder,
    "file: forbidden": forbid_file,
    "file: no text": lambda _, tmp_path: _write(tmp_path, b"\xff\xfe"),
    "file: of a later version": lambda _, tmp_path: _write(tmp_path, b'{"format": 2}'),
    "secret: damaged": lambda cluster, _: put_secret(cluster, "{"),
    "secret: no base64": lambda cluster, _: cluster.put("secret", SECRET, data={"journal": "%"}),
    "secret: empty": lambda cluster, _: cluster.put("secret", SECRET, data=None),
    "secret: unreachable": lambda cluster, _: cluster.fail(f"get secret {SECRET}", UNREACHABLE),
    "secret: forbidden": lambda cluster, _: cluster.fail(f"get secret {SECRET}", FORBIDDEN),
    "secret: of somebody else": lambda cluster, _: cluster.put("secret", SECRET, metadata={"labels": {}}),
}


def _write(tmp_path: Path, content: bytes) -> None:
    file(tmp_path).write_bytes(content)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_keys_are_found_in_the_other_place(
    cluster: KubernetesObjects, tmp_path: Path, damage: Damage, capfd: pytest.CaptureFixture[str]
) -> None:
    damage(cluster, tmp_path)
    opened = journal()
    found = opened.find()
    assert found is not None
    assert found.kept
    assert opened.recover(CIPHER) == RECORD
    said = capfd.readouterr().err
    assert said.count("One place of the journal can't be read, the other has the keys: ") == 1
    assert RECORD.root_token not in said


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_place_that_cannot_be_read_may_have_keys_where_the_other_has_none(
    cluster: KubernetesObjects, tmp_path: Path, damage: Damage
) -> None:
    """Else the run would say that nobody has the keys."""
    intent = replace(entry_in(cluster), ciphertext="", fingerprint="")
    put_secret(cluster, intent.to_json())
    _write(tmp_path, intent.to_json().encode())
    damage(cluster, tmp_path)
    for read in (journal().find, lambda: journal().recover(CIPHER)):
        with pytest.raises(JournalError) as raised:
            read()
        assert str(journal().location) in str(raised.value)


@pytest.mark.parametrize("place", ["file", "secret"])
def test_keys_survive_a_cut_at_any_byte_of_one_place(
    cluster: KubernetesObjects, tmp_path: Path, kept: str, place: str
) -> None:
    for length in range(len(kept)):
        if place == "file":
            _write(tmp_path, kept.encode()[:length])
        else:
            put_secret(cluster, kept[:length])
        assert journal().recover(CIPHER) == RECORD, length


@pytest.mark.parametrize("place", ["file", "secret"])
def test_keys_survive_a_change_of_any_byte_of_one_place(
    cluster: KubernetesObjects, tmp_path: Path, kept: str, place: str
) -> None:
    """Most of them leave an entry that can be read, and not decrypted."""
    for position in range(len(kept)):
        changed = bytearray(kept.encode())
        changed[position] ^= 1
        if place == "file":
            _write(tmp_path, bytes(changed))
        else:
            put_secret(cluster, changed.decode())
        assert journal().recover(CIPHER) == RECORD, position


def test_keys_survive_a_cut_at_any_byte_of_the_secret_as_it_is_encoded(
    cluster: KubernetesObjects, kept: str
) -> None:
    encoded = base64.b64encode(kept.encode()).decode()
    for length in range(0, len(encoded), 3):
        cluster.put("secret", SECRET, data={"journal": encoded[:length]})
        assert journal().recover(CIPHER) == RECORD, length


def test_later_keys_that_do_not_decrypt_do_not_hide_the_others(
    cluster: KubernetesObjects, tmp_path: Path, kept: str
) -> None:
    entry = JournalEntry.from_json(kept)
    assert entry.ciphertext
    later = replace(entry, began="2099-01-01T00:00:00+00:00", ciphertext=entry.ciphertext[::-1])
    put_secret(cluster, later.to_json())
    assert journal().recover(CIPHER) == RECORD
    _write(tmp_path, later.to_json().encode())
    with pytest.raises(JournalError, match="can't be recovered"):
        journal().recover(CIPHER)


@pytest.mark.usefixtures("kept")
def test_key_that_is_wrong_for_both_places_is_said_once() -> None:
    with pytest.raises(JournalError) as raised:
        journal().recover(OTHER_CIPHER)
    assert str(raised.value).count("encrypted with another key") == 1


# A new journal over what can't be read


@pytest.mark.parametrize("keys", [True, False], ids=["keys", "an intent"])
@pytest.mark.parametrize("place", ["file", "secret"])
def test_what_cannot_be_read_is_kept_aside_by_the_next_init(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str], place: str, keys: bool
) -> None:
    opened = journal()
    opened.begin(CIPHER)
    if keys:
        opened.keep(RECORD)
        cluster.put("pvc", "data-vault-0", metadata={"uid": "of new data"})
    half = entry_in(cluster).to_json()[:300]
    if place == "file":
        _write(tmp_path, half.encode())
    else:
        put_secret(cluster, half)
    again = journal()
    again.begin(CIPHER)
    again.keep(RECORD)
    assert journal().recover(CIPHER) == RECORD
    (aside,) = (tmp_path / "home" / "vault-autounseal").glob("*damaged*")
    kept_text = aside.read_text()
    if place == "secret":
        kept_text = base64.b64decode(json.loads(kept_text)["journal"]).decode()
    assert kept_text == half
    assert str(aside) in capfd.readouterr().err


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("damage", ["file: zeros", "secret: damaged"])
def test_damaged_place_does_not_open_the_other_ones_keys_to_a_new_init(
    cluster: KubernetesObjects, tmp_path: Path, damage: str
) -> None:
    DAMAGES[damage](cluster, tmp_path)
    with pytest.raises(JournalError, match="keys of an earlier init lie in it"):
        journal().begin(CIPHER)
    assert journal().recover(CIPHER) == RECORD
    assert not list((tmp_path / "home" / "vault-autounseal").glob("*damaged*"))


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("damage", ["secret: unreachable", "secret: forbidden", "secret: of somebody else"])
def test_init_needs_a_secret_that_it_may_write(
    cluster: KubernetesObjects, tmp_path: Path, damage: str
) -> None:
    before = file(tmp_path).read_text()
    DAMAGES[damage](cluster, tmp_path)
    with pytest.raises(JournalError, match="can't be opened"):
        journal().begin(CIPHER)
    assert file(tmp_path).read_text() == before


# The end


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_finish_deletes_the_readable_place_and_says_of_the_other(
    cluster: KubernetesObjects, tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: Damage
) -> None:
    opened = journal()
    with opened.lease.held(0):
        opened.begin(CIPHER)
        opened.keep(RECORD)
        damage(cluster, tmp_path)
        opened.finish()
    assert "it may be deleted by hand" in capfd.readouterr().err
    in_file = file(tmp_path) if list((tmp_path / "home" / "vault-autounseal").glob("*.json")) else None
    assert (in_file is None) != (cluster.get("secret", SECRET) is None)
