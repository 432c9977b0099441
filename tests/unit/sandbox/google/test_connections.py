import ssl

import pytest

from sandbox.google.connections import offered_protocols


def client_hello(*protocols: str) -> bytes:
    """What Python's TLS sends first."""
    context = ssl.create_default_context()
    if protocols:
        context.set_alpn_protocols(list(protocols))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname="cloudkms.googleapis.com")
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("protocols", [("h2",), ("h2", "http/1.1"), ("http/1.1",), ()])
def test_the_offered_protocols_are_found(protocols: tuple[str, ...]) -> None:
    assert offered_protocols(client_hello(*protocols)) == list(protocols)


@pytest.mark.parametrize("length", [0, 3, 44, 60, 120])
def test_what_is_cut_off_offers_nothing(length: int) -> None:
    assert offered_protocols(client_hello("h2")[:length]) == []


def test_what_is_no_hello_offers_nothing() -> None:
    assert offered_protocols(b"GET / HTTP/1.1\r\n\r\n") == []
