"""Cloud KMS over gRPC, as Vault speaks it: the same methods as over HTTP, by way of their JSON.

Definitions: google/cloud/kms/v1/service.proto and google/iam/v1/iam_policy.proto.
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.cloud import kms_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2  # type: ignore[import-untyped]
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from sandbox.google.api_errors import GoogleError, JsonObject
from sandbox.google.cloud import GoogleCloud
from sandbox.google.project import by_project_id
from sandbox.google.rest_routes import NOBODY, Call, RawAnswer, Route

LOGGER = logging.getLogger(__name__)
HOST = "cloudkms.googleapis.com"
_WORKERS = 16
_KEY_SERVICE, _POLICY_SERVICE = "google.cloud.kms.v1.KeyManagementService", "google.iam.v1.IAMPolicy"
_RESOURCE_FIELDS = ("name", "parent", "resource")

Messages = Mapping[str, tuple[type[Message], type[Message]]]
"""Types of request and answer by method. What isn't named here is UNIMPLEMENTED: it has a body of another
shape over gRPC than over HTTP, and Vault doesn't call it."""

_KEY_METHODS: Messages = {
    "ListKeyRings": (kms_v1.ListKeyRingsRequest.pb(), kms_v1.ListKeyRingsResponse.pb()),
    "GetKeyRing": (kms_v1.GetKeyRingRequest.pb(), kms_v1.KeyRing.pb()),
    "ListCryptoKeys": (kms_v1.ListCryptoKeysRequest.pb(), kms_v1.ListCryptoKeysResponse.pb()),
    "GetCryptoKey": (kms_v1.GetCryptoKeyRequest.pb(), kms_v1.CryptoKey.pb()),
    "UpdateCryptoKeyPrimaryVersion": (
        kms_v1.UpdateCryptoKeyPrimaryVersionRequest.pb(),
        kms_v1.CryptoKey.pb(),
    ),
    "ListCryptoKeyVersions": (
        kms_v1.ListCryptoKeyVersionsRequest.pb(),
        kms_v1.ListCryptoKeyVersionsResponse.pb(),
    ),
    "CreateCryptoKeyVersion": (kms_v1.CreateCryptoKeyVersionRequest.pb(), kms_v1.CryptoKeyVersion.pb()),
    "GetCryptoKeyVersion": (kms_v1.GetCryptoKeyVersionRequest.pb(), kms_v1.CryptoKeyVersion.pb()),
    "DestroyCryptoKeyVersion": (kms_v1.DestroyCryptoKeyVersionRequest.pb(), kms_v1.CryptoKeyVersion.pb()),
    "RestoreCryptoKeyVersion": (kms_v1.RestoreCryptoKeyVersionRequest.pb(), kms_v1.CryptoKeyVersion.pb()),
    "Encrypt": (kms_v1.EncryptRequest.pb(), kms_v1.EncryptResponse.pb()),
    "Decrypt": (kms_v1.DecryptRequest.pb(), kms_v1.DecryptResponse.pb()),
}
_POLICY_METHODS: Messages = {
    "GetIamPolicy": (iam_policy_pb2.GetIamPolicyRequest, policy_pb2.Policy),
    "SetIamPolicy": (iam_policy_pb2.SetIamPolicyRequest, policy_pb2.Policy),
    "TestIamPermissions": (
        iam_policy_pb2.TestIamPermissionsRequest,
        iam_policy_pb2.TestIamPermissionsResponse,
    ),
}


def serve_grpc(cloud: GoogleCloud, certificate: Path, key: Path) -> tuple[grpc.Server, int]:
    """Start a server on a free port of the loopback; returns it and the port."""
    server = grpc.server(ThreadPoolExecutor(_WORKERS), options=[("grpc.so_reuseport", 0)])
    for service, methods in ((_KEY_SERVICE, _KEY_METHODS), (_POLICY_SERVICE, _POLICY_METHODS)):
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                _method(cloud, name, answer),
                request_deserializer=request.FromString,
                response_serializer=answer.SerializeToString,
            )
            for name, (request, answer) in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server, port


def _method(
    cloud: GoogleCloud, name: str, answer_type: type[Message]
) -> Callable[[Message, grpc.ServicerContext], Message]:
    def serve(request: Message, context: grpc.ServicerContext) -> Message:
        fields = MessageToDict(request)
        resource = by_project_id(next((fields[key] for key in _RESOURCE_FIELDS if key in fields), ""))
        headers = {str(key): value for key, value in context.invocation_metadata()}
        authorization = headers.get("authorization")
        status, caller = "OK", NOBODY
        answer: JsonObject | RawAnswer = {}
        try:
            with cloud.lock:
                cloud.outages.check(HOST)
                credentials = authorization if isinstance(authorization, str) else None
                caller = cloud.callers.authenticate(credentials, HOST)
                cloud.enabled_services.require(HOST, resource.partition("/")[2].partition("/")[0])
                route, names = _route(cloud, name, resource)
                # What is a query over HTTP and what a body makes no difference here.
                query = {key: str(value) for key, value in fields.items()}
                answer = route.handler(Call(caller, names, query, fields))
        except GoogleError as error:
            status = error.status
            context.set_trailing_metadata((("grpc-status-details-bin", _details(error)),))
            context.abort(grpc.StatusCode[error.status], error.message)
        finally:
            cloud.log.add("grpc", HOST, name, resource, caller.member, status)
            LOGGER.info("%s (gRPC) %s for %s: %s", name, resource, caller.member, status)
        if isinstance(answer, RawAnswer):
            raise AssertionError("gRPC's methods answer with messages")
        return ParseDict(answer, answer_type())

    return serve


def _route(cloud: GoogleCloud, name: str, resource: str) -> tuple[Route, Mapping[str, str]]:
    """Return the method over HTTP, of the kind of resource that is named."""
    for route in cloud.services[HOST].routes:
        if route.name == name:
            path = route.path.replace("{", "\0").partition("\0")[2]
            suffix = path.partition("}")[2]
            found = route.pattern.fullmatch(f"/v1/{resource}{suffix}")
            if found is not None:
                return route, found.groupdict()
    raise GoogleError("INVALID_ARGUMENT", f"The name '{resource}' is none of a resource of {name}.")


def _details(error: GoogleError) -> bytes:
    code: Any = grpc.StatusCode[error.status].value[0]
    status = status_pb2.Status(code=code, message=error.message)
    if error.reason:
        info = error_details_pb2.ErrorInfo(reason=error.reason, domain=error.domain, metadata=error.metadata)
        status.details.add().Pack(info)
    return bytes(status.SerializeToString())
