"""Reads the settings of Google's provider, `gcp:*` and the environment, which every part has to honour.

The parts that talk to Google as whoever runs the program are the provider, the key store in Secret Manager
(google-auth) and kubectl's credential plugin. What one of them can't honour is refused by name: else half of
a run would be done by another account than the other half.
Sources: pulumi_gcp/provider.py; terraform-provider-google, provider.go (the variables); cloud-provider-gcp,
cmd/gke-gcloud-auth-plugin.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.config.reader import ConfigReader, configuration_of
from components.errors import SettingsError

NAMESPACE = "gcp"
ADC_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
ACCESS_TOKEN = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105 - a variable's name
IMPERSONATION = "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT"
GCLOUD_ACCESS_TOKEN = "CLOUDSDK_AUTH_ACCESS_TOKEN"  # noqa: S105 - likewise
GCLOUD_IMPERSONATION = "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT"
GCLOUD_FILE = "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"

_ACCOUNT = r"[^\s,@]+@[^\s,@]+\.gserviceaccount\.com"
_TIME = r"\d+(\.\d+)?(ms|s|m|h)"
_FILE_INSTEAD = (
    f"name a file with the credentials in the environment variable {ADC_FILE}, which the key store and "
    "kubectl heed, too"
)
_DNS_INSTEAD = (
    "other parts, Vault among them, know Google's own host names only; let these resolve to your endpoint "
    "(private.googleapis.com, Private Service Connect)"
)

_REFUSED: Mapping[str, str] = {
    "credentials": _FILE_INSTEAD,
    "externalCredentials": _FILE_INSTEAD,
    "accessToken": f"put the token into the environment variables {ACCESS_TOKEN} and {GCLOUD_ACCESS_TOKEN}, "
    "which the key store and kubectl heed, too",
    "scopes": "every part asks for cloud-platform; limit the account by its roles instead, and remove it",
    "defaultLabels": "set the setting tags, which labels everything that the stack creates, and remove it",
    "universeDomain": "only googleapis.com is supported; remove it",
    "requestReason": "put the reason into the environment variable CLOUDSDK_CORE_REQUEST_REASON, which the "
    "key store heeds, too",
    "addPulumiAttributionLabel": "the label would be a change of every key that is taken over; set it to "
    "false or remove it",
    "deletionPolicy": "the settings protect and key.retainOnDestroy say what is deleted; remove it",
}
_REFUSED_VARIABLES: Mapping[str, str] = {
    **dict.fromkeys(
        ("GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON"), _FILE_INSTEAD
    ),
    "USER_PROJECT_OVERRIDE": "set gcp:userProjectOverride instead",
    "GOOGLE_BILLING_PROJECT": "set gcp:userProjectOverride and gcp:billingProject instead",
    "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "only googleapis.com is supported; unset it",
}
_ENDPOINT_VARIABLE = re.compile(r"GOOGLE_\w+_CUSTOM_ENDPOINT")


@dataclass(frozen=True)
class ProviderSettings:
    """The account that talks to Google, and how: the same for all parts."""

    arguments: Mapping[str, Any]
    """Arguments of :class:`pulumi_gcp.Provider` besides the project; empty without settings."""
    configured_impersonation: tuple[str, ...]
    """Service accounts that the configuration impersonates one through the other, the acting one last."""
    impersonation: tuple[str, ...]
    """The same, or that of the environment; empty if none is impersonated."""
    overrides_user_project: bool
    """Whether requests are charged to :attr:`billing_project`, or else to the project of the resource."""
    billing_project: str | None
    access_token: bool
    """Whether the environment has an access token, which comes before all other credentials."""
    adc_file: str | None
    """The credentials file that the environment names; None for the usual place or the metadata server."""

    @property
    def account(self) -> str:
        """The account that acts, as far as it is known without Google; empty if it isn't."""
        if self.impersonation:
            return self.impersonation[-1]
        return self._source_account

    @property
    def _source_account(self) -> str:
        if self.access_token or self.adc_file is None:
            return ""
        return account_in_file(Path(self.adc_file))

    def identity(self) -> str:
        """Return who acts, for a line of the preview: the account, as far as it is known without Google."""
        if self.access_token:
            source = f"the access token in {ACCESS_TOKEN}"
        elif self.adc_file is not None:
            owner = f" of {self._source_account}" if self._source_account else ""
            source = f"the credentials{owner} in {self.adc_file} ({ADC_FILE})"
        else:
            source = "application default credentials"
        if not self.impersonation:
            return source
        return f"{self.impersonation[-1]}, impersonated with {source}"

    def plugin_arguments(self, *, by_dns: bool) -> Sequence[str]:
        """Return the arguments with which `gke-gcloud-auth-plugin` acts as the same account.

        Without any it takes gcloud's account. gcloud writes no kubeconfig that has both an endpoint
        ``by_dns`` and application default credentials (googlecloudsdk, kubeconfig.py), so neither does this.
        """
        if self.impersonation:
            return (f"--impersonate_service_account={','.join(self.impersonation)}",)
        if self.adc_file is not None and not self.access_token and not by_dns:
            return ("--use_application_default_credentials",)
        return ()


