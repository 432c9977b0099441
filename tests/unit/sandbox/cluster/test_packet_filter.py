from collections.abc import Sequence

import pytest

from sandbox.cluster import packet_filter

TCP = "-p tcp -m tcp --dport 80"
NAT = f"""\
-P PREROUTING ACCEPT
-N DOCKER
-N KUBE-MARK-MASQ
-N KUBE-SERVICES
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -d 169.254.169.254/32 -i vaultsbx0 {TCP} -j DNAT --to-destination 10.244.0.1:8988
-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-MARK-MASQ
"""
FILTER = """\
-P INPUT ACCEPT
-A INPUT -d 10.244.0.1/32 -i vaultsbx0 -j ACCEPT
-A INPUT -i vaultsbx0 -j REJECT --reject-with icmp-port-unreachable
-A INPUT -i docker0 -j ACCEPT
"""


class Commands:
    """Stands for the machine's iptables: answers with fixed tables and remembers what was changed."""

    def __init__(self) -> None:
        self.changes: list[tuple[list[str], str]] = []

    def run(self, argv: Sequence[str], *, stdin: str = "") -> str:
        if argv[-1] != "-S":
            self.changes.append((list(argv), stdin))
            return ""
        if argv[0] == "ip6tables":
            return "-P INPUT ACCEPT\n"
        return NAT if "nat" in argv else "-P INPUT ACCEPT\n" if "mangle" in argv else FILTER


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    commands = Commands()
    monkeypatch.setattr(packet_filter, "run", commands.run)
    return commands


def test_only_kubernetes_chains_and_the_jumps_into_them_are_removed(commands: Commands) -> None:
    packet_filter.remove_kubernetes_chains()
    ((argv, script),) = commands.changes
    assert argv == ["iptables-restore", "--wait", "--noflush"]
    assert script.splitlines() == [
        "*nat",
        ":KUBE-MARK-MASQ - [0:0]",
        ":KUBE-SERVICES - [0:0]",
        '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        "-X KUBE-MARK-MASQ",
        "-X KUBE-SERVICES",
        "COMMIT",
    ]


def test_kubernetes_chains_are_found(commands: Commands) -> None:
    assert packet_filter.kubernetes_chains() == ["KUBE-MARK-MASQ", "KUBE-SERVICES"]
    assert commands.changes == []


def test_only_rules_for_the_bridge_are_removed(commands: Commands) -> None:
    packet_filter.remove_rules()
    assert [" ".join(argv) for argv, _ in commands.changes] == [
        "iptables -w -t filter -D INPUT -d 10.244.0.1/32 -i vaultsbx0 -j ACCEPT",
        "iptables -w -t filter -D INPUT -i vaultsbx0 -j REJECT --reject-with icmp-port-unreachable",
        "iptables -w -t nat -D PREROUTING -d 169.254.169.254/32 -i vaultsbx0 -p tcp -m tcp --dport 80 "
        "-j DNAT --to-destination 10.244.0.1:8988",
    ]


def test_pods_are_redirected_once(commands: Commands) -> None:
    packet_filter.redirect_pods("169.254.169.254", 80, 8988)
    assert commands.changes == []
    packet_filter.redirect_pods("169.254.169.253", 80, 8988)
    assert [" ".join(argv) for argv, _ in commands.changes] == [
        "iptables -w -t nat -I PREROUTING -d 169.254.169.253/32 -i vaultsbx0 -p tcp -m tcp --dport 80 "
        "-j DNAT --to-destination 10.244.0.1:8988",
    ]
