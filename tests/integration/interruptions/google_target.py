"""Google's hosts behind the proxy that interrupts runs."""

import http.client
import socket
import ssl
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from typing_extensions import override

from sandbox.certificates import CertificateAuthority
from sandbox.google.project import HOST_NAMES
from tests.integration.google.running_google import RunningGoogle
from tests.integration.interruptions.interrupting_proxy import Target


class Google(Target):
    """Google's hosts, to which clients ask for a tunnel."""

    withholds_conflicts = True

    def __init__(self, running: RunningGoogle) -> None:
        self._address = (running.settings.bridge_address, running.settings.bridge_port)
        issued = CertificateAuthority.load_or_create(running.folder, "google").issue(
            "interrupted", HOST_NAMES[0], names=HOST_NAMES
        )
        self.tunnel = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tunnel.load_cert_chain(issued.certificate, issued.key)
        self._context = ssl.create_default_context(cafile=running.authority)

    @override
    def connect(self, host: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPSConnection(host, context=self._context)
        plain = socket.create_connection(self._address, timeout=60)
        connection.sock = self._context.wrap_socket(plain, server_hostname=host)
        return connection

    @override
    def action(self, request: BaseHTTPRequestHandler, body: bytes) -> str:
        """Return the collection that something is created in, or whose member gets a policy."""
        if request.command != "POST":
            return ""
        *_, collection, last = urlsplit(request.path).path.split("/")
        _, colon, verb = last.partition(":")
        return f"{collection}:{verb}" if colon else last
