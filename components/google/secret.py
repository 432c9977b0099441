"""The Google secret that the keys are kept in, and who may read and write it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from components.google.secret_name import ACCESSOR, VERSION_MANAGER, SecretName

READER_ROLES: Mapping[str, str] = {"access": ACCESSOR, "versions": VERSION_MANAGER}


@dataclass(frozen=True)
class GoogleKeyStoreArgs:
    """What a :class:`GoogleKeyStore` is made from."""

    secret: SecretName
    """Project, name and, of a regional secret, region."""
    readers: Sequence[str]
    """Members that may read and write it, who deploys among them."""
    replicas: Sequence[str]
    """Regions that it is kept in; empty leaves them to Google."""
    protect: bool
    """Whether Pulumi refuses to delete the secret, and only forgets it where it is made to."""
    labels: Mapping[str, str]
    """Labels of the secret."""
    prerequisites: Sequence[pulumi.Resource]
    """APIs that have to be on before."""


class GoogleKeyStore(pulumi.ComponentResource):
    """An empty secret: its value is written by the init, and never by way of the stack.

    Whoever has rights on secrets of the whole project has them on this one, too; a deny policy or a project
    of its own keeps them out.
    """

    secret_name: pulumi.Output[str]
    """The secret as Google's APIs name it."""

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
    """What for, role and member of each right."""
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
