"""Predefined IAM roles, with those of their permissions that the APIs of the sandbox know.

After https://cloud.google.com/iam/docs/roles-permissions (one page a service).
"""

from collections.abc import Mapping, Sequence


def _each(prefix: str, verbs: str) -> frozenset[str]:
    return frozenset(f"{prefix}.{verb}" for verb in verbs.split())


_PROJECT = frozenset({"resourcemanager.projects.get"})
_LOCATIONS = _each("cloudkms.locations", "get list")
_KMS_VIEW = (
    _each("cloudkms.keyRings", "get list")
    | _each("cloudkms.cryptoKeys", "get list")
    | _each("cloudkms.cryptoKeyVersions", "get list")
    | _LOCATIONS
    | _PROJECT
)
_KMS_ADMIN = (
    _KMS_VIEW
    | _each("cloudkms.keyRings", "create getIamPolicy setIamPolicy")
    | _each("cloudkms.cryptoKeys", "create update getIamPolicy setIamPolicy")
    | _each("cloudkms.cryptoKeyVersions", "create update destroy restore")
)
_ENCRYPT = frozenset({"cloudkms.cryptoKeyVersions.useToEncrypt"})
_DECRYPT = frozenset({"cloudkms.cryptoKeyVersions.useToDecrypt"})
_ACCOUNT_VIEW = _each("iam.serviceAccounts", "get list")
_IMPERSONATION = _each(
    "iam.serviceAccounts", "getAccessToken getOpenIdToken implicitDelegation signBlob signJwt"
)
_SERVICES_VIEW = _each("serviceusage.services", "get list") | _PROJECT
_VERSIONS = "secretmanager.versions"
_BUCKET_ADMIN = _each("storage.buckets", "create delete get list update getIamPolicy setIamPolicy")
_OBJECTS = _each("storage.objects", "create delete get list update")

