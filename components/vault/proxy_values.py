"""Computes by which annotations, or which policy, what is in front of Vault speaks TLS to it.

Sources: the documents of ingress-nginx (annotations, "Backend Certificate Authentication"), of the AWS Load
Balancer Controller (Ingress annotations), of GKE ("HTTPS between load balancer and application") and of the
Gateway API (BackendTLSPolicy).
"""

from collections.abc import Mapping
from typing import Any

from components.settings import Settings
from components.vault.tls_values import certificate_secret, server_names

_NGINX = "nginx.ingress.kubernetes.io"
_ALB = "alb.ingress.kubernetes.io"


def ingress_annotations(settings: Settings, fullname: str) -> Mapping[str, str]:
    """Return the annotations of the Ingress; the user's own take the place of ours."""
    if settings.ingress is None:
        return {}
    own: Mapping[str, str] = {}
    if settings.ingress.backend_tls == "nginx":
        own = {
            f"{_NGINX}/backend-protocol": "HTTPS",
            f"{_NGINX}/proxy-ssl-secret": f"{settings.namespace}/{certificate_secret(settings, fullname)}",
            f"{_NGINX}/proxy-ssl-verify": "on",
            f"{_NGINX}/proxy-ssl-name": server_names(settings, fullname).verified,
            f"{_NGINX}/proxy-ssl-server-name": "on",
        }
    if settings.ingress.backend_tls == "alb":
        # This load balancer verifies no certificate.
        own = {
            f"{_ALB}/backend-protocol": "HTTPS",
            f"{_ALB}/healthcheck-protocol": "HTTPS",
            f"{_ALB}/healthcheck-path": "/v1/sys/health?standbyok=true",
        }
    return {**own, **settings.ingress.annotations}


def service_annotations(settings: Settings) -> Mapping[str, str]:
    """Return the annotations of the Service that the Ingress leads to, by the name of its port."""
    if settings.ingress is None or settings.ingress.backend_tls != "gce":
        return {}
    return {"cloud.google.com/app-protocols": '{"https":"HTTPS"}'}


def backend_policy(settings: Settings, fullname: str, config_map: str) -> Mapping[str, Any]:
    """Return the specification of a BackendTLSPolicy, with the authority in that ConfigMap."""
    service = f"{fullname}-active" if settings.mode == "ha" else fullname
    return {
        "targetRefs": [{"group": "", "kind": "Service", "name": service}],
        "validation": {
            "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": config_map}],
            "hostname": server_names(settings, fullname).verified,
        },
    }
