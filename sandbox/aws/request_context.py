"""What a request to AWS is: its service, operation and parameters, read with botocore's service models."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast
from urllib.parse import unquote

import botocore.session
from botocore.model import OperationModel, ServiceModel
from werkzeug.wrappers import Request

from sandbox.aws.account import SERVICES
from sandbox.aws.error_responses import AwsError, Protocol, missing_authentication, not_implemented
from sandbox.aws.object_requests import bucket_of_host, object_operation
from sandbox.aws.signature import Authorization, parse_authorization
from sandbox.network import REGION


@dataclass(frozen=True)
class ServiceRequest:
    """A request to one operation of one service.

    ``parameters`` are the members of the request's JSON for KMS, Secrets Manager and EKS (there with those
    of the path), the flat, dotted names of the form (``Tags.member.1.Key``) for IAM, STS and EC2, and for S3
    what ``object_operation`` returns.
    ``authorization`` is None for a request that is not signed, which only AssumeRoleWithWebIdentity may be.
    """

    service: str
    region: str
    operation: str
    protocol: Protocol
    parameters: Mapping[str, object]
    authorization: Authorization | None
    secure: bool

    def text(self, name: str) -> str | None:
        """Return a parameter that is text, or None if it is missing.

        Raises AwsError (ValidationException) for any other type.
        """
        value = self.parameters.get(name)
        if value is None or isinstance(value, str):
            return value
        raise AwsError("ValidationException", f"{name} must be a string.")

    def required_text(self, name: str) -> str:
        """Return a parameter that is text; raises AwsError (a validation error) if it is missing."""
        value = self.text(name)
        if value:
            return value
        if self.protocol == "rest-xml":
            raise AwsError("InvalidRequest", f"Missing required parameter: {name}")
        code = "ValidationException" if self.protocol in ("json", "rest-json") else "ValidationError"
        member = name[:1].lower() + name[1:]
        raise AwsError(
            code,
            f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
            "Member must not be null",
        )

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a parameter that is a list of texts, in JSON or in the query string; () if missing."""
        value = self.parameters.get(name, ())
        return (
            (value,) if isinstance(value, str) else tuple(map(str, value)) if isinstance(value, list) else ()
        )

    def has_list(self, name: str) -> bool:
        """Tell if a list was given and is not empty, in either way of writing parameters."""
        return bool(self.parameters.get(name)) or any(key.startswith(f"{name}.") for key in self.parameters)

    def tags(self) -> Mapping[str, str]:
        """Return the tags that the request gives to what it makes or tags."""
        if self.protocol in ("query", "ec2"):
            # Tags.member.1.Key, Tag.1.Key, TagSpecification.1.Tag.1.Key, each with its Value.
            keys = [
                name for name in self.parameters if re.fullmatch(r"(.+\.)?Tags?(\.member)?\.\d+\.Key", name)
            ]
            return {
                str(self.parameters[name]): str(self.parameters.get(f"{name.removesuffix('Key')}Value", ""))
                for name in keys
            }
        if self.protocol == "rest-xml":
            return {}
        given = self.parameters.get("tags", self.parameters.get("Tags", {}))
        if isinstance(given, dict):
            return {str(key): str(value) for key, value in given.items()}
        prefix = "Tag" if self.service == "kms" else ""
        return {
            str(tag[f"{prefix}Key"]): str(tag.get(f"{prefix}Value", ""))
            for tag in (given if isinstance(given, list) else [])
            if isinstance(tag, dict) and f"{prefix}Key" in tag
        }


def guess_protocol(request: Request) -> Protocol:
    """Return the protocol that a client expects an error in when its service is not known."""
    if "X-Amz-Target" in request.headers:
        return "json"
    if "X-Amz-Content-Sha256" in request.headers or bucket_of_host(request.host) is not None:
        return "rest-xml"
    form = request.mimetype == "application/x-www-form-urlencoded" or "Action" in request.args
    return "query" if form else "rest-json"


def parse_request(request: Request) -> ServiceRequest:
    """Read a request.

    Raises AwsError for a service or operation that does not exist here, for a malformed request, and for one
    that should have been signed.
    """
    protocol = guess_protocol(request)
    header = request.headers.get("Authorization")
    authorization = parse_authorization(header, protocol) if header is not None else None
    if authorization is None and request.form.get("Action") != "AssumeRoleWithWebIdentity":
        raise missing_authentication(protocol)
    service = authorization.service if authorization is not None else "sts"
    if service not in SERVICES:
        raise not_implemented(protocol, f"The service {service} (there are {', '.join(SERVICES)})")
    model = service_model(service)
    protocol = cast(Protocol, model.metadata["protocol"])
    if protocol == "json":
        operation, parameters = _json_operation(request, model)
    elif protocol == "rest-json":
        operation, parameters = _rest_operation(request, model)
    elif protocol == "rest-xml":
        operation, parameters = object_operation(request, raw_path(request))
    else:
        parameters = {**request.args.to_dict(), **request.form.to_dict()}
        operation = str(parameters.get("Action", ""))
    if operation not in model.operation_names:
        code = "InvalidAction" if protocol in ("query", "ec2") else "UnknownOperationException"
        raise AwsError(code, f"Could not find operation {operation} of {service}")
    return ServiceRequest(
        service=service,
        region=authorization.region if authorization is not None else REGION,
        operation=operation,
        protocol=protocol,
        parameters=parameters,
        authorization=authorization,
        secure=request.is_secure,
    )


@cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's description of a service."""
    return botocore.session.get_session().get_service_model(service)


def _json_operation(request: Request, model: ServiceModel) -> tuple[str, Mapping[str, object]]:
    prefix, _, operation = request.headers.get("X-Amz-Target", "").rpartition(".")
    if prefix != model.metadata["targetPrefix"]:
        raise AwsError("UnknownOperationException", f"No such target prefix: {prefix}")
    return operation, _json_body(request)


def _rest_operation(request: Request, model: ServiceModel) -> tuple[str, Mapping[str, object]]:
    path = raw_path(request)
    for method, expression, operation in _routes(model):
        match = expression.fullmatch(path)
        if match is not None and method == request.method:
            in_path = {name: unquote(value) for name, value in match.groupdict().items()}
            return operation.name, {**_json_body(request), **_query(request), **in_path}
    raise AwsError("UnknownOperationException", f"No operation at {request.method} {path}", 404)


def _query(request: Request) -> Mapping[str, object]:
    """Return the parameters of the query string; those that are there several times as lists."""
    return {
        name: values if len(values) > 1 else values[0]
        for name, values in request.args.to_dict(flat=False).items()
    }


def raw_path(request: Request) -> str:
    """Return the path as it was sent, percent-encoded, without the query string."""
    return str(request.environ["REQUEST_URI"]).partition("?")[0]


@cache
def _routes(model: ServiceModel) -> list[tuple[str, re.Pattern[str], OperationModel]]:
    operations = [model.operation_model(name) for name in model.operation_names]
    return [
        (
            operation.http["method"],
            re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(operation.http["requestUri"]))),
            operation,
        )
        for operation in operations
    ]


def _json_body(request: Request) -> Mapping[str, object]:
    text = request.get_data()
    if not text:
        return {}
    try:
        body: object = json.loads(text)
    except ValueError as error:
        raise AwsError("SerializationException", "The request's body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise AwsError("SerializationException", "The request's body is not a JSON object.")
    return cast(Mapping[str, object], body)
