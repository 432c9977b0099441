"""The process that plays AWS: moto behind the gateway, and the pod identity webhook.

It listens on four addresses: on loopback for the host (http), and on the cluster's bridge, which may come
into being later, for pods (https, under AWS's own names; http, the agent, to which a link-local address
leads) and for the API server (https, the webhook).
"""

import json
import logging
import ssl
import sys
import threading
from functools import cache
from pathlib import Path
from typing import cast
from wsgiref.types import WSGIApplication

from joserfc.jwk import RSAKey
from moto.backends import SERVICE_NAMES, get_backend
from moto.moto_server.werkzeug_app import create_backend_app

from sandbox.aws import moto_state
from sandbox.aws.account import OIDC_ISSUER, OPERATOR_USER
from sandbox.aws.control import LoopbackApplication
from sandbox.aws.gateway import Gateway
from sandbox.aws.pod_identity_agent import PodIdentityAgent
from sandbox.aws.pod_identity_webhook import PodIdentityWebhook
from sandbox.aws.request_context import service_model
from sandbox.aws.server_settings import MODULE, ServerSettings
from sandbox.aws.service_accounts import ServiceAccounts
from sandbox.cloud_process import parse_arguments
from sandbox.http_listener import HttpListener
from sandbox.network import REGION

LOGGER = logging.getLogger(__name__)

ADMINISTRATOR_POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
"""What AWS's managed policy AdministratorAccess says."""


def serve(settings: ServerSettings) -> None:
    """Listen and answer until the process is ended."""
    credentials = json.loads(settings.operator_credentials.read_text())
    moto_state.create_user_with_access_key(
        OPERATOR_USER,
        ADMINISTRATOR_POLICY,
        credentials["access_key_id"],
        credentials["secret_access_key"],
        REGION,
    )
    issuer_key = RSAKey.import_key(settings.service_account_public_key.read_bytes())
    gateway = Gateway(_moto, {OIDC_ISSUER: issuer_key})
    webhook = PodIdentityWebhook(ServiceAccounts(settings.kubeconfig).annotations, gateway.has_association)
    listeners = [
        HttpListener(("127.0.0.1", settings.loopback_port), LoopbackApplication(gateway)),
        HttpListener(
            (settings.bridge_address, settings.bridge_port),
            gateway,
            _tls(settings.endpoint_certificate, settings.endpoint_key),
        ),
        HttpListener(
            (settings.bridge_address, settings.webhook_port),
            webhook,
            _tls(settings.webhook_certificate, settings.webhook_key),
        ),
        HttpListener(
            (settings.bridge_address, settings.agent_port), PodIdentityAgent(gateway.assume_for_pod)
        ),
    ]
    threads = [threading.Thread(target=listener.serve_forever) for listener in listeners]
    for thread in threads:
        thread.start()
    LOGGER.info("AWS answers on port %s", settings.loopback_port)
    # EC2 takes a second to load, which would otherwise be the first request's.
    moto_state.leave_bucket_policies_alone()
    get_backend("ec2")
    service_model("ec2")
    moto_state.keep_rule_descriptions()
    moto_state.name_unknown_rules()
    for thread in threads:
        thread.join()


@cache
def _moto(service: str) -> WSGIApplication:
    """Return moto's application for one service.

    moto's own dispatcher looks through all of its services for each request, which takes nearly as long as
    the answer.
    """
    application = create_backend_app(cast(SERVICE_NAMES, service))
    # With it on, what fails in moto would end the connection instead of answering 500.
    application.debug = False
    return application


def _tls(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


if __name__ == "__main__":
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    serve(parse_arguments(ServerSettings, MODULE, sys.argv[1:]))
