"""Creates the Google secret for Vault's keys, and the roles of its readers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
        make = self._make_regional if args.secret.region else self._make_global
        self.secret_name = make(name, args, kept)
        self.register_outputs({"secret_name": self.secret_name})

    def _make_global(
        self, name: str, args: GoogleKeyStoreArgs, kept: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        secret = gcp.secretmanager.Secret(
            name,
            secret_id=args.secret.name,
            project=args.secret.project,
            replication=_replication(args.replicas),
            labels=args.labels,
            deletion_protection=args.protect,
            opts=kept,
        )
        for purpose, role, reader in _grants(args):
            gcp.secretmanager.SecretIamMember(
                f"{name}-{purpose}-{reader}",
                secret_id=secret.secret_id,
                project=args.secret.project,
                role=role,
                member=reader,
                opts=kept,
            )
        return secret.id

    def _make_regional(
        self, name: str, args: GoogleKeyStoreArgs, kept: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        secret = gcp.secretmanager.RegionalSecret(
            name,
            secret_id=args.secret.name,
            project=args.secret.project,
            location=args.secret.region,
            labels=args.labels,
            deletion_protection=args.protect,
            opts=kept,
        )
        for purpose, role, reader in _grants(args):
            gcp.secretmanager.RegionalSecretIamMember(
                f"{name}-{purpose}-{reader}",
                secret_id=secret.secret_id,
                project=args.secret.project,
                location=args.secret.region,
                role=role,
                member=reader,
                opts=kept,
            )
        return secret.id


def _grants(args: GoogleKeyStoreArgs) -> Iterator[tuple[str, str, str]]:
    """Yield purpose, role and member of each grant."""
    for purpose, role in READER_ROLES.items():
        for reader in args.readers:
            yield purpose, role, reader


def _replication(replicas: Sequence[str]) -> gcp.secretmanager.SecretReplicationArgs:
    if not replicas:
        return gcp.secretmanager.SecretReplicationArgs(auto=gcp.secretmanager.SecretReplicationAutoArgs())
    kept_in = [gcp.secretmanager.SecretReplicationUserManagedReplicaArgs(location=name) for name in replicas]
    return gcp.secretmanager.SecretReplicationArgs(
        user_managed=gcp.secretmanager.SecretReplicationUserManagedArgs(replicas=kept_in)
    )
