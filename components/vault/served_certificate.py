"""Looks at the certificate that a server shows, without asking or telling it anything."""

import socket
import ssl
from urllib.parse import urlsplit

HTTPS_PORT = 443


def served_certificate(address: str, name: str, seconds: float) -> bytes | None:
    """Return the certificate (DER) that the server at an https URL shows; None if it shows none in time.

    ``name`` is the host name that it is asked by; empty for the URL's own. The certificate isn't verified, as
    one that has expired is to be seen as well: nothing may be sent over this connection, which ends at once.
    """
    url = urlsplit(address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    place = (url.hostname or "", url.port or HTTPS_PORT)
    try:
        with (
            socket.create_connection(place, timeout=seconds) as connection,
            context.wrap_socket(connection, server_hostname=name or url.hostname) as tls,
        ):
            return tls.getpeercert(binary_form=True)
    except OSError:
        return None