def read_provider_settings(
    configuration: Mapping[str, Any],
    environment: Mapping[str, str],
    *,
    project: str | None,
    runs_plugin: bool,
) -> ProviderSettings:
    """Return the settings in ``configuration`` (keys without `gcp:`) and ``environment``.

    ``project`` is that of the stack, ``runs_plugin`` whether kubectl gets its tokens from gcloud's plugin.
    Raises :class:`SettingsError` with everything that not all parts can honour; values that may be secret
    aren't in it.
    """
    problems: list[str] = []
    reader = ConfigReader(configuration, problems, path=NAMESPACE)
    _require_project(reader, project)
    arguments: dict[str, Any] = {
        "region": reader.text("region", None),
        "zone": reader.text("zone", None),
        "skip_region_validation": reader.flag("skipRegionValidation", False) or None,
        "request_timeout": reader.text("requestTimeout", None, _TIME, "give a time, such as 60s"),
        "poll_interval": reader.text("pollInterval", None, _TIME, "give a time, such as 500ms"),
    }
    impersonation = _impersonation(reader)
    if impersonation:
        *delegates, account = impersonation
        arguments |= {
            "impersonate_service_account": account,
            "impersonate_service_account_delegates": delegates or None,
        }
    overrides = reader.flag("userProjectOverride", False)
    billing_project = reader.text("billingProject", None)
    if billing_project is not None and not overrides:
        reader.report("billingProject", "it has no effect unless gcp:userProjectOverride is true; set that")
    arguments |= {"user_project_override": overrides or None, "billing_project": billing_project}
    _refuse(configuration, reader, problems)
    given = {name: value for name, value in environment.items() if value}
    settings = ProviderSettings(
        arguments={name: value for name, value in arguments.items() if value is not None},
        configured_impersonation=impersonation,
        impersonation=impersonation or tuple(filter(None, (given.get(IMPERSONATION),))),
        overrides_user_project=overrides,
        billing_project=billing_project,
        access_token=ACCESS_TOKEN in given,
        adc_file=given.get(ADC_FILE),
    )
    problems += _variable_problems(given)
    if runs_plugin:
        problems += _plugin_problems(settings, given)
    if problems:
        raise SettingsError(problems)
    return settings


def account_in_file(path: Path) -> str:
    """Return the account that a credentials file is for; empty if it names none or can't be read.

    What is wrong with a file is said by those that need more of it than a name for a message.
    """
    try:
        information = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    if not isinstance(information, dict):
        return ""
    impersonated = re.search(
        r"/serviceAccounts/([^/:]+):", str(information.get("service_account_impersonation_url", ""))
    )
    if impersonated:
        return impersonated[1]
    # gcloud writes the account of a person, if it knows it.
    return str(information.get("client_email") or information.get("account") or "")


