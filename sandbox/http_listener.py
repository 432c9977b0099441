"""HTTP/1.1 listeners for WSGI applications: a thread a connection, kept open, with or without TLS.

The servers that come with WSGI frameworks close every connection, and shake hands in the loop that accepts:
one client that connects and stays silent would stop all others.
"""

import io
import logging
import re
import socket
import ssl
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import unquote
from wsgiref.types import WSGIApplication, WSGIEnvironment

LOGGER = logging.getLogger(__name__)
IP_FREEBIND = 15
"""ip(7): bind to an address that the machine does not have yet. Python's socket module has no name for it."""
HANDSHAKE_SECONDS = 10.0
SLOW_SECONDS = 1.0
"""An answer that takes longer is logged: Vault gives a key service ten seconds."""
LARGEST_BODY = 32 * 1024 * 1024
"""Bytes; the parts of a large upload are the largest requests: 16 MiB at Google."""
_LONGEST_LINE = 1024


class HttpListener(ThreadingHTTPServer):
    """Serves one application on one address, which need not exist yet."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], application: WSGIApplication, tls: ssl.SSLContext | None = None
    ) -> None:
        self.application = application
        self.tls = tls
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        # Not HTTPServer's, which asks the resolver for the address's name.
        TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(HANDSHAKE_SECONDS)
        try:
            connection = self.tls.wrap_socket(request, server_side=True)
        except OSError as error:
            LOGGER.warning("TLS handshake with %s failed: %s", client_address[0], error)
            return
        with connection:
            super().finish_request(connection, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError | TimeoutError | ssl.SSLError):
            LOGGER.info("connection with %s ended: %s", client_address[0], error)
        else:
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Translates between HTTP and WSGI."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True
    server: HttpListener

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        status, headers, chunks = "", list[tuple[str, str]](), list[bytes]()

        def start_response(
            new_status: str, new_headers: list[tuple[str, str]], _exc_info: object = None, /
        ) -> Callable[[bytes], object]:
            nonlocal status, headers
            status, headers = new_status, new_headers
            return chunks.append

        began = time.monotonic()
        answer = self.server.application(self._environment(body), start_response)
        chunks.extend(answer)
        seconds = time.monotonic() - began
        if seconds > SLOW_SECONDS:
            what = self.headers.get("X-Amz-Target", self.path)
            LOGGER.warning("%s for %s took %.1f s", what, self.client_address[0], seconds)
        content = b"".join(chunks)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        length = len(content)
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                # That of what a GET would get.
                length = int(value)
            if name.lower() not in ("content-length", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = _serve  # noqa: N815  the names that http.server looks for

    def _body(self) -> bytes | None:
        """Read the request's body; None after an answer that refuses it."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunked_body()
        if "Transfer-Encoding" in self.headers:
            self.send_error(501)
            return None
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            self.send_error(400)
            return None
        if int(length) > LARGEST_BODY:
            self.send_error(413)
            return None
        return self.rfile.read(int(length))

    def _chunked_body(self) -> bytes | None:
        """Read a body that comes in chunks (RFC 9112, section 7.1); None after an answer that refuses it."""
        body = b""
        while True:
            size = self.rfile.readline(_LONGEST_LINE).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
                self.send_error(400)
                return None
            if len(body) + int(size, 16) > LARGEST_BODY:
                self.send_error(413)
                return None
            body += self.rfile.read(int(size, 16))
            # The end of the chunk; after the last one, of the trailer, whose fields nobody here wants.
            while self.rfile.readline(_LONGEST_LINE).strip() and int(size, 16) == 0:
                pass
            if int(size, 16) == 0:
                return body

    def _environment(self, body: bytes) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        environment: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "REQUEST_URI": self.path,
            "RAW_URI": self.path,
            "REMOTE_ADDR": self.client_address[0],
            "SERVER_NAME": str(self.server.server_name),
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self.request_version,
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http" if self.server.tls is None else "https",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            key = f"HTTP_{name.upper().replace('-', '_')}"
            # What came in chunks is whole here.
            if key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"):
                environment[key] = f"{environment[key]},{value}" if key in environment else value
        return environment

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name in http.server
        LOGGER.debug(format, *args)
