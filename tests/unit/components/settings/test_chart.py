"""Where the chart comes from, and that no error shows what may be a password."""

from pathlib import Path
from typing import Any

import pytest

from components.settings import ChartSettings
from sandbox.certificates import CertificateAuthority
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, parse, problems

URL = "https://charts.example.com"
CREDENTIALS = {"repository": URL, "username": "reader", "password": "hidden"}


def charted(_release: str = "true", **chart: Any) -> dict[str, Any]:
    return {**SHAMIR, "release": _release, "chart": chart}


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        ({}, ChartSettings("https://helm.releases.hashicorp.com", "0.34.1", None)),
        ({"version": "0.29.1"}, ChartSettings("https://helm.releases.hashicorp.com", "0.29.1", None)),
        ({"repository": URL}, ChartSettings(URL, "0.34.1", None)),
        ({"repository": "oci://r.example/a"}, ChartSettings("oci://r.example/a", "0.34.1", None)),
        ({"path": "./chart"}, ChartSettings(None, None, "./chart")),
    ],
)
def test_sources(chart: dict[str, Any], expected: ChartSettings) -> None:
    assert parse(charted(**chart)).chart == expected


def test_user_and_certificates_of_a_private_repository(tmp_path: Path) -> None:
    certificates = CertificateAuthority.load_or_create(tmp_path, "somebody's").certificate
    found = parse(charted(**CREDENTIALS, caFile=str(certificates)), secret_keys=["chart"])
    assert found.chart == ChartSettings(
        URL, "0.34.1", None, username="reader", password="hidden", ca_file=str(certificates)
    )
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("repository", "hashicorp", "give the URL of a Helm repository"),
        (
            "repository",
            "https://reader:hidden@charts.example.com",
            "chart.username and chart.password are for",
        ),
        ("repository", "oci://hidden@charts.example.com/x", "chart.username and chart.password are for"),
        ("version", "latest", "give an exact version"),
        ("version", "0.29.0", "use 0.29.1"),
        ("path", "", "give the folder or archive of a chart"),
        (
            "path",
            "https://reader:hidden@charts.example.com/x.tgz",
            "chart.username and chart.password are for",
        ),
        ("path", "oci://r.example/a/vault", "set chart.repository to this without the chart's name"),
        ("caFile", "/not/there", "give the path of a file with CA certificates"),
    ],
)
def test_wrong_sources(key: str, value: str, problem: str) -> None:
    (found,) = problems(charted(**{key: value}))
    assert found.startswith(f"{PROJECT}:chart.{key} is ")
    assert problem in found
    assert "hidden" not in found


def test_a_password_in_plain_text_is_refused_and_not_shown() -> None:
    (found,) = problems(charted(**CREDENTIALS))
    assert found.startswith(f"{PROJECT}:chart.password is set: it is in plain text; set it as a secret")


@pytest.mark.parametrize("key", ["username", "password"])
def test_a_user_has_a_name_and_a_password(key: str) -> None:
    chart = {name: value for name, value in CREDENTIALS.items() if name != key}
    (found,) = problems(charted(**chart), secret_keys=["chart"])
    assert found.endswith("a user has a name and a password; set both or none")


@pytest.mark.parametrize("key", ["repository", "version", "username", "password", "caFile"])
def test_chart_comes_from_a_path_or_a_repository(key: str) -> None:
    (found,) = problems(charted(path="./chart", **{key: "hidden"}), secret_keys=["chart"])
    assert found.startswith(f"{PROJECT}:chart.{key} is a secret value: chart.path takes its place")


def test_nobody_logs_in_to_a_registry_with_the_settings() -> None:
    found = problems(charted(**{**CREDENTIALS, "repository": "oci://r.example/a"}), secret_keys=["chart"])
    assert len(found) == 2
    assert all("what `helm registry login` has saved" in problem for problem in found)


def test_others_install_with_credentials_of_their_own() -> None:
    found = problems(charted("false", **CREDENTIALS), secret_keys=["chart"])
    assert [problem.split()[0] for problem in found] == [
        f"{PROJECT}:chart.username",
        f"{PROJECT}:chart.password",
    ]
