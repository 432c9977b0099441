"""Service accounts (IAM API v1, projects.serviceAccounts), their keys and their policies.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sandbox.google.accounts import Account, AccountKey, Accounts
from sandbox.google.api_errors import GoogleError, JsonObject, not_implemented, text
from sandbox.google.policies import Policies
from sandbox.google.rest_routes import Call, PolicyMethods, Route, policy_routes

_ONE = "/v1/{name=projects/*/serviceAccounts/*}"
_KEY = "/v1/{name=projects/*/serviceAccounts/*/keys/*}"
_KEY_FILE = "TYPE_GOOGLE_CREDENTIALS_FILE"


@dataclass
class ServiceAccounts:
    """The API."""

    accounts: Accounts
    policies: Policies
    now: Callable[[], datetime]

    def routes(self) -> list[Route]:
        """Return its methods."""
        permission = "iam.serviceAccounts"
        of_project, keys = "/v1/{name=projects/*}/serviceAccounts", f"{_ONE}/keys"
        policy = PolicyMethods(self.policies, lambda name: self._named(name).name, self._canonical)
        return [
            Route("CreateServiceAccount", "POST", of_project, self._create),
            Route("ListServiceAccounts", "GET", of_project, self._list),
            Route("GetServiceAccount", "GET", _ONE, lambda call: self._find("get", call).to_json()),
            Route("PatchServiceAccount", "PATCH", _ONE, self._patch),
            Route("DeleteServiceAccount", "DELETE", _ONE, self._delete),
            Route("UndeleteServiceAccount", "POST", f"{_ONE}:undelete", self._undelete),
            Route("EnableServiceAccount", "POST", f"{_ONE}:enable", lambda call: self._disable(call, False)),
            Route("DisableServiceAccount", "POST", f"{_ONE}:disable", lambda call: self._disable(call, True)),
            Route("CreateServiceAccountKey", "POST", keys, self._create_key),
            Route("ListServiceAccountKeys", "GET", keys, self._list_keys),
            Route("GetServiceAccountKey", "GET", _KEY, self._get_key),
            Route("DeleteServiceAccountKey", "DELETE", _KEY, self._delete_key),
            *policy_routes("/v1/", "projects/*/serviceAccounts/*", permission, policy, "POST"),
        ]

    def _named(self, name: str) -> Account:
        """Find the account of a resource's name, whose project may be a hyphen."""
        reference = name.split("/")[3]
        account = self.accounts.find(reference)
        if account is None or name.split("/")[1] not in ("-", account.project):
            raise GoogleError("NOT_FOUND", f"Unknown service account: {reference}")
        return account

    def _canonical(self, name: str) -> str:
        """Return the name with project and address, for one with a hyphen or the unique id."""
        account = self.accounts.find(name.split("/")[3])
        return name if account is None else account.name

    def _find(self, verb: str, call: Call, kind: str = "serviceAccounts") -> Account:
        name = "/".join(call.names["name"].split("/")[:4])
        self.policies.require(call.caller.member, f"iam.{kind}.{verb}", self._canonical(name))
        return self._named(name)

    def _create(self, call: Call) -> JsonObject:
        project = call.names["name"]
        self.policies.require(call.caller.member, "iam.serviceAccounts.create", project)
        account_id = text(call.body, "accountId")
        if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", account_id):
            raise GoogleError(
                "INVALID_ARGUMENT",
                f'The account ID "{account_id}" does not have a length between 6 and 30, or not the form '
                "[a-z]([-a-z0-9]*[a-z0-9]).",
            )
        fields = call.body.get("serviceAccount") or {}
        account = self.accounts.create(
            project.removeprefix("projects/"),
            account_id,
            text(fields, "displayName"),
            text(fields, "description"),
        )
        return account.to_json()

    def _list(self, call: Call) -> JsonObject:
        project = call.names["name"]
        self.policies.require(call.caller.member, "iam.serviceAccounts.list", project)
        found = [account.to_json() for account in self.accounts.all_of(project.removeprefix("projects/"))]
        return {"accounts": found} if found else {}

    def _patch(self, call: Call) -> JsonObject:
        account = self._find("update", call)
        fields = call.body.get("serviceAccount") or {}
        for name in call.update_mask():
            match name:
                case "displayName":
                    account.display_name = text(fields, name)
                case "description":
                    account.description = text(fields, name)
                case _:
                    raise GoogleError("INVALID_ARGUMENT", f"Update of the field {name} is not supported.")
        return account.to_json()

    def _delete(self, call: Call) -> JsonObject:
        account = self._find("delete", call)
        self.accounts.delete(account)
        self.policies.account_deleted(account.name, account.email, account.unique_id)
        return {}

    def _undelete(self, call: Call) -> JsonObject:
        project = "/".join(call.names["name"].split("/")[:2])
        self.policies.require(call.caller.member, "iam.serviceAccounts.undelete", project)
        account = self.accounts.undelete(call.names["name"].split("/")[3])
        if account is None:
            raise GoogleError(
                "NOT_FOUND", "The service account can't be undeleted: there is none with this id."
            )
        self.policies.account_restored(account.name, account.email, account.unique_id)
        return {"restoredAccount": account.to_json()}

    def _disable(self, call: Call, disabled: bool) -> JsonObject:
        self._find("disable" if disabled else "enable", call).disabled = disabled
        return {}

    def _create_key(self, call: Call) -> JsonObject:
        account = self._find("create", call, "serviceAccountKeys")
        if text(call.body, "privateKeyType", _KEY_FILE) not in (_KEY_FILE, "TYPE_UNSPECIFIED"):
            raise not_implemented("A key as PKCS 12")
        if text(call.body, "keyAlgorithm", "KEY_ALG_RSA_2048") not in (
            "KEY_ALG_RSA_2048",
            "KEY_ALG_UNSPECIFIED",
        ):
            raise not_implemented("A key of another size than 2048 bits")
        key, credentials = account.add_key(self.now())
        contents = json.dumps(credentials, indent=2).encode()
        return {
            **key.to_json(account),
            "privateKeyType": _KEY_FILE,
            "privateKeyData": base64.b64encode(contents).decode(),
        }

    def _list_keys(self, call: Call) -> JsonObject:
        account = self._find("list", call, "serviceAccountKeys")
        found = [key.to_json(account) for key in account.keys.values()]
        return {"keys": found} if found else {}

    def _get_key(self, call: Call) -> JsonObject:
        account = self._find("get", call, "serviceAccountKeys")
        key = _key(account, call)
        answer = key.to_json(account)
        if call.query.get("publicKeyType", "TYPE_NONE") == "TYPE_X509_PEM_FILE":
            answer["publicKeyData"] = base64.b64encode(key.certificate).decode()
        elif call.query.get("publicKeyType", "TYPE_NONE") != "TYPE_NONE":
            raise not_implemented("A public key in this form")
        return answer

    def _delete_key(self, call: Call) -> JsonObject:
        account = self._find("delete", call, "serviceAccountKeys")
        del account.keys[_key(account, call).key_id]
        return {}


def _key(account: Account, call: Call) -> AccountKey:
    key_id = call.names["name"].rpartition("/")[2]
    if key_id not in account.keys:
        raise GoogleError("NOT_FOUND", f"Service account key {key_id} does not exist.")
    return account.keys[key_id]
