"""Auto-unseals with Google Cloud KMS: a key, and an identity for Vault's pods that may use only this key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from components.config.patterns import DNS_NAME
from components.config.reader import ConfigReader
from components.google.settings import (
    CREDENTIALS_KEY,
    TOKEN_FOLDER,
    IdentityKind,
    IdentitySettings,
    KeySettings,
)
from components.seals import seal

if TYPE_CHECKING:
    import pulumi

    from components.google.cluster import GkeCluster
    from components.google.service_account import GoogleIdentity
    from components.google.unseal_key import GoogleUnsealKey

# https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings/create
KMS_NAME = r"[A-Za-z0-9_-]{1,63}"
KMS_LOCATION = r"[a-z]+(-[a-z]+)*\d*"
# https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/create
ACCOUNT_ID = r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
ROLE = r"roles/[a-z][A-Za-z0-9.]*|(projects|organizations)/[a-z0-9.:-]+/roles/[A-Za-z0-9_.]{3,64}"
ROTATION = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,30}[A-Za-z0-9])?"

LONGEST_ROTATION_DAYS = 36500
LONGEST_DESTRUCTION_DAYS = 120

CREDENTIALS_FOLDER = "/vault/userconfig"
CREDENTIALS_FILE = f"{CREDENTIALS_FOLDER}/{CREDENTIALS_KEY}"
CREDENTIALS_VOLUME = "google-credentials"
TOKEN_VOLUME = "google-token"  # noqa: S105 - a volume's name
KEY_ANNOTATION = "vault-autounseal/google-key"
"""Annotation of Vault's pods: the service-account key they started with. After a rotation the StatefulSet has
another one, so a pod that still has the old one has yet to be restarted."""


@dataclass(frozen=True)
class Seal(seal.Seal):
    """A key of Google Cloud KMS, which one service account may use and read."""

    type: ClassVar[str] = "gcpckms"
    purpose: ClassVar[str] = "unseals by itself with a key of Google Cloud KMS, on GKE or any other cluster"
    preflight_module: ClassVar[str] = "components.google.preflight"
    sections: ClassVar[Sequence[str]] = ("key", "identity")
    cloud: ClassVar[seal.Cloud] = "google"
    key: KeySettings
    identity: IdentitySettings

    @property
    def needs_token_issuer(self) -> bool:
        """True with Workload Identity only; the other kinds take credentials from a Secret."""
        return self.identity.kind == "workload-identity"

    @property
    def destinations(self) -> Sequence[seal.Destination]:
        """GKE's metadata server with Workload Identity, as Dataplane V2 and other network plugins see it."""
        if not self.needs_token_issuer:
            return ()
        return (
            seal.Destination((80, 8080), ("169.254.169.254/32",)),
            seal.Destination((987, 988), ("169.254.169.252/32",)),
        )

    @classmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:
        """Read `key` and `identity`; the default kind on a GKE cluster is Workload Identity."""
        return cls(
            key=_key(reader.section("key")),
            identity=_identity(reader.section("identity"), on_gke=cluster_name is not None),
        )

    def key_in_settings(self, args: seal.SealArgs) -> str | None:
        """Return the key's resource name.

        If another key exists already, the engine would import it in place of the stack's own, which is then
        abandoned or destroyed, whether it is protected or not (pulumi/pkg, step_generator.go: import
        replacement). So the guard has to come before the key.
        """
        return self.key.key_id(args.project or "")

    def provision(self, args: seal.SealArgs) -> seal.ProvisionedSeal:
        """Create or import key ring and key, and create service account, roles and credentials."""
        return _provision(args, self)


def stanza(key_id: str, *, credentials_file: str | None) -> seal.SealStanza:
    """Return Vault's stanza for a key's resource name, with at most the path of the credentials file."""
    parts = key_id.split("/")
    named = dict(zip(parts[::2], parts[1::2], strict=True))
    parameters = {
        "project": named["projects"],
        "region": named["locations"],
        "key_ring": named["keyRings"],
        "crypto_key": named["cryptoKeys"],
    }
    if credentials_file is not None:
        parameters["credentials"] = credentials_file
    return seal.SealStanza(Seal.type, parameters)


