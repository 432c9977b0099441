"""Auto-unseals with the transit engine of another Vault.

Sources: Vault's documents on the `seal "transit"` stanza and on `sys/policies`; for the precedence if both
are given, `internalshared/configutil/env_var_util.go` of Vault: a stanza's address beats VAULT_ADDR (which
the chart sets to the pod's own), one TLS setting in the stanza switches off all of the environment's, and
everything else in the environment beats the stanza.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self
from urllib.parse import urlsplit

from components.config.reader import ConfigReader
from components.seals import seal

_ADDRESS = r"https?://[^\s/?#]+"
# A mount may have slashes inside, a key's name may not (Vault's API documents, `transit`).
_MOUNT = r"[^\s/]+(/[^\s/]+)*/?"
_KEY_NAME = r"\w(([\w.-]+)?\w)?"
_NAMESPACE = r"[^\s/]+(/[^\s/]+)*/?"
_HOST_NAME = r"[A-Za-z0-9.-]+"
_CA_FOLDER = "/vault/transit-tls"


@dataclass(frozen=True)
class Seal(seal.Seal):
    """A key that never leaves another Vault, used with a token of that Vault."""

    type: ClassVar[str] = "transit"
    purpose: ClassVar[str] = "unseals by itself with a key of another Vault"
    preflight_module: ClassVar[str] = "components.transit.preflight"
    sections: ClassVar[Sequence[str]] = ("transit",)
    address: str
    """URL of the other Vault, without a path."""
    key_name: str
    mount: str
    """Mount path of its transit engine, without a slash at the end."""
    namespace: str
    """Its namespace (Vault Enterprise); empty for none."""
    token: seal.SecretEntry
    """A token of the other Vault. It's only read when a pod starts; the seal renews it."""
    ca: seal.SecretEntry | None
    """Certificates (PEM) that vouch for the other Vault; None takes the container's."""
    server_name: str
    """Name in the other Vault's certificate if it isn't the address's; empty for none."""

    @classmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:  # noqa: ARG003
        """Read `transit`; any cluster will do."""
        section = reader.section("transit")
        address = section.required_text(
            "address",
            _ADDRESS,
            "give the URL of the other Vault without a path, https://vault.example.com:8200",
        )
        tls = section.section("tls")
        if address.startswith("http://") and section.has("tls"):
            section.report("tls", "the address begins with http://, so nothing would read it; use https://")
        namespace = section.text("namespace", None, _NAMESPACE, "name a namespace, or leave it out")
        found = cls(
            address=address,
            key_name=section.required_text(
                "key", _KEY_NAME, "name a key of the other Vault's transit engine"
            ),
            mount=section.text("mount", "transit", _MOUNT, "give the path of the transit engine").rstrip("/"),
            namespace=(namespace or "").rstrip("/"),
            token=seal.SecretEntry.from_settings(
                section.section("tokenSecret"), "vault-transit-token", "token"
            ),
            ca=seal.SecretEntry.from_settings(tls.section("caSecret"), None, "ca.crt")
            if tls.has("caSecret")
            else None,
            server_name=tls.text("serverName", None, _HOST_NAME, "give the host name in the certificate")
            or "",
        )
        tls.skip("caSecret")
        tls.unknown_keys()
        section.unknown_keys()
        return found

    @property
    def trusts_by_environment(self) -> bool:
        """Whether the stanza has no setting for TLS: any switches off all of the environment's."""
        return self.address.startswith("https:") and not (self.ca_file or self.server_name)

    @property
    def destinations(self) -> Sequence[seal.Destination]:
        """The other Vault; a name may lead to any address."""
        url = urlsplit(self.address)
        port = url.port or (80 if url.scheme == "http" else 443)
        try:
            address = ipaddress.ip_address(url.hostname or "")
        except ValueError:
            return (seal.Destination((port,)),)
        return (seal.Destination((port,), (str(ipaddress.ip_network(address)),)),)

    @property
    def ca_file(self) -> str:
        """The path of the CA in Vault's container; empty if the settings name none."""
        return f"{_CA_FOLDER}/{self.ca.key}" if self.ca is not None else ""

    def key_in_settings(self, args: seal.SealArgs) -> str | None:  # noqa: ARG002
        """Return the key's path in the other Vault, whose address may change."""
        return "/".join(filter(None, (self.namespace, self.mount, "keys", self.key_name)))

    def provision(self, args: seal.SealArgs) -> seal.ProvisionedSeal:
        """Create nothing: engine, key, policy, token and Secrets must exist."""
        import pulumi

        return seal.ProvisionedSeal(
            stanza=pulumi.Output.from_input(self.stanza()),
            pods=self.pod_requirements(),
            key=f"{self.address}/v1/{self.mount}/keys/{self.key_name}",
            preflight={
                "seal": self.type,
                "pod": args.pod,
                "pod_start_seconds": str(args.pod_start_seconds),
                "token_secret": self.token.name,
                "token_key": self.token.key,
                "address": self.address,
                "mount": self.mount,
                "key_name": self.key_name,
                "namespace": self.namespace,
                "ca_file": self.ca_file,
                "server_name": self.server_name,
            },
        )

    def stanza(self) -> seal.SealStanza:
        """Return Vault's stanza, without the token: the chart puts the stanza into a ConfigMap."""
        optional = {
            "namespace": self.namespace,
            "tls_ca_cert": self.ca_file,
            "tls_server_name": self.server_name,
        }
        return seal.SealStanza(
            self.type,
            {
                "address": self.address,
                "mount_path": self.mount,
                "key_name": self.key_name,
                **{name: value for name, value in optional.items() if value},
            },
        )

    def pod_requirements(self) -> seal.PodRequirements:
        """Return the token as VAULT_TOKEN, the only variable that the seal reads, and the CA as a file."""
        mounts: Sequence[seal.SecretMount] = ()
        if self.ca is not None:
            mounts = (seal.SecretMount(name="transit-tls", secret=self.ca.name, path=_CA_FOLDER),)
        return seal.PodRequirements(
            secret_environment=(
                seal.SecretVariable(name="VAULT_TOKEN", secret=self.token.name, key=self.token.key),
            ),
            secret_mounts=mounts,
        )