def stack_provider_settings(project: str | None, *, runs_plugin: bool = False) -> ProviderSettings:
    """Return the settings of the current stack and environment, see :func:`read_provider_settings`."""
    configuration = configuration_of(NAMESPACE)
    return read_provider_settings(configuration, os.environ, project=project, runs_plugin=runs_plugin)


def _require_project(reader: ConfigReader, project: str | None) -> None:
    given = reader.text("project", None)
    if given is not None and project is not None and given != project:
        reader.report("project", f"the setting project is {project}; make them equal, or remove one")


def _impersonation(reader: ConfigReader) -> tuple[str, ...]:
    account = reader.text(
        "impersonateServiceAccount", None, _ACCOUNT, "give the email of a Google service account"
    )
    delegates = reader.texts("impersonateServiceAccountDelegates", "give a list of service accounts' emails")
    for delegate in delegates:
        if re.fullmatch(_ACCOUNT, delegate) is None:
            reader.report("impersonateServiceAccountDelegates", "give emails of Google service accounts")
    if account is None:
        reader.not_applicable(
            ("impersonateServiceAccountDelegates",), "gcp:impersonateServiceAccount isn't set; set it, too"
        )
        return ()
    return (*delegates, account)


def _refuse(configuration: Mapping[str, Any], reader: ConfigReader, problems: list[str]) -> None:
    """Report what wasn't read; never a value, as some are credentials whether they are marked so or not."""
    for key in reader.unread_keys():
        if key == "addPulumiAttributionLabel" and configuration[key] in ("false", False):
            continue
        if key.endswith("CustomEndpoint") or key in ("preferGlobalEndpoints", "preferRegionalEndpoints"):
            fix = f"{_DNS_INSTEAD}, and remove it"
        else:
            fix = _REFUSED.get(key, "not every part that talks to Google can heed it; remove it")
        problems.append(f"gcp:{key} is set: {fix}")


def _variable_problems(given: Mapping[str, str]) -> Sequence[str]:
    problems = [
        f"The environment variable {name} is set, and only a part of the program heeds it: {fix}"
        for name, fix in _REFUSED_VARIABLES.items()
        if name in given and given[name] != "googleapis.com"
    ]
    return problems + [
        f"The environment variable {name} is set: {_DNS_INSTEAD}, and unset it"
        for name in given
        if _ENDPOINT_VARIABLE.fullmatch(name)
    ]


def _plugin_problems(settings: ProviderSettings, given: Mapping[str, str]) -> Sequence[str]:
    """Return where kubectl would act as somebody else; the plugin asks gcloud, unless it is told otherwise.

    It hands on the access token of gcloud's variable as it is, whomever it was told to impersonate.
    """
    if "--use_application_default_credentials" in settings.plugin_arguments(by_dns=False):
        return ()
    problems = []
    if settings.impersonation and GCLOUD_ACCESS_TOKEN in given:
        problems.append(
            f"The environment variable {GCLOUD_ACCESS_TOKEN} is set: with it kubectl doesn't impersonate "
            f"{settings.impersonation[-1]}; unset it"
        )
    elif not settings.impersonation and given.get(GCLOUD_ACCESS_TOKEN) != given.get(ACCESS_TOKEN):
        problems.append(
            f"The environment variables {ACCESS_TOKEN}, for Google's provider and the key store, and "
            f"{GCLOUD_ACCESS_TOKEN}, for kubectl, differ: put the same token into both, or unset both"
        )
    if GCLOUD_IMPERSONATION in given and not settings.impersonation:
        problems.append(
            f"The environment variable {GCLOUD_IMPERSONATION} is set, and only kubectl heeds it: set "
            f"gcp:impersonateServiceAccount to {given[GCLOUD_IMPERSONATION]}, too, or unset it"
        )
    if GCLOUD_FILE in given and not settings.access_token and settings.adc_file is None:
        problems.append(
            f"The environment variable {GCLOUD_FILE} is set, and only kubectl heeds it: name the file in "
            f"{ADC_FILE}, too, or unset it"
        )
    return problems
