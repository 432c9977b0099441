"""Creates the Google secret for Vault's keys, and the roles of its readers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_gcp as gcp

from components.google.secret_name import ACCESSOR, VERSION_MANAGER, SecretName

READER_ROLES: Mapping[str, str] = {"access": ACCESSOR, "versions": VERSION_MANAGER}


@dataclass(frozen=True)
class GoogleKeyStoreArgs:
    """The arguments of a :class:`GoogleKeyStore`."""

    secret: SecretName
    """Project, name and, of a regional secret, region."""
    readers: Sequence[str]
    """Members that may read and write it, among them the one that deploys."""
    replicas: Sequence[str]
    """Regions that it is replicated to; empty for Google's choice."""
    protect: bool
    """Whether Pulumi refuses to delete the secret; if forced, it retains it."""
    labels: Mapping[str, str]
    """Labels of the secret."""
    prerequisites: Sequence[pulumi.Resource]
    """APIs that must be enabled first."""


class GoogleKeyStore(pulumi.ComponentResource):
    """An empty secret. The init writes its value, which is never in the stack's state.

    Members with rights on all secrets of the project have them on this one, too; a deny policy or a separate
    project keeps them out.
    """

    secret_name: pulumi.Output[str]
    """The secret's resource name in Google's APIs."""

    def __init__(
        self, name: str, args: GoogleKeyStoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("vault-autounseal:gcp:KeyStore", name, None, opts)
        kept = pulumi.ResourceOptions(
            parent=self,
            protect=args.protect,
            retain_on_delete=args.protect,
            depends_on=args.prerequisites,
        )
        # A reader who leaves the settings loses the role, so a grant is neither protected nor retained.
        revocable = pulumi.ResourceOptions(parent=self, depends_on=args.prerequisites)
        make_secret: Callable[..., gcp.secretmanager.Secret | gcp.secretmanager.RegionalSecret]
        grant: Callable[..., pulumi.Resource]
        if args.secret.region:
            make_secret = partial(gcp.secretmanager.RegionalSecret, location=args.secret.region)
            grant = partial(gcp.secretmanager.RegionalSecretIamMember, location=args.secret.region)
        else:
            make_secret = partial(gcp.secretmanager.Secret, replication=_replication(args.replicas))
            grant = gcp.secretmanager.SecretIamMember
        secret = make_secret(
            name,
            secret_id=args.secret.name,
            project=args.secret.project,
            labels=args.labels,
            deletion_protection=args.protect,
            opts=kept,
        )
        for purpose, role in READER_ROLES.items():
            for reader in args.readers:
                grant(
                    f"{name}-{purpose}-{reader}",
                    secret_id=secret.secret_id,
                    project=args.secret.project,
                    role=role,
                    member=reader,
                    opts=revocable,
                )
        self.secret_name = secret.id
        self.register_outputs({"secret_name": self.secret_name})


def _replication(replicas: Sequence[str]) -> gcp.secretmanager.SecretReplicationArgs:
    if not replicas:
        return gcp.secretmanager.SecretReplicationArgs(auto=gcp.secretmanager.SecretReplicationAutoArgs())
    kept_in = [gcp.secretmanager.SecretReplicationUserManagedReplicaArgs(location=name) for name in replicas]
    return gcp.secretmanager.SecretReplicationArgs(
        user_managed=gcp.secretmanager.SecretReplicationUserManagedArgs(replicas=kept_in)
    )