def _key(reader: ConfigReader) -> KeySettings:
    name_fix = "use at most 63 of A-Z a-z 0-9 - _"
    key = KeySettings(
        key_ring=reader.text("keyRing", "vault-auto-unseal", KMS_NAME, name_fix),
        location=reader.text(
            "location",
            "global",
            KMS_LOCATION,
            "give a KMS location, such as global, europe-west3 or eur4",
        ),
        name=reader.text("name", "unseal-key", KMS_NAME, name_fix),
        rotation_days=reader.integer(
            "rotationDays",
            90,
            range(LONGEST_ROTATION_DAYS + 1),
            f"use 1 to {LONGEST_ROTATION_DAYS} days, the bounds that KMS sets, or 0 for no rotation",
        ),
        destroy_scheduled_days=reader.integer(
            "destroyScheduledDays",
            30,
            range(1, LONGEST_DESTRUCTION_DAYS + 1),
            f"use 1 to {LONGEST_DESTRUCTION_DAYS} days, the bounds that KMS sets",
        ),
        retain_on_destroy=reader.flag("retainOnDestroy", True),
    )
    reader.unknown_keys()
    return key


def _identity(reader: ConfigReader, *, on_gke: bool) -> IdentitySettings:
    default: IdentityKind = "workload-identity" if on_gke else "key-file"
    kinds: Sequence[IdentityKind] = ("workload-identity", "key-file", "secret")
    kind = reader.choice("kind", default, kinds, "docs/seals.md says when to choose which")
    if kind == "workload-identity" and not on_gke:
        reader.report(
            "kind",
            "GKE vouches for the pods, and this stack names no GKE cluster; set clusterName, or use key-file",
        )
    unused = {
        "workload-identity": ("secret", "tokenAudience", "keyRotation", "previousKeyRotation"),
        "key-file": ("tokenAudience",),
        "secret": ("serviceAccount", "keyReaderRole", "keyRotation", "previousKeyRotation"),
    }
    reader.not_applicable(unused[kind], f"identity.kind is {kind}, which has no use for it; remove it")
    identity = IdentitySettings(
        kind=kind,
        service_account=reader.text(
            "serviceAccount", "vault-auto-unseal", ACCOUNT_ID, "use 6 to 30 of a-z, 0-9 and dashes"
        ),
        key_reader_role=reader.text(
            "keyReaderRole",
            None,
            ROLE,
            "name a role with cloudkms.cryptoKeys.get, such as roles/cloudkms.viewer, or leave it out",
        ),
        secret=reader.text("secret", "gcp-kms-sa", DNS_NAME, "name a Secret in Vault's namespace"),
        token_audience=reader.text(
            "tokenAudience", None, r"\S+", "give the audience that the provider of the identity pool expects"
        ),
        key_rotation=reader.text("keyRotation", "1", ROTATION, "use at most 32 letters, digits and . _ -"),
        previous_key_rotation=reader.text(
            "previousKeyRotation", None, ROTATION, "give the keyRotation that the pods started with"
        ),
    )
    if identity.previous_key_rotation == identity.key_rotation:
        reader.report(
            "previousKeyRotation", "it is the present keyRotation; give the one before, or remove it"
        )
    reader.unknown_keys()
    return identity


