"""The process that plays Google Cloud.

It listens on loopback for the host (a proxy, and the control paths), and on the cluster's bridge, which may
come into being later, for pods: Google's hosts (https, HTTP and gRPC), and the metadata server (http).
"""

import json
import logging
import ssl
import sys
import threading

from joserfc.jwk import RSAKey

from sandbox.cloud_process import parse_arguments
from sandbox.google.cloud import GoogleCloud
from sandbox.google.cluster_workloads import ClusterWorkloads
from sandbox.google.connections import ProxyListener, ServiceListener
from sandbox.google.control import ControlApplication
from sandbox.google.grpc_gateway import serve_grpc
from sandbox.google.metadata_server import MetadataServer
from sandbox.google.project import HOST_NAMES
from sandbox.google.rest_gateway import RestGateway
from sandbox.google.server_settings import MODULE, ServerSettings
from sandbox.http_listener import HttpListener
from sandbox.layout import Layout

LOGGER = logging.getLogger(__name__)


def serve(settings: ServerSettings) -> None:
    """Listen and answer until the process is ended."""
    cloud = GoogleCloud(RSAKey.import_key(settings.service_account_public_key.read_bytes()))
    cloud.seed(json.loads(settings.deployer.read_text()), settings.deployer_token.read_text().strip())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(settings.certificate, settings.key)
    grpc_server, grpc_port = serve_grpc(cloud, settings.certificate, settings.key)
    services = ServiceListener(
        (settings.bridge_address, settings.bridge_port), RestGateway(cloud), tls, grpc_port
    )
    metadata = MetadataServer(cloud, ClusterWorkloads(Layout(settings.sandbox)))
    listeners = [
        services,
        HttpListener((settings.bridge_address, settings.metadata_port), metadata),
        ProxyListener(("127.0.0.1", settings.loopback_port), ControlApplication(cloud), services, HOST_NAMES),
    ]
    threads = [threading.Thread(target=listener.serve_forever) for listener in listeners]
    for thread in threads:
        thread.start()
    LOGGER.info("Google Cloud answers on port %s", settings.loopback_port)
    grpc_server.wait_for_termination()


if __name__ == "__main__":
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    serve(parse_arguments(ServerSettings, MODULE, sys.argv[1:]))
