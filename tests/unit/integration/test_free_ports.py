"""Ports that tests start servers on: nobody else gets them."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.integration.free_ports import free_ports

REPOSITORY = Path(__file__).resolve().parents[3]


def ports_of_another_process(count: int) -> set[int]:
    program = f"from tests.integration.free_ports import free_ports; print(*free_ports({count}))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    return {int(port) for port in done.stdout.split()}


def test_two_processes_get_different_ports_and_none_comes_twice() -> None:
    own = [*free_ports(100), *free_ports(100)]
    assert len(set(own)) == 200
    assert not ports_of_another_process(200) & set(own)


def test_none_is_in_the_range_of_outgoing_connections() -> None:
    first_outgoing = int(
        Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0]
    )
    assert max(free_ports(20)) < first_outgoing


def test_one_that_somebody_listens_on_is_left_out() -> None:
    with socket.socket() as listener:
        (port,) = free_ports(1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        # The whole block once round.
        assert port not in {port for _ in range(25) for port in free_ports(10)}
