from pathlib import Path

import pytest

from components.config.reader import ConfigReader
from components.settings.certificates import report_unusable
from sandbox.certificates import CertificateAuthority


def reported(file: Path) -> list[str]:
    problems: list[str] = []
    report_unusable(ConfigReader({"caFile": "a"}, problems, path="vault:chart"), "caFile", file)
    return problems


def test_certificates_are_taken(tmp_path: Path) -> None:
    assert reported(CertificateAuthority.load_or_create(tmp_path, "somebody's").certificate) == []


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_what_has_no_certificate_is_reported(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content)
    (problem,) = reported(file)
    assert problem.endswith('is "a": give the path of a file with CA certificates (PEM)')
