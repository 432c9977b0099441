"""Creates the Google service account of Vault's pods, with the right to use and read one key."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from components.google.project import IAM, ApiOffError, google_provider, look_up
from components.google.settings import CREDENTIALS_KEY, IdentitySettings
from components.kubernetes.objects import KubernetesObject

USE_ROLE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
IMPERSONATION_ROLE = "roles/iam.workloadIdentityUser"
READER_ROLE_ID = "vaultAutoUnsealKeyReader"
READER_PERMISSIONS = ("cloudkms.cryptoKeys.get",)
"""Needed at each start of Vault, besides encryption and decryption. Google's smallest role that has it,
`roles/cloudkms.viewer`, has ten times as many."""


@dataclass(frozen=True)
class GoogleIdentityArgs:
    """The arguments of a :class:`GoogleIdentity`."""

    identity: IdentitySettings
    """Kind, names and rotation."""
    project: str
    reader_role_exists: bool
    """Whether the custom role is imported instead of created."""
    key_id: pulumi.Input[str]
    """The one key that the service account may use."""
    workload_pool: str | None
    """The workload identity pool; None without Workload Identity."""
    namespace: pulumi.Input[str]
    """Vault's namespace, known once it exists."""
    kubernetes_member: str
    """Vault's Kubernetes service account, ``<namespace>/<name>``: the only one that gets this identity."""
    kubernetes: pulumi.ProviderResource
    """The provider of the cluster that gets the Secret with the credentials."""
    prerequisites: Sequence[pulumi.Resource]
    """APIs that must be enabled first."""


class GoogleIdentity(pulumi.ComponentResource):
    """The service account, its IAM roles on the key, and how pods authenticate as it.

    No role is granted on the project, and no policy is replaced as a whole: other members stay.
    """

    email: pulumi.Output[str]
    key_reader_role: pulumi.Output[str]
    credentials_secret: pulumi.Output[str] | None = None
    """Name of the Secret with the key file; None with Workload Identity."""
    credentials_key: pulumi.Output[str] | None = None
    """Id of the service-account key in it; not secret."""

    def __init__(
        self, name: str, args: GoogleIdentityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("vault-autounseal:gcp:Identity", name, None, opts)
        account = gcp.serviceaccount.Account(
            name,
            account_id=args.identity.service_account,
            project=args.project,
            display_name="Vault's auto-unseal",
            description="Uses the key that unseals Vault, and nothing else",
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.prerequisites),
        )
        self.email = account.email
        self.key_reader_role = self._reader_role(name, args)
        for right, role in (("use", USE_ROLE), ("read", self.key_reader_role)):
            gcp.kms.CryptoKeyIAMMember(
                f"{name}-{right}",
                crypto_key_id=args.key_id,
                role=role,
                member=_member(account),
                opts=pulumi.ResourceOptions(parent=self),
            )
        if args.identity.kind == "workload-identity":
            gcp.serviceaccount.IAMMember(
                name,
                service_account_id=account.name,
                role=IMPERSONATION_ROLE,
                member=f"serviceAccount:{args.workload_pool}[{args.kubernetes_member}]",
                opts=pulumi.ResourceOptions(parent=self),
            )
        else:
            self._credentials(name, args, account)
        self.register_outputs({"email": self.email, "key_reader_role": self.key_reader_role})

    def _reader_role(self, name: str, args: GoogleIdentityArgs) -> pulumi.Output[str]:
        given = args.identity.key_reader_role
        if given is not None:
            return pulumi.Output.from_input(given)
        role = gcp.projects.IAMCustomRole(
            name,
            role_id=READER_ROLE_ID,
            project=args.project,
            title="Vault auto-unseal key reader",
            description="Lets Vault see the key that it is unsealed with",
            permissions=list(READER_PERMISSIONS),
            stage="GA",
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=args.prerequisites,
                # A role's id can't be used again for 37 days, and other stacks of the project share this one.
                retain_on_delete=True,
                import_=reader_role_name(args.project) if args.reader_role_exists else None,
            ),
        )
        return role.name

    def _credentials(self, name: str, args: GoogleIdentityArgs, account: gcp.serviceaccount.Account) -> None:
        """Create the key file. A rotation creates a new key, updates the Secret, then deletes the old key."""
        rotation, previous = args.identity.key_rotation, args.identity.previous_key_rotation
        keys = {
            text: gcp.serviceaccount.Key(
                f"{name}-{text}",
                service_account_id=account.name,
                keepers={"rotation": text},
                opts=pulumi.ResourceOptions(parent=self),
            )
            for text in (rotation, previous)
            if text is not None
        }
        key = keys[rotation]
        secret = KubernetesObject(
            "v1",
            "Secret",
            name,
            {
                "type": "Opaque",
                "metadata": {"name": args.identity.secret, "namespace": args.namespace},
                # The API returns the file in base64, which is what a Secret takes.
                "data": {CREDENTIALS_KEY: pulumi.Output.secret(key.private_key)},
            },
            pulumi.ResourceOptions(parent=self, provider=args.kubernetes),
        )
        self.credentials_secret = secret.metadata.apply(lambda metadata: str(metadata["name"]))
        self.credentials_key = key.name.apply(lambda identifier: identifier.rpartition("/")[2])


def reader_role_name(project: str) -> str:
    """Return the custom role's resource name in Google's APIs."""
    return f"projects/{project}/roles/{READER_ROLE_ID}"


def reader_role_exists(identity: IdentitySettings, *, project: str, api_gets_enabled: bool) -> bool:
    """Return whether the custom role exists, created by an earlier stack or another one of the project.

    False if none is needed. Raises :class:`DeploymentError` if the look-up fails.
    """
    if identity.key_reader_role is not None:
        return False
    try:
        roles = look_up(
            f"The custom roles of project {project} can't be listed",
            "Check that the Google credentials in use have iam.roles.list there, or set "
            "identity.keyReaderRole to a role with cloudkms.cryptoKeys.get, such as roles/cloudkms.viewer.",
            api=IAM,
            project=project,
            invoke=lambda: gcp.projects.get_iam_custom_roles(
                project=project, opts=pulumi.InvokeOptions(provider=google_provider(project))
            ),
        ).roles
    except ApiOffError:
        if api_gets_enabled:
            return False
        raise
    return reader_role_name(project) in [role.name for role in roles]


def _member(account: gcp.serviceaccount.Account) -> pulumi.Output[str]:
    return account.email.apply(lambda email: f"serviceAccount:{email}")
