"""The front of moto: everything that AWS does with a request before a service answers it.

It finds out what the request is and who signed it, evaluates the policies, applies the services' rules that
moto does not have, and only then lets moto answer.
"""

import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import unquote
from uuid import uuid4
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from xml.sax.saxutils import escape

from joserfc.jwk import RSAKey
from moto.kms.models import Key
from werkzeug.wrappers import Request, Response

from sandbox.aws import identity_management, key_management, moto_state, object_storage, secret_management
from sandbox.aws.access_targets import Target, access_targets
from sandbox.aws.account import ACCOUNT_ID, CLUSTER_NAME
from sandbox.aws.callers import (
    Callers,
    Permissions,
    TemporaryCredentials,
    condition_context,
    permissions,
)
from sandbox.aws.error_responses import (
    AwsError,
    access_denied,
    error_response,
    not_implemented,
    wrong_signature,
)
from sandbox.aws.object_content import check_content
from sandbox.aws.object_requests import bucket_of_host, path_with_bucket
from sandbox.aws.pod_identity import answer_of_eks_auth, assume_role_for_pod
from sandbox.aws.pod_identity_associations import Association, EksAdditions
from sandbox.aws.policy_conditions import ContextValue, UnsupportedPolicyError
from sandbox.aws.policy_document import MalformedPolicyError, parse_policy
from sandbox.aws.policy_evaluation import (
    AccessRequest,
    Caller,
    Denial,
    identity_denial,
    key_denial,
    secret_denial,
)
from sandbox.aws.request_context import ServiceRequest, guess_protocol, parse_request, raw_path
from sandbox.aws.resource_policies import NamedPrincipals
from sandbox.aws.role_assumption import assume_role, assumed_role_xml
from sandbox.aws.signature import HttpRequest
from sandbox.aws.web_identity import assume_role_with_web_identity, session_xml
from sandbox.network import REGION

LOGGER = logging.getLogger(__name__)

NOT_FOR_MOTO = ("HTTP_USER_AGENT", "HTTP_X_MOTO_ACCOUNT_ID")
"""Headers by which a client could choose moto's region or account, past those that it signed for."""

ETAG = re.compile(rb"<ETag>[^<]*</ETag>")
ERROR_CODE = re.compile(r"<Code>(?P<xml>[^<]*)</Code>|\"__type\": ?\"(?P<json>[^\"]*)\"")


