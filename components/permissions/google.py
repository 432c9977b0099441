"""Lists the Google Cloud permissions for running the stack: `preview`, `up`, `destroy`; and Vault's own.

`python -m components google-role up > role.yaml` prints those for the selected stack as a custom role, for
`gcloud iam roles create <id> --project=<project> --file=role.yaml`. It makes no Google calls, as its user may
not have permissions yet.

- `preview` is for `pulumi preview`, with or without `--refresh`: it looks up and reads.
- `up` is for `pulumi up` that creates the stack's resources or changes them in place; it includes `preview`.
- `destroy` is for `pulumi destroy` and, together with `up`, for an update that replaces or removes something:
  another service account, a rotation of its key, the injector switched off.
- `vault` is for Vault's own service account, on its key and nowhere else. The stack grants it.

Every permission is here because the provider or the program calls for it; the reason is beside it. Source:
hashicorp/terraform-provider-google, `google/services/`, on which Pulumi's provider is built, and the
reference of each API.

Not here: permissions within Kubernetes (`roles/container.admin`, or RBAC of the cluster), and those that undo
manual changes that no setting has.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from components.custody.stores import gcp_secret_manager
from components.errors import DeploymentError
from components.seals import gcpckms
from components.settings import Settings
from components.settings.snapshots import BucketSettings


@dataclass(frozen=True)
class Permission:
    """One permission, and the reason for it."""

    name: str
    reason: str
    project: str
    """The project that it is needed in."""


@dataclass(frozen=True)
class _Stack:
    """The Google Cloud resources of a stack."""

    settings: Settings
    project: str

    @property
    def seals(self) -> Sequence[gcpckms.Seal]:
        return [seal for seal in self.settings.seals if isinstance(seal, gcpckms.Seal)]

    @property
    def identity_kinds(self) -> set[str]:
        return {seal.identity.kind for seal in self.seals}

    @property
    def makes_account(self) -> bool:
        return bool(self.identity_kinds & {"workload-identity", "key-file"})

    @property
    def makes_reader_role(self) -> bool:
        return any(
            seal.identity.key_reader_role is None and seal.identity.kind != "secret" for seal in self.seals
        )

    @property
    def may_open_firewall(self) -> bool:
        return self.settings.cluster is not None and self.settings.injector.enabled

    @property
    def secret(self) -> gcp_secret_manager.Store | None:
        store = self.settings.custody.store
        return store if isinstance(store, gcp_secret_manager.Store) else None

    @property
    def bucket(self) -> BucketSettings | None:
        """The bucket of the snapshots, which the rights of their job are on."""
        snapshots = self.settings.snapshots
        store = snapshots.store if snapshots is not None else None
        return store if isinstance(store, BucketSettings) else None

    def permissions(self, reasons: Mapping[str, str], project: str | None = None) -> Iterable[Permission]:
        for name, reason in reasons.items():
            yield Permission(name, reason, project or self.project)


def preview_permissions(settings: Settings) -> Sequence[Permission]:
    """Return the permissions for `pulumi preview`, on an empty stack and on a deployed one."""
    return _once(_reads(_stack(settings)))


def up_permissions(settings: Settings) -> Sequence[Permission]:
    """Return the permissions for `pulumi up` that creates resources and changes them in place."""
    stack = _stack(settings)
    return _once([*_reads(stack), *_writes(stack)])


def destroy_permissions(settings: Settings) -> Sequence[Permission]:
    """Return the permissions for deletions. Key rings, the custom role and enabled APIs always stay."""
    return _once(_deletions(_stack(settings)))


def vault_permissions(settings: Settings) -> Sequence[Permission]:
    """Return the permissions of Vault's service account, on the key alone.

    Raises :class:`DeploymentError` if the seal uses no key of Google's.
    """
    stack = _stack(settings)
    if not stack.seals:
        raise DeploymentError(f"Seal {settings.seal.type} uses no key of Google Cloud KMS.")
    return _once(stack.permissions(VAULT))


VAULT: Mapping[str, str] = {
    "cloudkms.cryptoKeyVersions.useToEncrypt": "seals at the init and when a pod becomes active",
    "cloudkms.cryptoKeyVersions.useToDecrypt": "unseals at each start",
    "cloudkms.cryptoKeys.get": "looks at the key at each start",
}

_CLUSTER_READS: Mapping[str, str] = {
    "container.clusters.get": "looks up the GKE cluster",
    "compute.instanceGroupManagers.list": "the cluster's node pools, which the provider looks up with it",
}
_KEY_READS: Mapping[str, str] = {
    "cloudkms.keyRings.list": "whether the ring is there already, as a ring can't be deleted",
    "cloudkms.cryptoKeys.list": "whether the key is there already, and can be used",
    "cloudkms.keyRings.get": "the ring",
    "cloudkms.cryptoKeys.get": "the key: rotation, labels, primary version",
}
_KEY_WRITES: Mapping[str, str] = {
    "cloudkms.keyRings.create": "makes the ring",
    "cloudkms.cryptoKeys.create": "makes the key and its first version",
    "cloudkms.cryptoKeys.update": "another rotation or other labels",
}
_ACCOUNT_READS: Mapping[str, str] = {
    "iam.serviceAccounts.get": "Vault's service account",
    "cloudkms.cryptoKeys.getIamPolicy": "who may use the key",
}
_ACCOUNT_WRITES: Mapping[str, str] = {
    "cloudkms.cryptoKeys.setIamPolicy": "lets Vault's account use the key; can let anybody use any key",
    "iam.serviceAccounts.create": "makes Vault's service account",
    "iam.serviceAccounts.update": "another description",
}
_ROLE_READS: Mapping[str, str] = {
    "iam.roles.list": "whether the custom role is there already",
    "iam.roles.get": "the custom role that lets Vault look at its key",
}
_ROLE_WRITES: Mapping[str, str] = {
    "iam.roles.create": "makes the custom role",
    "iam.roles.update": "brings a custom role that was there to its one permission; can change any other",
    "iam.roles.undelete": "takes a deleted custom role back, whose id can't be used again",
}
_API_READS: Mapping[str, str] = {
    "resourcemanager.projects.get": "whether the project of an enabled API is still there",
    "serviceusage.services.list": "which APIs are enabled",
}
_API_WRITES: Mapping[str, str] = {
    "serviceusage.services.enable": "enables the APIs that the stack needs",
    "serviceusage.operations.get": "waits until they are enabled",
}
_SECRET_READS: Mapping[str, str] = {
    "secretmanager.secrets.get": "the secret of the keys",
    "secretmanager.secrets.getIamPolicy": "who may read and write it",
}
_SECRET_WRITES: Mapping[str, str] = {
    "secretmanager.secrets.create": "makes the secret of the keys",
    "secretmanager.secrets.update": "other labels",
    "secretmanager.secrets.setIamPolicy": "lets its readers read and write it",
}
_KEYS_USE: Mapping[str, str] = {
    "secretmanager.versions.add": "writes the probe and the keys",
    "secretmanager.versions.access": "reads the probe back; compares the keys with Vault",
    "secretmanager.versions.list": "finds the newest version",
    "secretmanager.versions.destroy": "destroys the probe",
}


_BUCKET_RIGHTS = "storage.buckets.getIamPolicy"
_SNAPSHOT_READS: Mapping[str, str] = {
    "iam.serviceAccounts.get": "the service account of the snapshots' job",
    "iam.serviceAccounts.getIamPolicy": "who may be the service account of the snapshots' job",
    _BUCKET_RIGHTS: "who may write snapshots (in the bucket's project)",
}
_SNAPSHOT_WRITES: Mapping[str, str] = {
    "iam.serviceAccounts.create": "makes the service account of the snapshots' job",
    "iam.serviceAccounts.update": "another description",
    "iam.serviceAccounts.setIamPolicy": "lets the job's pods be it; can let anybody be any account",
    "storage.buckets.setIamPolicy": "lets it write snapshots; can let anybody read any bucket",
}
_SNAPSHOT_DELETIONS: Mapping[str, str] = {
    "iam.serviceAccounts.delete": "deletes the service account of the snapshots' job",
    "iam.serviceAccounts.getIamPolicy": "reads the account's policy to take the pods out",
    "iam.serviceAccounts.setIamPolicy": "takes the pods' right to be the account back",
    _BUCKET_RIGHTS: "reads the bucket's policy to take the job's right out",
    "storage.buckets.setIamPolicy": "takes the job's right to write back",
}
_BUCKET_WRITES: Mapping[str, str] = {
    "storage.buckets.create": "makes the bucket of the snapshots",
    "storage.buckets.update": "another snapshots.keep, or other labels",
}


def _reads(stack: _Stack) -> Iterable[Permission]:
    settings = stack.settings
    if settings.cluster is not None:
        yield from stack.permissions(_CLUSTER_READS)
    if stack.seals:
        yield from stack.permissions(_KEY_READS)
    if stack.makes_account:
        yield from stack.permissions(_ACCOUNT_READS)
    if "workload-identity" in stack.identity_kinds:
        reason = "who may be Vault's service account"
        yield from stack.permissions({"iam.serviceAccounts.getIamPolicy": reason})
    if "key-file" in stack.identity_kinds:
        yield from stack.permissions({"iam.serviceAccountKeys.get": "the service account's key"})
    if stack.makes_reader_role:
        yield from stack.permissions(_ROLE_READS)
    if stack.may_open_firewall:
        yield from stack.permissions({"compute.firewalls.get": f"the webhook's rule{_HOST}"})
    if stack.secret is not None and stack.secret.readers:
        yield from stack.permissions(_SECRET_READS, stack.secret.name.project)
    if stack.bucket is not None:
        yield from stack.permissions(_SNAPSHOT_READS)
        if stack.bucket.create:
            yield from stack.permissions({"storage.buckets.get": "the bucket of the snapshots"})
    yield from _apis(stack, _API_READS)


def _writes(stack: _Stack) -> Iterable[Permission]:
    if stack.seals:
        yield from stack.permissions(_KEY_WRITES)
    if stack.makes_account:
        yield from stack.permissions(_ACCOUNT_WRITES)
    if "workload-identity" in stack.identity_kinds:
        reason = "lets Vault's pods be its service account; can let anybody be any account"
        yield from stack.permissions({"iam.serviceAccounts.setIamPolicy": reason})
    if "key-file" in stack.identity_kinds:
        reason = "makes a key of Vault's service account; can make one of any account"
        yield from stack.permissions({"iam.serviceAccountKeys.create": reason})
    if stack.makes_reader_role:
        yield from stack.permissions(_ROLE_WRITES)
    if stack.may_open_firewall:
        yield from stack.permissions(
            {
                "compute.firewalls.create": f"makes the webhook's rule{_HOST}",
                "compute.firewalls.update": f"another port or other node tags{_HOST}",
                **_firewall_changes(),
            }
        )
    if stack.secret is not None:
        project = stack.secret.name.project
        if stack.secret.readers:
            yield from stack.permissions(_SECRET_WRITES, project)
        yield from stack.permissions(_KEYS_USE, project)
    if stack.bucket is not None:
        yield from stack.permissions(_SNAPSHOT_WRITES)
        if stack.bucket.create:
            yield from stack.permissions(_BUCKET_WRITES)
    yield from _apis(stack, _API_WRITES)


def _deletions(stack: _Stack) -> Iterable[Permission]:
    if stack.makes_account:
        yield from stack.permissions(
            {
                "cloudkms.cryptoKeys.getIamPolicy": "reads the key's policy to take Vault's rights out",
                "cloudkms.cryptoKeys.setIamPolicy": "takes Vault's rights on the key back",
                "iam.serviceAccounts.delete": "deletes Vault's service account",
            }
        )
    if "workload-identity" in stack.identity_kinds:
        yield from stack.permissions(
            {
                "iam.serviceAccounts.getIamPolicy": "reads the account's policy to take the pods out",
                "iam.serviceAccounts.setIamPolicy": "takes the pods' right to be the account back",
            }
        )
    if "key-file" in stack.identity_kinds:
        yield from stack.permissions(
            {
                "iam.serviceAccountKeys.delete": "deletes the account's key, or the old one of a rotation",
            }
        )
    if stack.bucket is not None:
        yield from stack.permissions(_SNAPSHOT_DELETIONS)
    protected = stack.settings.protect
    if not protected and any(not seal.key.retain_on_destroy for seal in stack.seals):
        yield from stack.permissions(
            {
                "cloudkms.cryptoKeyVersions.list": "the versions of the key that isn't retained",
                "cloudkms.cryptoKeyVersions.destroy": "schedules their destruction",
                "cloudkms.cryptoKeys.update": "ends the rotation of the key that isn't retained",
            }
        )
    if stack.may_open_firewall:
        yield from stack.permissions(
            {"compute.firewalls.delete": f"deletes the webhook's rule{_HOST}", **_firewall_changes()}
        )
    if stack.secret is not None and stack.secret.readers:
        reasons = {
            "secretmanager.secrets.getIamPolicy": "reads the secret's policy to take readers out",
            "secretmanager.secrets.setIamPolicy": "takes readers out",
        }
        if not protected:
            reasons["secretmanager.secrets.delete"] = "deletes the secret of a stack that isn't protected"
        yield from stack.permissions(reasons, stack.secret.name.project)


_HOST = " (in the host project if the network is shared)"


def _firewall_changes() -> Mapping[str, str]:
    return {
        "compute.networks.updatePolicy": f"a rule is a change of its network{_HOST}",
        "compute.globalOperations.get": f"waits for the change of the rule{_HOST}",
    }


def _apis(stack: _Stack, reasons: Mapping[str, str]) -> Iterable[Permission]:
    if not stack.settings.enable_apis:
        return
    if stack.seals or stack.bucket is not None:
        yield from stack.permissions(reasons)
    if stack.secret is not None and stack.secret.readers:
        yield from stack.permissions(reasons, stack.secret.name.project)


def _stack(settings: Settings) -> _Stack:
    if settings.project is None:
        raise DeploymentError(
            "This stack uses nothing of Google Cloud (there is no project), so nobody needs rights there."
        )
    return _Stack(settings, settings.project)


def _once(permissions: Iterable[Permission]) -> Sequence[Permission]:
    """Return each permission of a project once, with its first reason, sorted by project and name."""
    found: dict[tuple[str, str], Permission] = {}
    for permission in permissions:
        found.setdefault((permission.project, permission.name), permission)
    return [found[key] for key in sorted(found)]


def role_document(permissions: Sequence[Permission], title: str, *, as_json: bool) -> str:
    """Return a custom role for gcloud: YAML with the reasons, or JSON."""
    if as_json:
        names = [permission.name for permission in permissions]
        return json.dumps({"title": title, "stage": "GA", "includedPermissions": names}, indent=2)
    return "\n".join(
        [
            f"title: {title}",
            "stage: GA",
            "includedPermissions:",
            *(f"- {permission.name}  # {permission.reason}" for permission in permissions),
        ]
    )


DOCUMENTS: Mapping[str, tuple[str, Callable[[Settings], Sequence[Permission]]]] = {
    "preview": ("Vault deployment preview", preview_permissions),
    "up": ("Vault deployment", up_permissions),
    "destroy": ("Vault deployment removal", destroy_permissions),
    "vault": ("Vault auto-unseal", vault_permissions),
}
