"""What the stack's outputs tell of an answer, and what a log may show of it."""

from dataclasses import asdict

from components.vault.answers import InitAnswer, RaftPeer


def test_every_fact_about_a_peer_is_in_the_peer_table() -> None:
    peer = RaftPeer("vault-0", "vault-0.vault-internal:8201", leader=True, voter=True, healthy=False)
    assert peer.to_properties() == asdict(peer)


def test_keys_of_the_init_are_not_shown() -> None:
    answer = InitAnswer(root_token="hvs.root", recovery_shares=("c2hhcmU=",), key_shares=("a2V5",))
    assert not [secret for secret in ("hvs.root", "c2hhcmU=", "a2V5") if secret in f"{answer!r} {answer}"]
