"""The proxy passes everything on, but for what it is told to disturb."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests
from werkzeug.wrappers import Request, Response

from tests.end_to_end.faults.vault_proxy import Answer, Exchange, VaultProxy
from tests.http_server import http_server


@dataclass
class Upstream:
    """Answers with what it was asked."""

    server_port: int = 0
    asked: list[str] = field(default_factory=list)

    def answer(self, asked: Request) -> Response:
        self.asked.append(f"{asked.method} {asked.path}")
        return Response(f"{asked.path} {asked.headers.get('X-Vault-Token')} {asked.data.decode()}", 418)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    with http_server(server.answer) as server.server_port:
        yield server


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[VaultProxy]:
    with VaultProxy(lambda _pod: f"http://127.0.0.1:{upstream.server_port}").serving() as serving:
        yield serving


def put(proxy: VaultProxy, path: str) -> requests.Response:
    return requests.put(
        f"{proxy.address.format(pod='vault-1')}/v1/{path}",
        json={"a": 1},
        headers={"X-Vault-Token": "t"},
        timeout=5,
    )


def test_what_is_not_disturbed_is_passed_on(proxy: VaultProxy) -> None:
    answer = put(proxy, "sys/init")
    assert (answer.status_code, answer.text) == (418, '/v1/sys/init t {"a": 1}')
    proxy.require_all_used()


def test_a_request_is_cut_off_before_vault_has_it(proxy: VaultProxy, upstream: Upstream) -> None:
    proxy.on_write("sys/init", Exchange.cut)
    with pytest.raises(requests.exceptions.ConnectionError):
        put(proxy, "sys/init")
    assert upstream.asked == []
    # Only once.
    assert put(proxy, "sys/init").status_code == 418


def test_a_later_request_is_cut_off(proxy: VaultProxy, upstream: Upstream) -> None:
    proxy.on_write("sys/rekey/update", Exchange.cut, skipped=1)
    assert put(proxy, "sys/rekey/update").status_code == 418
    with pytest.raises(AssertionError, match="never asked for"):
        proxy.require_all_used()
    with pytest.raises(requests.exceptions.ConnectionError):
        put(proxy, "sys/rekey/update")
    assert upstream.asked == ["PUT /v1/sys/rekey/update"]
    proxy.require_all_used()


def test_shares_are_remembered_that_the_program_never_got(proxy: VaultProxy) -> None:
    def answer(*bodies: bytes) -> None:
        for body in bodies:
            proxy.remember(Answer(200, {}, body))

    answer(b"", b"[]", b'{"keys_base64": ["one", "two"], "nonce": "n"}', b'{"keys": null}')
    assert proxy.given == {"one", "two"}


def test_an_answer_is_swallowed(proxy: VaultProxy, upstream: Upstream) -> None:
    def swallow(exchange: Exchange) -> None:
        assert exchange.forward().status == 418
        exchange.cut()

    proxy.on_write("sys/init", swallow)
    with pytest.raises(requests.exceptions.ConnectionError):
        put(proxy, "sys/init")
    assert upstream.asked == ["PUT /v1/sys/init"]
    proxy.require_all_used()


def test_a_reading_request_is_told_from_a_writing_one(proxy: VaultProxy) -> None:
    proxy.on_write("sys/init", Exchange.cut)
    assert requests.get(f"{proxy.address.format(pod='vault-1')}/v1/sys/init", timeout=5).status_code == 418
    with pytest.raises(AssertionError, match="never asked for: write sys/init"):
        proxy.require_all_used()


def test_a_failed_interceptor_is_reported(proxy: VaultProxy) -> None:
    def fail(_exchange: Exchange) -> None:
        raise ValueError("no")

    proxy.on_write("sys/init", fail)
    with pytest.raises(requests.exceptions.ConnectionError):
        put(proxy, "sys/init")
    with pytest.raises(AssertionError, match="an interceptor failed"):
        proxy.require_all_used()


def test_without_a_pod_the_connection_breaks() -> None:
    with VaultProxy(lambda _pod: None).serving() as proxy, pytest.raises(requests.exceptions.ConnectionError):
        put(proxy, "sys/init")


def test_each_pod_is_asked_by_itself(upstream: Upstream) -> None:
    asked = []

    def address_of(pod: str) -> str:
        asked.append(pod)
        return f"http://127.0.0.1:{upstream.server_port}"

    with VaultProxy(address_of).serving() as proxy:
        for pod in ("vault-0", "vault-2"):
            requests.get(f"{proxy.address.format(pod=pod)}/v1/sys/health", timeout=5)
    assert asked == ["vault-0", "vault-2"]
