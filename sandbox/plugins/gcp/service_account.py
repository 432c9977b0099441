"""``gcp:serviceaccount/account:Account`` and ``gcp:serviceaccount/key:Key``."""

import http.client
import re
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.gcp.api import GoogleApiError, failing_as, one_error
from sandbox.plugins.gcp.resource_type import PROJECT, GoogleResourceType, parsed_id
from sandbox.plugins.json_values import to_json
from sandbox.plugins.property_values import PropertyMap, PropertyValue
from sandbox.plugins.provider import ProviderError, Resource
from sandbox.plugins.validation import length_between, matching, one_of

_SERVICE = "iam"
_ACCOUNT_FORM = "projects/{project}/serviceAccounts/{email}"
_KEY_FORM = "projects/{project}/serviceAccounts/{account}/keys/{key}"
_TEXTS = {"displayName": "display_name", "description": "description"}


class Account(GoogleResourceType):
    """A service account; its id is ``projects/<project>/serviceAccounts/<email>``."""

    token = "gcp:serviceaccount/account:Account"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property(
                "accountId",
                replaces=True,
                autonamed=True,
                validators=(matching(r"(?:[a-z](?:[-a-z0-9]{4,28}[a-z0-9]))"),),
            ),
            Property("description", validators=(length_between(0, 256),)),
            Property("disabled", "boolean", default=False),
            Property("displayName"),
            PROJECT,
        ),
        outputs=("deletionPolicy", "email", "member", "name", "uniqueId"),
        not_implemented=frozenset({"createIgnoreAlreadyExists", "deletionPolicy"}),
    )

    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Create the account; ``disabled`` has no effect on a new one."""
        body = {
            "accountId": to_json(inputs["accountId"]),
            "serviceAccount": {name: to_json(inputs[name]) for name in _TEXTS if name in inputs},
        }
        path = f"v1/projects/{self.project_of(inputs)}/serviceAccounts"
        with failing_as("Error creating service account"):
            made = self.google.request("POST", _SERVICE, path, body=body)
        return str(made["name"]), {}

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Get the account."""
        parsed_id(identifier, _ACCOUNT_FORM)
        found = self.google.get_if_there(_SERVICE, f"v1/{identifier}", what=f'Service Account "{identifier}"')
        if found is None:
            return None
        email = str(found["email"])
        return {
            "accountId": email.partition("@")[0],
            "deletionPolicy": "DELETE",
            "description": str(found.get("description", "")),
            "disabled": found.get("disabled") is True,
            "displayName": str(found.get("displayName", "")),
            "email": email,
            "member": f"serviceAccount:{email}",
            "name": str(found["name"]),
            "project": str(found.get("projectId", "")),
            "uniqueId": str(found.get("uniqueId", "")),
        }

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Enable or disable the account, and patch its texts."""
        changed = [name for name in _TEXTS if (state.get(name) or "") != (inputs.get(name) or "")]
        disabled = inputs.get("disabled") is True
        try:
            etag = self.google.get(_SERVICE, f"v1/{identifier}").get("etag")
            if disabled is not (state.get("disabled") is True):
                verb = "disable" if disabled else "enable"
                self.google.request("POST", _SERVICE, f"v1/{identifier}:{verb}", body={})
            if changed:
                account = {name: to_json(inputs.get(name, "")) for name in _TEXTS}
                mask = ",".join(_TEXTS[name] for name in changed)
                self.google.request(
                    "PATCH",
                    _SERVICE,
                    f"v1/{identifier}",
                    body={"serviceAccount": {**account, "etag": etag}, "updateMask": mask},
                )
        except GoogleApiError as error:
            raise ProviderError(one_error(str(error))) from error

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete the account; as with the real plugin one that is gone already is an error."""
        try:
            self.google.request("DELETE", _SERVICE, f"v1/{identifier}")
        except GoogleApiError as error:
            raise ProviderError(one_error(str(error))) from error


def account_name(value: PropertyValue) -> str:
    """Return a service account's name in Google's APIs, whose project follows from an email address."""
    account = str(value)
    if account.startswith("projects/"):
        return account
    if re.fullmatch(r"[^/@]+@[^/@]+", account):
        return f"projects/-/serviceAccounts/{account}"
    raise ProviderError(f'"{account}" is neither an email address nor the name of a service account')


class Key(GoogleResourceType):
    """A key of a service account; its id is its name. Google tells the private half once, at its creation."""

    token = "gcp:serviceaccount/key:Key"  # noqa: S105
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("keepers", "map", replaces=True, read_back=False),
            Property(
                "keyAlgorithm",
                default="KEY_ALG_RSA_2048",
                replaces=True,
                validators=(one_of("KEY_ALG_UNSPECIFIED", "KEY_ALG_RSA_1024", "KEY_ALG_RSA_2048"),),
            ),
            Property(
                "privateKeyType",
                default="TYPE_GOOGLE_CREDENTIALS_FILE",
                replaces=True,
                read_back=False,
                validators=(one_of("TYPE_UNSPECIFIED", "TYPE_PKCS12_FILE", "TYPE_GOOGLE_CREDENTIALS_FILE"),),
            ),
            Property(
                "publicKeyType",
                default="TYPE_X509_PEM_FILE",
                replaces=True,
                read_back=False,
                validators=(one_of("TYPE_NONE", "TYPE_X509_PEM_FILE", "TYPE_RAW_PUBLIC_KEY"),),
            ),
            Property("serviceAccountId", required=True, replaces=True, read_back=False),
        ),
        outputs=("deletionPolicy", "name", "privateKey", "publicKey", "validAfter", "validBefore"),
        not_implemented=frozenset({"deletionPolicy", "publicKeyData"}),
        secret_outputs=frozenset({"privateKey"}),
    )

    def make(self, inputs: PropertyMap) -> tuple[str, PropertyMap]:
        """Have Google make a pair of keys."""
        path = f"v1/{account_name(inputs['serviceAccountId'])}/keys"
        body = {name: to_json(inputs[name]) for name in ("keyAlgorithm", "privateKeyType")}
        with failing_as("Error creating service account key"):
            made = self.google.request("POST", _SERVICE, path, body=body)
        return str(made["name"]), {
            "privateKey": str(made["privateKeyData"]),
            "validAfter": str(made.get("validAfterTime", "")),
            "validBefore": str(made.get("validBeforeTime", "")),
        }

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Get the public half; as with the real plugin a refused key counts as gone, and none is imported."""
        if not state:
            raise ProviderError(f"{self.token} does not support import")
        parsed_id(identifier, _KEY_FORM)
        query = {"publicKeyType": str(state["publicKeyType"])}
        try:
            found = self.google.get(_SERVICE, f"v1/{identifier}", query=query)
        except GoogleApiError as error:
            if error.status in {http.client.NOT_FOUND, http.client.FORBIDDEN}:
                return None
            what = f'Service Account Key "{identifier}"'
            raise ProviderError(one_error(f"Error when reading or editing {what}: {error}")) from error
        return {
            "deletionPolicy": "DELETE",
            "keyAlgorithm": str(found.get("keyAlgorithm", "")),
            "name": str(found["name"]),
            "publicKey": str(found.get("publicKeyData", "")),
        }

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Do nothing: every property replaces."""

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete the key; the real plugin takes a refusal for one that is gone already."""
        try:
            self.google.request("DELETE", _SERVICE, f"v1/{identifier}")
        except GoogleApiError as error:
            if error.status not in {http.client.NOT_FOUND, http.client.FORBIDDEN}:
                what = f'Service Account Key "{identifier}"'
                raise ProviderError(one_error(f"Error when reading or editing {what}: {error}")) from error
