"""Says by which name and certificates a server is verified whose address says nothing about it.

A tunnel to a pod begins at this machine, and a pod's certificate is for the names that it has in the cluster.
"""

import base64
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError

if TYPE_CHECKING:
    # Imported where Vault is asked: a preview asks it nothing.
    from requests.adapters import HTTPAdapter

VOLUME = "server-tls"
"""Name of the volume of Vault's pods that has their certificate."""
_CONTAINER = "vault"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_ADDRESS = "VAULT_ADDR"
"""Variable by which the chart tells the command in the pod where its server is, and how it speaks."""


@dataclass(frozen=True)
class ServerIdentity:
    """The name and the authority that a server's certificate has to show."""

    name: str
    """The name that it has to be for."""
    authority: str
    """Certificates (PEM) of which one has to have signed it."""

    def context(self) -> ssl.SSLContext:
        """Return what verifies by these certificates, and by none of this machine's.

        Raises :class:`DeploymentError` if there are none, or they can't be read.
        """
        # Not create_default_context, which takes this machine's if it is given none.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # As Vault's own clients verify, whichever Python it is: Go's take every certificate that they are
        # given as a root (Certificate.Verify of crypto/x509), and don't want what OpenSSL's strictness does.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        try:
            # An empty text is a ValueError.
            context.load_verify_locations(cadata=self.authority)
        except (ssl.SSLError, ValueError) as error:
            raise DeploymentError(
                f"The certificates by which Vault's servers are verified can't be read: {error}. Put "
                "certificates in PEM into ca.crt of the Secret that Vault's pods have them from."
            ) from None
        return context

    def adapter(self) -> "HTTPAdapter":
        """Return what makes the connections of a session of `requests`; raises as :meth:`context` does."""
        from requests.adapters import HTTPAdapter

        name, context = self.name, self.context()

        class Adapter(HTTPAdapter):
            """Verifies by this name and these certificates alone."""

            def init_poolmanager(self, *args: Any, **options: Any) -> None:
                options |= {"server_hostname": name, "assert_hostname": name, "ssl_context": context}
                super().init_poolmanager(*args, **options)

            def cert_verify(self, conn: Any, *_: Any) -> None:
                # Its own would trust the authorities of all the world as well.
                conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None

        return Adapter()


def served_authority(kubectl: Kubectl, pod: str) -> str | None:
    """Return the certificates (PEM) by which a pod is verified; None if it speaks HTTP.

    What a pod serves is what it was started with, so the pod is asked and not the settings. Only the entry
    `ca.crt` leaves kubectl. Raises :class:`KubectlError`, also if there is no such pod, Secret or entry.
    """
    document = kubectl.pod(pod)
    if document is None:
        raise KubectlError(f'pods "{pod}" not found')
    if not _speaks_tls(document):
        return None
    secret = _secret(document)
    encoded = kubectl.run(["get", "secret", secret, r"--output=jsonpath={.data.ca\.crt}"])
    # Between certificates there may be comments, in any encoding.
    certificates = _CERTIFICATE.findall(base64.b64decode(encoded).decode("ascii", errors="replace"))
    if not certificates:
        raise KubectlError(
            f"Secret {secret}, which pod {pod} has its certificate from, has no certificate (PEM) in its "
            "entry ca.crt. Put those of the authority there (docs/tls.md); with tls.source own run pulumi up "
            "--refresh"
        )
    return "".join(f"{certificate}\n" for certificate in certificates)


def _speaks_tls(pod: Mapping[str, Any]) -> bool:
    (container,) = (one for one in pod["spec"]["containers"] if one["name"] == _CONTAINER)
    address = (one.get("value") for one in container.get("env") or () if one["name"] == _ADDRESS)
    return str(next(address, "")).startswith("https:")


def _secret(pod: Mapping[str, Any]) -> str:
    for volume in pod["spec"].get("volumes") or ():
        if volume["name"] == VOLUME:
            return str(volume["secret"]["secretName"])
    raise KubectlError(
        f"pod {pod['metadata']['name']} speaks TLS without the volume {VOLUME} of this program"
    )
