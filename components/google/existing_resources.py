"""Finds the resources of the stack that exist in Google Cloud, by the names that the settings give them.

The ids are those of Pulumi's provider. Source: the section "Import" of its pages. Key ring, key and custom
role aren't looked for: the program imports them itself, so a preview creates them only if they don't exist.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components.errors import DeploymentError
from components.google.credentials import deployer_session, why_unanswered
from components.planned_resource import Finder, Plan, PlannedResource
from components.resource_types import FIREWALL, GOOGLE_ACCOUNT, GOOGLE_SECRET

if TYPE_CHECKING:
    from requests import Session

_NOT_LOOKED_FOR = (
    "gcp:kms/cryptoKey:CryptoKey",
    "gcp:kms/keyRing:KeyRing",
    "gcp:projects/iAMCustomRole:IAMCustomRole",
    # To grant a right again changes nothing.
    "gcp:storage/bucketIAMMember:BucketIAMMember",
    # Nobody can read a key's private half again, so Google's provider imports none.
    "gcp:serviceaccount/key:Key",
)

_PROVIDER = "pulumi:providers:gcp"
_SECONDS = 30
_POLICY = {"options.requestedPolicyVersion": "3"}
"""A condition makes a binding of its own, which only this version of policies shows."""


class ExistingGoogleResources:
    """Looks for the resources of one plan as the account that Google's provider is in it."""

    def __init__(self, plan: Plan) -> None:
        # Imported here, as every command would wait for it.
        from google.auth.exceptions import GoogleAuthError

        self._plan = plan
        provider = plan.of_type(_PROVIDER)
        try:
            self._session = _session_of(provider.inputs if provider is not None else {})
        except GoogleAuthError as error:
            raise DeploymentError(
                f"There are no credentials for Google Cloud: {error.args[0]}\n"
                "Log in: gcloud auth application-default login"
            ) from None
        self.finders: Mapping[str, Finder] = {
            "gcp:projects/service:Service": self._service,
            GOOGLE_ACCOUNT: self._account,
            "gcp:serviceaccount/iAMMember:IAMMember": self._account_member,
            "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": self._key_member,
            FIREWALL: self._firewall,
            "gcp:storage/bucket:Bucket": self._bucket,
            GOOGLE_SECRET: self._secret,
            "gcp:secretmanager/regionalSecret:RegionalSecret": self._secret,
            "gcp:secretmanager/secretIamMember:SecretIamMember": self._secret_member,
            "gcp:secretmanager/regionalSecretIamMember:RegionalSecretIamMember": self._secret_member,
            **dict.fromkeys(_NOT_LOOKED_FOR, lambda _resource: None),
        }

    def _service(self, service: PlannedResource) -> str | None:
        project, name = service.text("project"), service.text("service")
        query = {"fields": "services/name,nextPageToken", "filter": "state:ENABLED", "pageSize": "200"}
        while True:
            url = f"https://serviceusage.googleapis.com/v1/projects/{project}/services"
            found = self._ask("GET", url, query) or {}
            if any(str(one["name"]).rpartition("/")[2] == name for one in found.get("services", ())):
                return f"{project}/{name}"
            if not found.get("nextPageToken"):
                return None
            query["pageToken"] = str(found["nextPageToken"])

    def _account(self, account: PlannedResource) -> str | None:
        return self._if_there("iam", _account_name(account))

    def _account_member(self, member: PlannedResource) -> str | None:
        account = self._plan.sibling(member, GOOGLE_ACCOUNT)
        return self._bound("iam", _account_name(account), member, "POST") if account is not None else None

    def _key_member(self, member: PlannedResource) -> str | None:
        return self._bound("cloudkms", member.text("cryptoKeyId"), member, "GET")

    def _firewall(self, rule: PlannedResource) -> str | None:
        name = f"projects/{rule.text('project')}/global/firewalls/{rule.text('name')}"
        found = self._ask("GET", f"https://compute.googleapis.com/compute/beta/{name}")
        return name if found is not None else None

    def _bucket(self, bucket: PlannedResource) -> str | None:
        name = bucket.text("name")
        found = self._ask("GET", f"https://storage.googleapis.com/storage/v1/b/{name}")
        return name if found is not None else None

    def _secret(self, secret: PlannedResource) -> str | None:
        return self._if_there(_secret_api(secret), _secret_name(secret))

    def _secret_member(self, member: PlannedResource) -> str | None:
        return self._bound(_secret_api(member), _secret_name(member), member, "GET")

    def _if_there(self, api: str, name: str) -> str | None:
        return name if self._ask("GET", f"https://{api}.googleapis.com/v1/{name}") is not None else None

    def _bound(self, api: str, owner: str, grant: PlannedResource, method: str) -> str | None:
        """Return the id of a grant that is in its owner's policy, without a condition."""
        role = grant.text("role")
        if not owner or not role:
            # Of a key or a custom role that doesn't exist.
            return None
        member = self._member(grant)
        policy = self._ask(method, f"https://{api}.googleapis.com/v1/{owner}:getIamPolicy", _POLICY) or {}
        bound = any(
            one["role"] == role and member in one.get("members", ()) and not one.get("condition")
            for one in policy.get("bindings", ())
        )
        return f"{owner} {role} {member}" if bound else None

    def _member(self, grant: PlannedResource) -> str:
        """Return who gets the role; the stack's own service account isn't known before it is created."""
        account = self._plan.sibling(grant, GOOGLE_ACCOUNT)
        if account is None or grant.type.startswith("gcp:serviceaccount/"):
            return grant.text("member")
        return f"serviceAccount:{_account_name(account).rpartition('/')[2]}"

    def _ask(self, method: str, url: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any] | None:
        """Return Google's answer; None if it knows nothing of that name, or if the API is off."""
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests import RequestException

        try:
            response = self._session.request(
                method, url, params=query, timeout=_SECONDS, allow_redirects=False
            )
        except (RequestException, TransportError) as error:
            raise DeploymentError(f"{method} {url} got no answer: {why_unanswered(error)}") from None
        except GoogleAuthError as error:
            # Further arguments hold the token issuer's answer.
            raise DeploymentError(
                f"Google's credentials can't be used: {error.args[0]}\n"
                "Log in: gcloud auth application-default login"
            ) from None
        if response.status_code < 300:
            answer: Mapping[str, Any] = response.json()
            return answer
        if response.status_code == 404 or "SERVICE_DISABLED" in response.text:
            return None
        raise DeploymentError(
            f"{method} {url} failed: {response.status_code}: {response.text[:600]}\n"
            "It takes the permissions of python -m components google-role preview."
        )


def _session_of(provider: Mapping[str, Any]) -> "Session":
    """Return a session that asks Google as the provider with these inputs does.

    The SDK makes JSON of all inputs but texts (pulumi_gcp, provider.py).
    """
    account = provider.get("impersonateServiceAccount")
    delegates = json.loads(provider.get("impersonateServiceAccountDelegates") or "[]")
    overrides = json.loads(provider.get("userProjectOverride") or "false")
    quota_project = (provider.get("billingProject") or provider.get("project")) if overrides else None
    return deployer_session((*delegates, account) if account else (), quota_project)


def _account_name(account: PlannedResource) -> str:
    project = account.text("project")
    return f"projects/{project}/serviceAccounts/{account.text('accountId')}@{project}.iam.gserviceaccount.com"


def _secret_name(resource: PlannedResource) -> str:
    location = resource.text("location")
    place = f"projects/{resource.text('project')}" + (f"/locations/{location}" if location else "")
    return f"{place}/secrets/{resource.text('secretId')}"


def _secret_api(resource: PlannedResource) -> str:
    location = resource.text("location")
    return f"secretmanager.{location}.rep" if location else "secretmanager"
