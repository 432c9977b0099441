"""Reads the Ingress in front of the active Vault, and how its controller speaks TLS to Vault."""

from collections.abc import Sequence
from typing import get_args

from components.config.patterns import DNS_NAME
from components.config.reader import ConfigReader
from components.settings.model import BackendTls, IngressSettings

_BACKENDS: Sequence[BackendTls] = get_args(BackendTls)
_BACKEND = "backendTls"


def read_ingress(settings: ConfigReader, *, tls: bool) -> IngressSettings | None:
    """Read the section ``ingress``; None without it. ``tls`` says whether Vault speaks TLS."""
    settings.skip("ingress")
    if not settings.has("ingress"):
        return None
    reader = settings.section("ingress")
    ingress = IngressSettings(
        host=reader.required_text("host", rf"(\*\.)?{DNS_NAME}", "give the host name of the Ingress"),
        class_name=reader.text("className", None, DNS_NAME, "name an IngressClass"),
        path=reader.text("path", "/", r"/.*", "begin with a slash"),
        path_type=reader.choice(
            "pathType",
            "Prefix",
            ("Prefix", "Exact", "ImplementationSpecific"),
            "Prefix suits most controllers",
        ),
        tls_secret=reader.text("tlsSecret", None, DNS_NAME, "name the Secret that holds the certificate"),
        annotations=reader.text_mapping("annotations", r"\S+", "use an annotation's name and a text"),
        backend_tls=reader.choice(
            _BACKEND, "none", _BACKENDS, "with none the annotations for another controller are yours"
        ),
    )
    if tls and not reader.has(_BACKEND):
        reader.report(
            _BACKEND,
            "Vault speaks TLS, as new stacks do, and so has the controller to; use the one that it is "
            f"({', '.join(backend for backend in _BACKENDS if backend != 'none')}), or none with "
            "annotations of your own for another one; with tls.source none Vault speaks HTTP",
        )
    if not tls and ingress.backend_tls != "none":
        reader.report(_BACKEND, "Vault speaks HTTP; set tls.source as well, or remove it")
    reader.unknown_keys()
    return ingress
