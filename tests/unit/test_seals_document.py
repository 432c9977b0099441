"""The document on the seals: every seal is in it, and its example of a further one works as it stands."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from components import seals
from components.seals.seal import Surroundings, seal_types
from components.settings.reader import SettingsReader
from tests.unit.components.stack_settings import PROJECT, parse, problems

TEXT = (Path(__file__).parents[2] / "docs" / "seals.md").read_text(encoding="utf-8")
GUID = "11111111-2222-3333-4444-555555555555"
OCI = {
    "keyId": "ocid1.key.oc1.eu-frankfurt-1.aaaa",
    "cryptoEndpoint": "https://aaaa-crypto.kms.eu-frankfurt-1.oraclecloud.com",
    "managementEndpoint": "https://aaaa-management.kms.eu-frankfurt-1.oraclecloud.com",
}


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Puts the document's module among the seals for one test."""
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "ocikms.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(seals, "__path__", [*seals.__path__, str(tmp_path)])
    # Another test may have left its own.
    monkeypatch.delitem(sys.modules, "components.seals.ocikms", raising=False)


@pytest.mark.parametrize(
    "configuration",
    [
        {
            "seal": "transit",
            "transit": {
                "address": "https://vault.example.com",
                "key": "autounseal",
                "tls": {"caSecret": {"name": "ca"}},
            },
        },
        {
            "seal": "azurekeyvault",
            "azureKeyVault": {
                "vaultName": "acme-unseal",
                "keyName": "vault-unseal",
                "tenantId": GUID,
                "clientId": GUID,
                "clientSecret": {"name": "azure-unseal"},
            },
        },
        {"seal": "gcpckms", "project": "acme-prod", "key": {}},
        {"seal": "gcpckms", "project": "acme-prod", "identity": {}},
    ],
    ids=lambda configuration: list(configuration)[-1],
)
def test_tables_have_the_settings_of_a_seal(
    configuration: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    section = list(configuration)[-1]
    asked = set()

    def record(method: str) -> None:
        original = getattr(SettingsReader, method)

        def recording(reader: SettingsReader, key: str, *arguments: Any, **options: Any) -> Any:
            asked.add(reader.name(key).removeprefix(f"{PROJECT}:"))
            return original(reader, key, *arguments, **options)

        monkeypatch.setattr(SettingsReader, method, recording)

    for method in ("text", "choice", "integer", "flag"):
        record(method)
    parse({"kubeContext": "here", **configuration})
    rows = re.findall(rf"^\| `({section}\.[\w.]+)` \|", TEXT, re.MULTILINE)
    assert sorted(rows) == sorted(name for name in asked if name.startswith(f"{section}."))


def test_every_seal_has_its_section() -> None:
    sections = re.findall(r"^## (\w+)$", TEXT, re.MULTILINE)
    assert sorted(sections) == seal_types()


@pytest.mark.usefixtures("example")
def test_example_is_a_seal() -> None:
    settings = parse({"seal": "ocikms", "kubeContext": "here", "ociKms": OCI})
    assert settings.seal.type == "ocikms"
    # It builds on nothing.
    provisioned = settings.seal.provision(settings, cast(Surroundings, None))
    assert provisioned.key == OCI["keyId"]
    assert provisioned.stanza is not None


@pytest.mark.usefixtures("example")
def test_example_tells_what_is_wrong() -> None:
    (problem,) = problems({"seal": "ocikms", "kubeContext": "here", "ociKms": {**OCI, "keyId": "x"}})
    assert 'ociKms.keyId is "x": give the key\'s OCID' in problem
