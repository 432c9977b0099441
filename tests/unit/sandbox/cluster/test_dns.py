from pathlib import Path

from sandbox.cluster.dns import render_corefile

COREFILE = render_corefile(
    Path("/a folder/coredns.kubeconfig"),
    {
        "sts.example.com": "10.244.0.1",
        "kms.example.com": "10.244.0.1",
        "*.store.example.com": "10.244.0.1",
    },
)


def server_blocks() -> dict[str, str]:
    blocks = COREFILE.strip().split("\n\n")
    return {block.splitlines()[0].removesuffix(" {"): block for block in blocks}


def test_names_outside_of_the_cluster_are_answered_in_the_root_zone_only() -> None:
    blocks = server_blocks()
    assert "10.244.0.1 kms.example.com\n    10.244.0.1 sts.example.com\n" in blocks[".:53"]
    assert "hosts" not in blocks["cluster.local:53 in-addr.arpa:53 ip6.arpa:53"]


def test_names_of_one_label_below_a_name_are_answered_where_it_says_so() -> None:
    block = server_blocks()[".:53"]
    assert "*" not in block
    assert block.count('match "^[^.]+[.]store[.]example[.]com[.]$"') == 2
    assert 'answer "{{ .Name }} 5 IN A 10.244.0.1"' in block
    # The plugins are asked in the order that the program has, and what they don't match is the next one's.
    assert block.count("fallthrough") == 3


def test_no_other_server_is_asked() -> None:
    assert "forward" not in COREFILE
    assert "/etc/resolv.conf" not in COREFILE


def test_a_path_with_a_space_is_quoted() -> None:
    assert COREFILE.count('kubeconfig "/a folder/coredns.kubeconfig"') == 2


def test_every_zone_listens_on_the_bridge_only() -> None:
    for block in server_blocks().values():
        assert "  bind 10.244.0.1\n" in block