class Gateway:
    """A WSGI application in front of moto, whose application for one service ``moto`` returns.

    It answers one request at a time, because moto's state has no locks of its own.
    """

    def __init__(
        self,
        moto: Callable[[str], WSGIApplication],
        issuer_keys: Mapping[str, RSAKey],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._moto = moto
        self._issuer_keys = issuer_keys
        self._clock = clock
        self._callers = Callers()
        self._named_principals = NamedPrincipals()
        self._additions = EksAdditions()
        self._lock = threading.Lock()

    def has_association(self, namespace: str, service_account: str) -> bool:
        """Whether the sandbox's cluster has a pod identity association for a service account."""
        with self._lock:
            return self._additions.find(REGION, CLUSTER_NAME, namespace, service_account) is not None

    def assume_for_pod(self, token: str) -> TemporaryCredentials:
        """Do what the agent on the cluster's nodes does with a pod's token; raises AwsError.

        Without its add-on there is no agent, and so nobody to ask.
        """
        with self._lock:
            if not self._additions.has_agent(REGION, CLUSTER_NAME):
                raise AwsError("ServiceUnavailableException", "There is no EKS Pod Identity Agent.", 503)
            return self._assume_for_pod(REGION, CLUSTER_NAME, token)[1]

    def _assume_for_pod(
        self, region: str, cluster: str, token: str
    ) -> tuple[Association, TemporaryCredentials]:
        return assume_role_for_pod(
            self._additions, region, cluster, token, self._issuer_keys, self._callers, self._clock()
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        # Read before anything looks at the form, so that the bytes that were signed are kept.
        request.get_data()
        try:
            call = parse_request(request)
        except AwsError as error:
            LOGGER.warning("refused %s %s: %s", request.method, request.path, error)
            host = request.host.partition(".")[0]
            return error_response(error, host, guess_protocol(request))(environ, start_response)
        with self._lock:
            try:
                response = self._respond(request, call)
            except AwsError as error:
                response = _refuse(call, error)
            except (MalformedPolicyError, UnsupportedPolicyError) as error:
                response = _refuse(call, not_implemented(call.protocol, f"Something in a policy ({error})"))
        return response(environ, start_response)

    def _respond(self, request: Request, call: ServiceRequest) -> Response:
        _check_endpoint(request, call)
        if call.service == "sts" and call.operation == "AssumeRoleWithWebIdentity":
            session = assume_role_with_web_identity(call, self._issuer_keys, self._callers, self._clock())
            LOGGER.info("%s assumed %s", session.claims.subject, session.credentials.role_name)
            return _xml(session_xml(session, str(uuid4())))
        caller = self._callers.authenticate(call, _as_signed(request), self._clock())
        # No policy can take this away: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
        if call.service == "sts" and call.operation == "GetCallerIdentity":
            return _xml(_caller_identity(caller))
        context = condition_context(caller, call)
        if call.service == "sts" and call.operation == "AssumeRole":
            credentials = assume_role(call, caller, self._callers, context, self._clock())
            LOGGER.info("%s assumed %s", caller.arn, credentials.role_name)
            return _xml(assumed_role_xml(credentials))
        targets = access_targets(call)
        self._authorize(call, caller, targets, context)
        if call.service == "eks-auth":
            cluster, token = call.required_text("clusterName"), call.required_text("token")
            return _json(answer_of_eks_auth(*self._assume_for_pod(call.region, cluster, token)))
        if call.service == "eks" and self._additions.answers(call):
            return _json(self._additions.answer(call))
        if call.service == "iam":
            identity_management.check_request(call)
        elif call.service == "kms":
            key_management.check_request(call, caller, permissions(caller), context)
        elif call.service == "secretsmanager":
            secret_management.check_request(call)
        elif call.service == "s3":
            may_list = self._may_list(call, caller, context)
            object_storage.check_request(call, request.get_data(), may_list=may_list)
            if request.method in ("POST", "PUT"):
                check_content(_as_signed(request).headers, request.get_data())
        return self._answer(request, call, caller, targets)

    def _authorize(
        self,
        call: ServiceRequest,
        caller: Caller,
        targets: Iterable[Target],
        context: Mapping[str, ContextValue],
    ) -> None:
        for target in targets:
            try:
                denial = self._denial(target, caller, permissions(caller), context)
                reason = denial.reason(target.action) if denial is not None else None
            except (MalformedPolicyError, UnsupportedPolicyError) as error:
                reason = f"because the sandbox's AWS cannot evaluate one of its policies: {error}"
            if reason is not None and call.service == "secretsmanager" and target.key is not None:
                LOGGER.warning("%s may not %s: %s", caller.arn, target.action, reason)
                raise AwsError("AccessDeniedException", secret_management.NO_ACCESS_TO_KEY)
            if reason is not None:
                resource = target.shown or target.resource or "*"
                raise access_denied(call.protocol, caller.arn, target.action, resource, reason)

    def _may_list(self, call: ServiceRequest, caller: Caller, context: Mapping[str, ContextValue]) -> bool:
        """Tell if the caller may list the request's bucket, whatever the request is."""
        listing = replace(call, operation="ListObjectsV2", parameters={"Bucket": call.parameters["Bucket"]})
        try:
            self._authorize(listing, caller, access_targets(listing), context)
        except AwsError:
            return False
        return True

    def _denial(
        self, target: Target, caller: Caller, held: Permissions, context: Mapping[str, ContextValue]
    ) -> Denial | None:
        request = AccessRequest(target.action, target.resource, {**context, **target.context})
        if target.key is not None:
            return key_denial(
                request,
                caller,
                held.identity,
                held.boundary,
                parse_policy(str(target.key.policy)),
                self._named_principals.ids(target.key.arn),
            )
        if target.secret is not None and target.secret.policy is not None:
            return secret_denial(
                request,
                caller,
                held.identity,
                held.boundary,
                parse_policy(target.secret.policy),
                self._named_principals.ids(target.secret.arn),
            )
        if target.bucket is not None and target.bucket.policy is not None:
            return secret_denial(
                request,
                caller,
                held.identity,
                held.boundary,
                parse_policy(target.bucket.policy.decode()),
                self._named_principals.ids(f"arn:aws:s3:::{target.bucket.name}"),
            )
        return identity_denial(request, held.identity, held.boundary)

    def _answer(
        self, request: Request, call: ServiceRequest, caller: Caller, targets: tuple[Target, ...]
    ) -> Response:
        if call.service == "kms" and call.operation == "DescribeKey":
            # moto would let any Deny of kms:DescribeKey in the key policy apply to everybody.
            return Response(json.dumps(_key(targets).to_dict()), content_type="application/x-amz-json-1.1")
        if call.service == "s3" and (own := object_storage.own_answer(call)) is not None:
            return Response(own, content_type="application/xml")
        response = self._forward(request, call)
        if response.status_code >= 400:
            found = ERROR_CODE.search(response.get_data(as_text=True))
            code = (found["xml"] or found["json"]) if found is not None else "no code"
            LOGGER.warning(
                "%s:%s by %s failed: %s %s",
                call.service,
                call.operation,
                caller.arn,
                response.status_code,
                code,
            )
        elif call.service == "kms" and call.operation == "CreateKey":
            key_id = json.loads(response.get_data())["KeyMetadata"]["KeyId"]
            self._remember_policy(moto_state.keys(call.region)[key_id])
        elif call.service == "kms" and call.operation == "PutKeyPolicy":
            self._remember_policy(_key(targets))
        elif call.service == "s3":
            self._complete(request, call, response)
        elif call.operation == "PutResourcePolicy":
            self._named_principals.remember(
                secret_management.secret_arn(call), call.required_text("ResourcePolicy")
            )
        return response

    def _complete(self, request: Request, call: ServiceRequest, response: Response) -> None:
        """Finish what moto has answered for S3."""
        etag = object_storage.complete(call, request.get_data())
        if call.operation == "PutBucketPolicy":
            self._named_principals.remember(object_storage.bucket_arn(call), request.get_data(as_text=True))
        elif etag is not None and call.operation == "PutObject":
            response.headers["ETag"] = etag
        elif etag is not None:
            response.set_data(ETAG.sub(f"<ETag>{escape(etag)}</ETag>".encode(), response.get_data()))

    def _remember_policy(self, key: Key) -> None:
        self._named_principals.remember(key.arn, str(key.policy))

    def _forward(self, request: Request, call: ServiceRequest) -> Response:
        """Let moto answer; it takes the region from the host name."""
        environment = {name: value for name, value in request.environ.items() if name not in NOT_FOR_MOTO}
        environment["HTTP_HOST"] = f"{call.service}.{call.region}.amazonaws.com"
        body = request.get_data()
        if call.operation in ("GetKeyPolicy", "PutKeyPolicy"):
            # The one name there is may be left out at AWS, but not at moto.
            body = json.dumps({"PolicyName": "default", **call.parameters}).encode()
            environment["CONTENT_LENGTH"] = str(len(body))
        if call.service == "s3" and bucket_of_host(request.host) is not None:
            path = path_with_bucket(request.host, raw_path(request))
            environment["PATH_INFO"] = unquote(path, "latin-1")
            query = f"?{request.environ['QUERY_STRING']}" if request.environ["QUERY_STRING"] else ""
            environment["REQUEST_URI"] = environment["RAW_URI"] = f"{path}{query}"
        environment["wsgi.input"] = io.BytesIO(body)
        response = Response.from_app(self._moto(call.service), environment, buffered=True)
        if response.status_code >= 500:
            raise AwsError(
                "InternalFailure", f"moto failed at {call.service}:{call.operation}; see its log.", 500
            )
        return response


def _refuse(call: ServiceRequest, error: AwsError) -> Response:
    who = "unsigned" if call.authorization is None else call.authorization.access_key_id
    LOGGER.warning("refused %s:%s (%s): %s", call.service, call.operation, who, error)
    return error_response(error, call.service, call.protocol)


def _key(targets: Iterable[Target]) -> Key:
    return next(target.key for target in targets if target.key is not None)


def _check_endpoint(request: Request, call: ServiceRequest) -> None:
    """Refuse a signature for another service or region than the one whose host name was called."""
    host = request.host.partition(":")[0]
    if call.service == "s3" and (bucket := bucket_of_host(host)) is not None:
        host = host.removeprefix(f"{bucket}.")
    names = (f"{call.service}.{call.region}.amazonaws.com", f"{call.service}.amazonaws.com")
    if host.endswith(".amazonaws.com") and host not in names:
        raise wrong_signature(
            call.protocol, f"Credential should be scoped to a valid region and service for {host}."
        )


def _as_signed(request: Request) -> HttpRequest:
    return HttpRequest(
        method=request.method,
        path=raw_path(request),
        query=str(request.environ["QUERY_STRING"]),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(),
    )


def _caller_identity(caller: Caller) -> str:
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{caller.arn}</Arn><UserId>{caller.user_id}</UserId><Account>{ACCOUNT_ID}</Account>"
        f"</GetCallerIdentityResult><ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )


def _json(body: Mapping[str, object]) -> Response:
    return Response(json.dumps(body), content_type="application/json")


def _xml(text: str) -> Response:
    return Response(text, content_type="text/xml")