def _provision(args: seal.SealArgs, chosen: Seal) -> seal.ProvisionedSeal:
    import pulumi

    from components.google.project import enabled_apis, google_provider
    from components.google.service_account import GoogleIdentity, GoogleIdentityArgs, reader_role_exists
    from components.google.unseal_key import GoogleUnsealKey, GoogleUnsealKeyArgs, existing_key

    project = args.project or ""
    cluster = args.cluster if args.cluster is not None and args.cluster.cloud == "google" else None
    options = pulumi.ResourceOptions(provider=google_provider(project))
    gets_enabled, makes_identity = args.enable_apis, chosen.identity.kind != "secret"
    # All look-ups come before the first resource, so that their errors leave nothing half-created.
    existing = existing_key(chosen.key, project=project, api_gets_enabled=gets_enabled)
    role_exists = makes_identity and reader_role_exists(
        chosen.identity, project=project, api_gets_enabled=gets_enabled
    )
    apis = enabled_apis(_apis(chosen.identity.kind), project=project) if gets_enabled else ()
    key = GoogleUnsealKey(
        "google-unseal-key",
        GoogleUnsealKeyArgs(
            key=chosen.key,
            project=project,
            existing=existing,
            protect=args.protect,
            labels=args.tags,
            prerequisites=(*apis, *((args.guard,) if args.guard is not None else ())),
        ),
        options,
    )
    if not makes_identity:
        return _provisioned(args, chosen, cluster, key, None)
    identity = GoogleIdentity(
        "vault-identity",
        GoogleIdentityArgs(
            identity=chosen.identity,
            project=project,
            reader_role_exists=role_exists,
            key_id=key.key_id,
            workload_pool=cluster.workload_pool if cluster is not None else None,
            namespace=args.namespace,
            kubernetes_member=f"{args.namespace_name}/{args.service_account}",
            kubernetes=args.kubernetes_provider,
            prerequisites=apis,
        ),
        options,
    )
    return _provisioned(args, chosen, cluster, key, identity)


def _provisioned(
    args: seal.SealArgs,
    chosen: Seal,
    cluster: "GkeCluster | None",
    key: "GoogleUnsealKey",
    identity: "GoogleIdentity | None",
) -> seal.ProvisionedSeal:
    kind = chosen.identity.kind
    secret: pulumi.Input[str] = "" if kind == "workload-identity" else chosen.identity.secret
    if identity is not None and identity.credentials_secret is not None:
        secret = identity.credentials_secret
    credentials_file = None if kind == "workload-identity" else CREDENTIALS_FILE
    outputs = {"key_ring": key.key_ring, "key_id": key.key_id}
    if identity is not None:
        outputs |= {
            "service_account_email": identity.email,
            "key_reader_role": identity.key_reader_role,
        }
    return seal.ProvisionedSeal(
        stanza=key.key_id.apply(lambda key_id: stanza(key_id, credentials_file=credentials_file)),
        pods=_pods(secret, identity, chosen.identity.token_audience),
        prerequisites=(key,) if identity is None else (key, identity),
        key=key.key_id,
        preflight={
            "seal": chosen.type,
            "kind": kind,
            "key_id": key.key_id,
            "service_account": args.service_account,
            "service_account_email": identity.email if identity is not None else "",
            "workload_pool": (cluster.workload_pool or "") if cluster is not None else "",
            "cluster": cluster.path if cluster is not None else "",
            "secret": secret,
            # Left out without it: an empty one would be a change of every stack.
            **({"token_audience": chosen.identity.token_audience} if chosen.identity.token_audience else {}),
        },
        outputs=outputs,
    )


def _pods(
    secret: "pulumi.Input[str]", identity: "GoogleIdentity | None", token_audience: str | None
) -> seal.PodRequirements:
    """Return the annotation for Workload Identity, or the mounted Secret and its path for a key file."""
    if identity is not None and identity.credentials_secret is None:
        return seal.PodRequirements(
            service_account_annotations={"iam.gke.io/gcp-service-account": identity.email}
        )
    key = identity.credentials_key if identity is not None else None
    return seal.PodRequirements(
        pod_annotations={KEY_ANNOTATION: key} if key is not None else {},
        environment={"GOOGLE_APPLICATION_CREDENTIALS": CREDENTIALS_FILE},
        secret_mounts=(seal.SecretMount(name=CREDENTIALS_VOLUME, secret=secret, path=CREDENTIALS_FOLDER),),
        token_mounts=(seal.TokenMount(name=TOKEN_VOLUME, audience=token_audience, path=TOKEN_FOLDER),)
        if token_audience
        else (),
    )


def _apis(kind: IdentityKind) -> Sequence[str]:
    from components.google import project

    if kind == "secret":
        return (project.KMS,)
    own = (project.KMS, project.IAM)
    # GKE's metadata server and the preflight exchange a pod's token through these two.
    exchange = (project.IAM_CREDENTIALS, project.STS)
    return (*own, *exchange) if kind == "workload-identity" else own
