"""Ports of the loopback that nobody else takes, not even while the server that has one is down.

A port that the kernel picks (`bind` to port 0) lies in the range that it picks from for outgoing connections,
too: until the server is up, or while it restarts, any connection or test on the machine can get it. These lie
beneath that range, and each process of pytest hands out those of a block that it alone has.
"""

import errno
import fcntl
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import TextIO

_FIRST, _BLOCK, _BLOCKS = 15000, 250, 60
_held: list[TextIO] = []


def free_ports(count: int) -> list[int]:
    """Return so many different ports on which nobody listens."""
    ports: list[int] = []
    for port in _own_block():
        if port not in ports and _is_free(port):
            ports.append(port)
        if len(ports) == count:
            break
    return ports


@cache
def _own_block() -> Iterator[int]:
    """Lock a block until this process ends; its ports come round again."""
    folder = Path(tempfile.gettempdir()) / "vault-autounseal-ports"
    folder.mkdir(exist_ok=True)
    for block in range(_BLOCKS):
        lock = (folder / str(block)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append(lock)
        first = _FIRST + block * _BLOCK
        return cycle(range(first, first + _BLOCK))
    raise RuntimeError(f"{_BLOCKS} processes of tests hold ports: see {folder}")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        # As servers do: connections that have just ended are no obstacle.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True
