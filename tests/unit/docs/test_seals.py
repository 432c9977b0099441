"""The document on the seals: every seal is in it, and its example of a further one works as it stands."""

import re
import sys
from pathlib import Path

import pytest

from components import seals
from components.seals.seal import seal_class, seal_types
from tests.unit.docs.documents import blocks, code, tables, text
from tests.unit.fakes.seal_args import provisioned_seal
from tests.unit.fakes.stack_settings import parse, problems

PAGE = "docs/seals.md"
OCI = {
    "keyId": "ocid1.key.oc1.eu-frankfurt-1.aaaa",
    "cryptoEndpoint": "https://aaaa-crypto.kms.eu-frankfurt-1.oraclecloud.com",
    "managementEndpoint": "https://aaaa-management.kms.eu-frankfurt-1.oraclecloud.com",
}


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Puts the document's module among the seals for one test."""
    (module,) = blocks(PAGE, "python")
    (tmp_path / "ocikms.py").write_text(module, encoding="utf-8")
    monkeypatch.setattr(seals, "__path__", [*seals.__path__, str(tmp_path)])
    # Another test may have left its own.
    monkeypatch.delitem(sys.modules, "components.seals.ocikms", raising=False)


def test_every_seal_has_its_section() -> None:
    sections = re.findall(r"^## (\w+)$", text(PAGE), re.MULTILINE)
    assert sorted(sections) == seal_types()


def test_the_table_says_which_seals_unseal_themselves() -> None:
    shown = {code(name)[0]: unseals == "yes" for name, unseals, _, _ in tables(PAGE, "`seal`")}
    assert shown == {name: seal_class(name).unseals_itself for name in seal_types()}


@pytest.mark.usefixtures("example")
def test_example_is_a_seal() -> None:
    settings = parse({"seal": "ocikms", "kubeContext": "here", "ociKms": OCI})
    assert settings.seal.type == "ocikms"
    # It builds on nothing.
    provisioned = provisioned_seal(settings)
    assert provisioned.key == OCI["keyId"]
    assert provisioned.stanza is not None


@pytest.mark.usefixtures("example")
def test_example_tells_what_is_wrong() -> None:
    (problem,) = problems({"seal": "ocikms", "kubeContext": "here", "ociKms": {**OCI, "keyId": "x"}})
    assert 'ociKms.keyId is "x": give the key\'s OCID' in problem
