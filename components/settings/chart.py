"""Reads where Vault's chart comes from."""

from dataclasses import replace
from pathlib import Path

from components.config.reader import ConfigReader
from components.settings import certificates
from components.settings.given_values import read_given_values
from components.settings.model import ChartSettings

# It lacks the step that renders Vault's configuration from its template (hashicorp/vault-helm#1072).
BROKEN_CHART = "0.29.0"
OFFICIAL_CHART_REPOSITORY = "https://helm.releases.hashicorp.com"

_CREDENTIALS = ("username", "password", "caFile")
_NO_USER = "without user and password, which chart.username and chart.password are for"


def read_chart(reader: ConfigReader, *, installs: bool, default_version: str) -> ChartSettings:
    """Read the section ``chart``; ``installs``: whether the stack installs the chart itself.

    No error shows a URL or a credential, as there may be a password in it.
    """
    hidden = reader.hiding_values()
    fix = f"give the folder or archive of a chart, {_NO_USER}"
    path = hidden.text("path", None, r"(?!\w+://[^/]*@).+", fix)
    if path is not None:
        reader.not_applicable(("version",), "chart.path takes its place; remove one of the two")
        hidden.not_applicable(
            ("repository", *_CREDENTIALS), "chart.path takes its place; remove one of the two"
        )
        if path.startswith("oci:"):
            reader.report(
                "path",
                "that would be the newest chart; set chart.repository to this without the chart's name at "
                "the end, and chart.version",
            )
        chart = ChartSettings(repository=None, version=None, path=path)
    else:
        chart = ChartSettings(
            repository=hidden.text(
                "repository",
                OFFICIAL_CHART_REPOSITORY,
                r"(https?|oci)://[^\s/@]+(/\S*)?",
                f"give the URL of a Helm repository, {_NO_USER}; "
                "or oci:// and the path in a registry that has the chart vault",
            ),
            version=reader.text(
                "version",
                default_version,
                r"\d+\.\d+\.\d+([+-].+)?",
                "give an exact version, such as 0.34.1",
            ),
            path=None,
            username=hidden.text("username", None),
            password=_password(hidden),
            ca_file=_ca_file(hidden),
        )
        if chart.version == BROKEN_CHART:
            reader.report("version", "its config templating is broken (vault-helm issue 1072); use 0.29.1")
        if hidden.has("username") != hidden.has("password"):
            hidden.report("username", "a user has a name and a password; set both or none")
        # https://github.com/pulumi/pulumi-kubernetes/issues/1914
        if chart.in_registry:
            hidden.not_applicable(
                _CREDENTIALS,
                "for an OCI registry Pulumi's provider uses what `helm registry login` has saved, and this "
                "machine's CA certificates; remove it, and log in before pulumi up",
            )
        elif not installs:
            hidden.not_applicable(_CREDENTIALS, "others install the chart; remove it")
    values = read_given_values(reader)
    for key in ("path", "repository", *_CREDENTIALS):
        reader.skip(key)
    reader.unknown_keys()
    return replace(chart, values=values, secret_values=bool(values) and reader.is_secret("values"))


def _password(reader: ConfigReader) -> str | None:
    key = "password"
    if reader.has(key) and not reader.is_secret(key):
        reader.report(
            key, "it is in plain text; set it as a secret: pulumi config set --secret --path chart.password"
        )
    return reader.text(key, None)


def _ca_file(reader: ConfigReader) -> str | None:
    key = "caFile"
    path = reader.text(key, None, fix=certificates.FIX)
    if path is not None:
        # The provider's plugin reads it, for which `~` is no home.
        certificates.report_unusable(reader, key, Path(path))
    return path
