"""The APIs over HTTP and JSON: finds the method, checks who calls and whether the API is enabled."""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from sandbox.google.api_errors import GoogleError, JsonObject, TokenError, not_implemented
from sandbox.google.cloud import GoogleCloud, json_bytes
from sandbox.google.partial_answers import partial_answer
from sandbox.google.project import by_project_id
from sandbox.google.rest_routes import NOBODY, Call, Caller, RawAnswer, Route, Service

LOGGER = logging.getLogger(__name__)
_PROJECT = re.compile(r"/projects/([^/:]+)")
_COMMON_PARAMETERS = ("alt", "prettyPrint", "fields", "quotaUser", "$alt", "$prettyPrint")


class RestGateway:
    """All hosts as one WSGI application; the request's Host says which one is meant."""

    def __init__(self, cloud: GoogleCloud) -> None:
        self._cloud = cloud
        self._routes = {
            host: [(route, route.pattern) for route in service.routes]
            for host, service in cloud.services.items()
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        host = request.host.partition(":")[0]
        service = self._cloud.services.get(host)
        if service is None:
            return _json(501, {"error": {"code": 501, "message": f"There is no {host} in the sandbox."}})
        path = by_project_id(request.path)
        method, asked, caller = f"{request.method} {path}", "", NOBODY
        status, code = "OK", 200
        answer: JsonObject | RawAnswer
        with self._cloud.lock:
            self._cloud.policies.required.clear()
            try:
                self._cloud.outages.check(host)
                found = self._find(host, request.method, path)
                if found is None:
                    raise not_implemented(f"{request.method} https://{host}{request.path}")
                route, names = found
                method, asked = route.name, f"{request.method} {host}{route.path_without_names}"
                if route.authenticated:
                    caller = self._authenticate(request, service, path)
                answer = route.handler(_call(request, route, caller, names))
                if isinstance(answer, dict) and (fields := request.args.get("fields")):
                    answer = partial_answer(answer, fields)
            except GoogleError as error:
                status, code, answer = error.status, error.code, error.body()
            except TokenError as error:
                status, code, answer = error.error, 400, error.body()
            permissions = sorted(self._cloud.policies.required)
        self._cloud.log.add("rest", host, method, path, caller.member, status, asked, permissions)
        LOGGER.info("%s %s %s for %s: %s", host, method, path, caller.member, status)
        if isinstance(answer, RawAnswer):
            return Response(
                answer.content, answer.status, dict(answer.headers), content_type=answer.content_type
            )
        return _json(code, answer)

    def _find(self, host: str, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        for route, pattern in self._routes[host]:
            found = pattern.fullmatch(path)
            if found is not None and route.method == method:
                return route, found.groupdict()
        return None

    def _authenticate(self, request: Request, service: Service, path: str) -> Caller:
        caller = self._cloud.callers.authenticate(request.headers.get("Authorization"), service.host)
        project = _PROJECT.search(path)
        if service.can_be_disabled and project is not None:
            self._cloud.enabled_services.require(service.host, project[1])
        return caller


def _call(request: Request, route: Route, caller: Caller, names: Mapping[str, str]) -> Call:
    query = _query(request)
    if not route.any_content:
        return Call(caller, names, query, _body(request))
    headers = {name.lower(): value for name, value in request.headers.items()}
    # Its own media types are told apart by it.
    media = {name: value for name, value in request.args.items() if name == "alt"}
    return Call(caller, names, {**query, **media}, {}, request.get_data(), headers)


def _query(request: Request) -> Mapping[str, str]:
    """Repeated parameters are one, with commas."""
    return {name: ",".join(values) for name, values in request.args.lists() if name not in _COMMON_PARAMETERS}


def _body(request: Request) -> JsonObject:
    content = request.get_data()
    if not content:
        return {}
    if request.mimetype == "application/x-www-form-urlencoded":
        return {name: values[-1] for name, values in parse_qs(content.decode("latin-1")).items()}
    try:
        body: object = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise GoogleError("INVALID_ARGUMENT", "Invalid JSON payload received. Unknown name or parse error.")
    return body


def _json(code: int, answer: object) -> Response:
    return Response(json_bytes(answer), code, content_type="application/json; charset=UTF-8")
