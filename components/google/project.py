"""Connects to Google Cloud: the provider, the APIs, and look-ups whose errors say what to do."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

import pulumi
import pulumi_gcp as gcp
from pulumi.runtime import get_root_resource

from components.errors import DeploymentError
from components.google.provider_settings import stack_provider_settings

Found = TypeVar("Found")

_SERVICE = re.compile(r"\b([a-z]+\.googleapis\.com)\b")
_LONGEST_REASON = 600
_USER_INFO = "gcp:organizations/getClientOpenIdUserInfo:getClientOpenIdUserInfo"


class ApiOffError(DeploymentError):
    """A Google API isn't enabled in the project."""


def look_up(what: str, fix: str, *, api: str, project: str, invoke: Callable[[], Found]) -> Found:
    """Return the answer of ``invoke``, which uses ``api`` in ``project``.

    ``api`` is a host such as ``cloudkms.googleapis.com``. Raises :class:`ApiOffError` if the API is off, and
    :class:`DeploymentError` with ``what``, Google's error message and ``fix`` if it fails otherwise.
    """
    try:
        return invoke()
    # The SDK raises the bare Exception for a failed invoke (pulumi/runtime/invoke.py), so nothing
    # narrower can be named; the cause is kept in the message.
    except Exception as error:
        message = str(error)
        if _is_api_off(message):
            service = named_service(message) or api
            raise ApiOffError(
                f"{what}: the API {service} is off in project {project}.\n"
                f"Enable it (gcloud services enable {service} --project={project}), or set enableApis to "
                "true and let the stack do it. A few minutes may pass until it is on everywhere."
            ) from error
        raise DeploymentError(f"{what}: {google_message(message) or type(error).__name__}\n{fix}") from error


def named_service(message: str) -> str | None:
    """Return the API that an error's details name; None if they name none.

    Source: https://cloud.google.com/apis/design/errors (ErrorInfo, reason SERVICE_DISABLED).
    """
    _, _, details = message.partition("SERVICE_DISABLED")
    before, _, _ = message.partition("SERVICE_DISABLED")
    for part in (details, before):
        services = [name for name in _SERVICE.findall(part) if not name.startswith(("www.", "console."))]
        if services:
            return str(services[0])
    return None


def google_message(message: str) -> str:
    """Return Google's error message as one line: the provider appends details as many lines of JSON."""
    text, _, _ = message.partition("\nDetails:")
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]} ..."


def _is_api_off(message: str) -> bool:
    return "SERVICE_DISABLED" in message or "API has not been used in project" in message


_providers: WeakKeyDictionary[pulumi.Resource, gcp.Provider] = WeakKeyDictionary()
"""One provider per stack; a process runs one stack."""


def google_provider(project: str) -> gcp.Provider:
    """Return the explicit provider for ``project``, created at the first call.

    Cluster, seal, custody and firewall share it, and any of them may need it first.
    """
    stack = get_root_resource()
    if stack is None:
        raise RuntimeError("A provider is made within a stack.")
    if stack not in _providers:
        # That the provider's own project is the stack's has been verified with the settings.
        settings = stack_provider_settings(None)
        pulumi.log.info(f"Google Cloud: project {project}, as {settings.identity()}.")
        _providers[stack] = gcp.Provider(
            "gcp",
            project=project,
            # Pulumi's own label would be a change of every key and secret that is imported.
            add_pulumi_attribution_label=False,
            **settings.arguments,
        )
        if pulumi.runtime.is_dry_run() and not settings.account:
            # As an output, which the engine waits for while everything else goes on.
            owner: pulumi.Output[str] = pulumi.Output.from_input(
                asyncio.ensure_future(_owner_of_credentials(_providers[stack]))
            )
            owner.apply(pulumi.log.info)
    return _providers[stack]


async def _owner_of_credentials(provider: gcp.Provider) -> str:
    """Return a line on whose credentials the provider has, or why that isn't known.

    Google knows it unless they are of a pool of identities, or a token that isn't for this question; the
    deployment goes on without. By its token: the class of the SDK comes with all types of its module.
    """
    try:
        found = await pulumi.runtime.invoke_async(_USER_INFO, {}, pulumi.InvokeOptions(provider=provider))
    # The SDK raises the bare Exception for a failed invoke, see look_up.
    except Exception as error:
        why = google_message(str(error)) or type(error).__name__
    else:
        # The SDK returns None for an answer without anything.
        if email := (found or {}).get("email"):
            return f"Google Cloud: the credentials are those of {email}."
        why = "Google has no address for them"
    return f"Google Cloud: whose credentials these are isn't known: {why}"


KMS = "cloudkms.googleapis.com"
IAM = "iam.googleapis.com"
IAM_CREDENTIALS = "iamcredentials.googleapis.com"
STS = "sts.googleapis.com"
STORAGE = "storage.googleapis.com"
SECRET_MANAGER = "secretmanager.googleapis.com"  # noqa: S105 - a name


def enabled_apis(apis: Sequence[str], *, project: str) -> Sequence[pulumi.Resource]:
    """Create one resource per API. APIs stay enabled after a destroy, as others may need them by then."""
    return [
        gcp.projects.Service(
            f"api-{api.partition('.')[0]}",
            service=api,
            project=project,
            disable_on_destroy=False,
            opts=pulumi.ResourceOptions(provider=google_provider(project)),
        )
        for api in apis
    ]
