import os
import socket
import sys
from pathlib import Path
from typing import Literal

import pytest

from sandbox import processes
from sandbox.cluster.ports import CLUSTER_LISTENERS, Listener, port_conflicts
from sandbox.layout import Layout

KINDS: dict[Literal["tcp", "udp"], socket.SocketKind] = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def bound(kind: socket.SocketKind, address: str, family: socket.AddressFamily) -> socket.socket:
    opened = socket.socket(family, kind)
    opened.bind((address, 0))
    if kind == socket.SOCK_STREAM:
        opened.listen()
    return opened


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("held", "family"),
    [
        ("127.0.0.1", socket.AF_INET),
        ("0.0.0.0", socket.AF_INET),  # noqa: S104 - what listens on all addresses holds each of them
        ("::", socket.AF_INET6),
        ("::ffff:127.0.0.1", socket.AF_INET6),
    ],
)
def test_a_port_that_is_held_is_reported_with_its_holder(
    tmp_path: Path, protocol: Literal["tcp", "udp"], held: str, family: socket.AddressFamily
) -> None:
    with bound(KINDS[protocol], held, family) as holder:
        listener = Listener("127.0.0.1", holder.getsockname()[1], "a test", protocol=protocol)
        (conflict,) = port_conflicts(Layout(tmp_path), [listener])
    assert conflict.listener == listener
    assert conflict.holder is not None
    assert f"process {os.getpid()} (" in conflict.holder
    assert f"{protocol} port {listener.port} on 127.0.0.1 (a test) is held by process" in str(conflict)


def test_another_address_another_protocol_and_a_mere_connection_are_no_conflict(tmp_path: Path) -> None:
    with bound(socket.SOCK_STREAM, "127.0.0.1", socket.AF_INET) as holder:
        port = holder.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as connection:
            listeners = [
                Listener("10.244.0.1", port, "another address"),
                Listener("127.0.0.1", port, "another protocol", protocol="udp"),
                Listener("127.0.0.1", connection.getsockname()[1], "a connection's own port"),
            ]
            assert port_conflicts(Layout(tmp_path), listeners) == []


def test_what_the_sandbox_holds_itself_is_no_conflict(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    program = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); time.sleep(60)"
    )
    processes.start(layout, "server", [sys.executable, "-c", program])
    try:
        processes.wait_until("it listens", 10, lambda: processes.log_tail(layout, "server") != "")
        listener = Listener("127.0.0.1", int(processes.log_tail(layout, "server")), "a test")
        assert port_conflicts(layout, [listener]) == []
        assert len(port_conflicts(Layout(tmp_path / "another"), [listener])) == 1
    finally:
        processes.stop(layout, "server")


def test_no_port_is_claimed_twice() -> None:
    claims = [(listener.protocol, listener.address, listener.port) for listener in CLUSTER_LISTENERS]
    assert len(claims) == len(set(claims))