_ROLES: Mapping[str, frozenset[str]] = {
    "roles/cloudkms.admin": _KMS_ADMIN,
    "roles/cloudkms.viewer": _KMS_VIEW,
    "roles/cloudkms.cryptoKeyEncrypter": _ENCRYPT | _LOCATIONS | _PROJECT,
    "roles/cloudkms.cryptoKeyDecrypter": _DECRYPT | _LOCATIONS | _PROJECT,
    "roles/cloudkms.cryptoKeyEncrypterDecrypter": _ENCRYPT | _DECRYPT | _LOCATIONS | _PROJECT,
    "roles/iam.serviceAccountAdmin": _ACCOUNT_VIEW
    | _each("iam.serviceAccounts", "create delete undelete disable enable update getIamPolicy setIamPolicy")
    | _PROJECT,
    "roles/iam.serviceAccountCreator": _ACCOUNT_VIEW | {"iam.serviceAccounts.create"} | _PROJECT,
    "roles/iam.serviceAccountDeleter": _ACCOUNT_VIEW | {"iam.serviceAccounts.delete"} | _PROJECT,
    "roles/iam.serviceAccountKeyAdmin": _ACCOUNT_VIEW
    | _each("iam.serviceAccountKeys", "create delete disable enable get list")
    | _PROJECT,
    "roles/iam.serviceAccountViewer": _ACCOUNT_VIEW
    | {"iam.serviceAccounts.getIamPolicy"}
    | _each("iam.serviceAccountKeys", "get list")
    | _PROJECT,
    "roles/iam.serviceAccountUser": _ACCOUNT_VIEW | {"iam.serviceAccounts.actAs"} | _PROJECT,
    "roles/iam.serviceAccountTokenCreator": _ACCOUNT_VIEW | _IMPERSONATION | _PROJECT,
    "roles/iam.workloadIdentityUser": _ACCOUNT_VIEW
    | _each("iam.serviceAccounts", "getAccessToken getOpenIdToken"),
    "roles/iam.roleAdmin": _each("iam.roles", "create delete undelete get list update")
    | _PROJECT
    | {"resourcemanager.projects.getIamPolicy"},
    "roles/iam.roleViewer": _each("iam.roles", "get list")
    | _PROJECT
    | {"resourcemanager.projects.getIamPolicy"},
    "roles/resourcemanager.projectIamAdmin": _each(
        "resourcemanager.projects", "get getIamPolicy setIamPolicy"
    ),
    "roles/browser": _each("resourcemanager.projects", "get getIamPolicy list"),
    "roles/serviceusage.serviceUsageAdmin": _SERVICES_VIEW
    | _each("serviceusage.services", "enable disable use")
    | _each("serviceusage.operations", "get list"),
    "roles/serviceusage.serviceUsageConsumer": _SERVICES_VIEW
    | {"serviceusage.services.use"}
    | _each("serviceusage.operations", "get list"),
    "roles/serviceusage.serviceUsageViewer": _SERVICES_VIEW | _each("serviceusage.operations", "get list"),
    "roles/compute.securityAdmin": _each("compute.firewalls", "create delete get list update")
    | _each("compute.networks", "get list updatePolicy")
    | _each("compute.globalOperations", "get list")
    | _PROJECT,
    "roles/compute.viewer": _each("compute.firewalls", "get list")
    | _each("compute.networks", "get list")
    | _each("compute.globalOperations", "get list")
    | _each("compute.instanceGroupManagers", "get list")
    | _PROJECT,
    "roles/compute.networkViewer": _each("compute.firewalls", "get list")
    | _each("compute.networks", "get list")
    | _PROJECT,
    "roles/container.admin": _each("container.clusters", "create delete get list update") | _PROJECT,
    "roles/container.developer": _each("container.clusters", "get list") | _PROJECT,
    "roles/container.clusterViewer": _each("container.clusters", "get list") | _PROJECT,
    "roles/container.viewer": _each("container.clusters", "get list") | _PROJECT,
    "roles/secretmanager.admin": _each(
        "secretmanager.secrets", "create delete get list update getIamPolicy setIamPolicy"
    )
    | _each(_VERSIONS, "access add destroy disable enable get list")
    | _PROJECT,
    "roles/secretmanager.viewer": _each("secretmanager.secrets", "get list getIamPolicy")
    | _each(_VERSIONS, "get list")
    | _PROJECT,
    "roles/secretmanager.secretAccessor": _each(_VERSIONS, "access") | _PROJECT,
    "roles/secretmanager.secretVersionAdder": _each(_VERSIONS, "add") | _PROJECT,
    "roles/storage.admin": _BUCKET_ADMIN | _OBJECTS | _PROJECT,
    "roles/storage.objectAdmin": _OBJECTS | _PROJECT,
    "roles/storage.objectUser": _OBJECTS | _PROJECT,
    "roles/storage.objectCreator": frozenset({"storage.objects.create"}) | _PROJECT,
    "roles/storage.objectViewer": _each("storage.objects", "get list") | _PROJECT,
    "roles/storage.legacyBucketReader": frozenset({"storage.buckets.get", "storage.objects.list"}),
    "roles/secretmanager.secretVersionManager": _each(_VERSIONS, "add destroy disable enable get list")
    | _PROJECT,
}

PERMISSIONS = frozenset[str]().union(*_ROLES.values())
"""Every permission that some API of the sandbox asks for."""

PREDEFINED_ROLES: Mapping[str, frozenset[str]] = {
    **_ROLES,
    # An owner may make anyone, also himself, impersonate an account, but may not by being owner.
    "roles/owner": PERMISSIONS - _IMPERSONATION,
}

_SERVICES: Sequence[tuple[str, str]] = (
    ("/keyRings/", "cloudkms."),
    ("/serviceAccounts/", "iam.serviceAccount"),
    ("/secrets/", "secretmanager."),
    ("/buckets/", "storage."),
)


def applies_to(permissions: frozenset[str], resource: str) -> bool:
    """Tell if a role with these permissions can be bound on this resource: it has to say something of it."""
    for part, prefix in _SERVICES:
        if part in resource:
            return any(permission.startswith(prefix) for permission in permissions)
    return True
