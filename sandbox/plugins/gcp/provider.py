"""The provider `gcp`: its configuration, and which resource types and functions there are."""

import json
import os
import threading
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.declared_functions import function_of
from sandbox.plugins.gcp.api import IMPERSONATION_VARIABLE, Google, access_token
from sandbox.plugins.gcp.firewall import Firewall
from sandbox.plugins.gcp.functions import FUNCTIONS
from sandbox.plugins.gcp.iam_member import (
    CryptoKeyIamMember,
    RegionalSecretIamMember,
    SecretIamMember,
    ServiceAccountIamMember,
)
from sandbox.plugins.gcp.kms import CryptoKey, KeyRing
from sandbox.plugins.gcp.projects import IamCustomRole, Service
from sandbox.plugins.gcp.resource_type import GoogleResourceType
from sandbox.plugins.gcp.secret_manager import RegionalSecret, Secret
from sandbox.plugins.gcp.service_account import Account, Key
from sandbox.plugins.gcp.storage import Bucket, BucketIamMember
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import (
    CheckFailure,
    EngineLog,
    Function,
    Provider,
    ResourceType,
    not_implemented,
)

_ATTRIBUTION = "addPulumiAttributionLabel"
_IMPERSONATED = "impersonateServiceAccount"
_DELEGATES = "impersonateServiceAccountDelegates"
_SETTINGS = frozenset({"project", "region", "zone", _ATTRIBUTION, _IMPERSONATED, _DELEGATES, "version"})
RESOURCE_TYPES: dict[str, type[GoogleResourceType]] = {
    kind.token: kind
    for kind in (
        Account,
        Bucket,
        BucketIamMember,
        CryptoKey,
        CryptoKeyIamMember,
        Firewall,
        IamCustomRole,
        Key,
        KeyRing,
        RegionalSecret,
        RegionalSecretIamMember,
        Secret,
        SecretIamMember,
        Service,
        ServiceAccountIamMember,
    )
}


class GcpProvider(Provider):
    """Takes a project, an account to impersonate through others, and no label of Pulumi's own.

    The token comes from the environment. Region and zone are taken, too: no resource here goes by them.
    Another project doesn't replace the provider, as resources compare their own.
    """

    name: ClassVar[str] = "gcp"

    def __init__(self) -> None:
        self._google: Google | None = None

    def check_configuration(self, inputs: PropertyMap) -> tuple[CheckFailure, ...]:
        """Require ``project``, and that the label is off which the real plugin would add; refuse the rest."""
        failures = self.refused(name for name in inputs if name not in _SETTINGS)
        project = inputs.get("project")
        if not isinstance(project, Unknown) and not (isinstance(project, str) and project):
            failures.append(
                CheckFailure("project", not_implemented("gcp", "a provider without the setting project"))
            )
        if inputs.get(_ATTRIBUTION) != "false":
            what = f"a provider without the setting {_ATTRIBUTION}=false"
            failures.append(CheckFailure(_ATTRIBUTION, not_implemented("gcp", what)))
        return tuple(failures)

    @override
    def configure(self, inputs: PropertyMap, log: EngineLog) -> None:
        """Take the project, and begin to load requests while the engine goes on."""
        access_token()
        project = inputs.get("project")
        impersonated = inputs.get(_IMPERSONATED) or os.environ.get(IMPERSONATION_VARIABLE, "")
        # The SDK makes JSON of all inputs but texts (pulumi_gcp, provider.py).
        delegates = json.loads(str(inputs.get(_DELEGATES) or "[]"))
        self._google = Google(project, str(impersonated), delegates) if isinstance(project, str) else None
        threading.Thread(target=_load_requests, daemon=True).start()

    def resource_type(self, token: str) -> ResourceType | None:
        """Return the resource type, on the configured project."""
        kind = RESOURCE_TYPES.get(token)
        # A preview may not know the project yet; checks, differences and foretold states don't need it.
        return None if kind is None else kind(self._google or Google(None))

    def function(self, token: str) -> Function | None:
        """Return the function, on the configured project."""
        return function_of(FUNCTIONS, token, self._google, setting="project")

    @override
    def cancel(self) -> None:
        """End waiting."""
        if self._google is not None:
            self._google.cancelled.set()


def _load_requests() -> None:
    import requests  # noqa: F401 - imported for the time it takes
