"""Finding a store by its name, this program's and a reader's own."""

import base64
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from components.custody.key_store import (
    KeyStoreError,
    moved_settings,
    store_class,
    store_from_properties,
    store_to_properties,
    stored_record,
    without_secrets,
)
from components.custody.stores import file
from tests.unit.fakes.key_records import ROOT_TOKEN, SHARES, TARGET, key_record

OWN_STORE = """
from dataclasses import dataclass

from components.custody.key_store import KeyReference, KeyStore


@dataclass(frozen=True)
class Store(KeyStore):
    places: tuple[str, ...]
    kept = []

    @classmethod
    def from_settings(cls, reader):
        return cls(places=tuple(reader.texts("places", "give a list")))

    @property
    def location(self):
        return "memory"

    def probe(self, target):
        pass

    def read(self, target):
        return self.kept[-1] if self.kept else None

    def write(self, record, target):
        self.kept.append(record)
        return KeyReference(location=self.location, version=str(len(self.kept)))
"""


@pytest.fixture
def own_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The name of a module that a reader has written in one file."""
    folder = tmp_path / "reader_of_this_program"
    folder.mkdir()
    (folder / "memory.py").write_text(OWN_STORE)
    (folder / "broken.py").write_text("import a_module_that_nobody_has_written\n")
    (folder / "other.py").write_text("class Store:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        monkeypatch.delitem(sys.modules, name)
    return f"{folder.name}.memory"


@pytest.mark.parametrize("name", ["file", "kubernetes-secret", "aws-secrets-manager"])
def test_stores_of_this_program_are_named_with_dashes(name: str) -> None:
    module = f"components.custody.stores.{name.replace('-', '_')}"
    assert store_class(name).__module__ == module
    assert store_class(module) is store_class(name)


def test_store_of_a_reader_takes_one_file(own_module: str) -> None:
    store = store_class(own_module)(places=("here", "there"))  # type: ignore[call-arg]  # known to the reader
    # As a resource's property passes the engine.
    properties = json.loads(json.dumps(store_to_properties(own_module, store)))
    found = store_from_properties(properties)
    assert found == store
    assert found.write(key_record(), TARGET).version == "1"
    assert store.read(TARGET) == key_record()


@pytest.mark.parametrize("name", ["carrier-pigeon", "no.such.module", "components.no_such_module"])
def test_store_that_there_is_none_of(name: str) -> None:
    with pytest.raises(KeyStoreError, match=f"there is no store '{name}'"):
        store_class(name)


def test_module_that_lacks_another_one_is_not_called_missing(own_module: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="a_module_that_nobody_has_written"):
        store_class(own_module.replace("memory", "broken"))


def test_class_that_is_no_store(own_module: str) -> None:
    name = own_module.replace("memory", "other")
    with pytest.raises(KeyStoreError, match="has no class Store that derives from KeyStore"):
        store_class(name)


def test_settings_of_a_store_travel_in_plain_properties() -> None:
    assert store_to_properties("file", file.Store(path="/keys/vault")) == {
        "store": "file",
        "options": {"path": "/keys/vault"},
    }


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


@pytest.mark.parametrize("name", ["aws-secrets-manager", "gcp-secret-manager"])
def test_record_that_a_clouds_secret_does_not_take_is_refused(name: str) -> None:
    store = store_from_properties(custody(name, **(AWS if name.startswith("aws") else GOOGLE)))
    rest = len(replace(key_record(), recovery_shares=("",)).to_json())
    longest = replace(key_record(), recovery_shares=("s" * (65536 - rest),))
    assert store.record_text(longest) == longest.to_json()
    longer = replace(longest, recovery_shares=("s" * (65537 - rest),))
    with pytest.raises(KeyStoreError, match="takes 65536 bytes, and the record is longer"):
        store.record_text(longer)


# What may change once the keys are there


def custody(store: str, **options: object) -> dict[str, object]:
    return {"store": store, "options": options}


AWS = {"name": "vault/keys", "region": "eu-central-1", "kms_key": "own", "readers": ["ada", "bob"]}
GOOGLE = {
    "secret": "projects/p/secrets/s",
    "endpoint": "",
    "readers": ["user:ada", "user:bob"],
    "replicas": [],
}
GOOGLE_GIVEN = {**GOOGLE, "readers": []}
SECRET = {"namespace": "keys", "name": "vault"}


@pytest.mark.parametrize(
    ("store", "before", "changed"),
    [
        ("aws-secrets-manager", AWS, {"readers": ["ada"]}),
        ("aws-secrets-manager", AWS, {"readers": ["ada", "bob", "eve"]}),
        ("aws-secrets-manager", AWS, {"kms_key": "unseal-key"}),
        ("gcp-secret-manager", GOOGLE, {"readers": ["user:ada"]}),
        ("gcp-secret-manager", GOOGLE, {"readers": ["user:bob", "user:ada"]}),
        ("gcp-secret-manager", GOOGLE, {"endpoint": "psc.example.com"}),
        ("gcp-secret-manager", GOOGLE_GIVEN, {"endpoint": "psc.example.com"}),
        ("kubernetes-secret", SECRET, {}),
        ("file", {"path": "/keys"}, {}),
    ],
)
def test_what_does_not_move_the_record_may_change(
    store: str, before: dict[str, object], changed: dict[str, object]
) -> None:
    assert moved_settings(custody(store, **before), custody(store, **{**before, **changed})) == []


@pytest.mark.parametrize(
    ("store", "before", "changed"),
    [
        ("aws-secrets-manager", AWS, {"name": "vault/other"}),
        ("aws-secrets-manager", AWS, {"region": "eu-west-1"}),
        ("gcp-secret-manager", GOOGLE, {"secret": "projects/p/secrets/other"}),
        # The stack would delete its secret, or make one that exists.
        ("gcp-secret-manager", GOOGLE, {"readers": []}),
        ("gcp-secret-manager", GOOGLE_GIVEN, {"readers": ["user:ada"]}),
        # Google refuses it, so the secret would be replaced by an empty one.
        ("gcp-secret-manager", GOOGLE, {"replicas": ["europe-west3"]}),
        ("kubernetes-secret", SECRET, {"namespace": "other"}),
        ("kubernetes-secret", SECRET, {"name": "other"}),
        ("file", {"path": "/keys"}, {"path": "/other"}),
    ],
)
def test_what_moves_the_record_is_named(
    store: str, before: dict[str, object], changed: dict[str, object]
) -> None:
    # With a change that is allowed beside it.
    if store == "aws-secrets-manager":
        changed = {**changed, "readers": ["ada"]}
    (name, *_) = changed
    assert moved_settings(custody(store, **before), custody(store, **{**before, **changed})) == [name]


def test_store_of_a_reader_that_says_nothing_moves_with_each_setting(own_module: str) -> None:
    before = {"store": own_module, "options": {"places": ["a"]}}
    now = {"store": own_module, "options": {"places": ["a", "b"]}}
    assert moved_settings(before, now) == ["places"]
    assert moved_settings(before, before) == []


@pytest.mark.parametrize("other", [{}, custody("file", path="/keys")])
def test_another_store_is_another_place(other: dict[str, object]) -> None:
    aws = custody("aws-secrets-manager", **AWS)
    assert moved_settings(aws, other) == moved_settings(other, aws) == ["store"]
