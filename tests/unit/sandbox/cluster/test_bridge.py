import json
from collections.abc import Sequence

import pytest

from sandbox.cluster import bridge


def routes(monkeypatch: pytest.MonkeyPatch, *found: tuple[str, str]) -> list[str]:
    listed = json.dumps([{"dst": destination, "dev": device} for destination, device in found])

    def run(argv: Sequence[str]) -> str:
        assert list(argv) == ["ip", "-json", "-4", "route", "show"]
        return listed

    monkeypatch.setattr(bridge, "run", run)
    return bridge.conflicting_routes()


@pytest.mark.parametrize("destination", ["10.244.0.0/24", "10.96.4.0/22", "10.96.0.10"])
def test_a_network_that_lies_in_the_sandboxs_addresses_is_a_conflict(
    monkeypatch: pytest.MonkeyPatch, destination: str
) -> None:
    (conflict,) = routes(monkeypatch, ("default", "eth0"), (destination, "cni0"))
    assert f"route to {destination} by cni0" in conflict


@pytest.mark.parametrize(
    ("destination", "device"),
    [
        ("default", "eth0"),
        ("10.0.0.0/8", "tun0"),
        ("172.17.0.0/16", "docker0"),
        ("10.244.0.0/24", "vaultsbx0"),
    ],
)
def test_others_are_none(monkeypatch: pytest.MonkeyPatch, destination: str, device: str) -> None:
    assert routes(monkeypatch, (destination, device)) == []
