"""Vault's configuration as text; that Vault itself takes it is tested with real Vault processes."""

import json
from dataclasses import replace

import pytest

from components.seals import awskms
from components.seals.seal import SealStanza
from components.settings import ListenerSettings, RaftSettings
from components.settings.server_configuration import ExtraConfiguration
from components.vault.configuration import (
    ServerTls,
    join_addresses,
    quote,
    render_configuration,
)

RAFT = RaftSettings(
    performance_multiplier=1,
    autopilot_reconcile_interval="1s",
    autopilot_update_interval="500ms",
    retry_join="active-service",
)
POD_NAMES = replace(RAFT, retry_join="pod-names")


def test_awskms() -> None:
    text = render_configuration(
        ui=True,
        raft=RAFT,
        join=["http://vault-active.vault.svc:8200"],
        seals=[awskms.stanza("eu-central-1", "1111-2222")],
    )
    assert (
        text
        == """\
ui = true

listener "tcp" {
  tls_disable = 1
  address = "[::]:8200"
  cluster_address = "[::]:8201"
}

storage "raft" {
  path = "/vault/data"
  performance_multiplier = 1
  autopilot_reconcile_interval = "1s"
  autopilot_update_interval = "500ms"
  retry_join {
    leader_api_addr = "http://vault-active.vault.svc:8200"
  }
}

seal "awskms" {
  region = "eu-central-1"
  kms_key_id = "1111-2222"
}

service_registration "kubernetes" {}
"""
    )


def test_shamir_has_no_seal_stanza() -> None:
    text = render_configuration(ui=False, raft=RAFT, join=[], seals=[])
    assert text.startswith("ui = false\n")
    assert "seal" not in text
    assert "retry_join" not in text


def test_raft_timing_is_that_of_the_settings() -> None:
    raft = replace(
        RAFT,
        performance_multiplier=5,
        autopilot_reconcile_interval="10s",
        autopilot_update_interval="2s",
    )
    text = render_configuration(ui=True, raft=raft, join=[], seals=[])
    assert "performance_multiplier = 5" in text
    assert 'autopilot_reconcile_interval = "10s"' in text
    assert 'autopilot_update_interval = "2s"' in text


def test_awskms_stanza_holds_no_credential() -> None:
    assert awskms.stanza("r", "k").parameters.keys() == {"region", "kms_key_id"}


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ('a "quoted" word', r'"a \"quoted\" word"'),
        ("back\\slash", r'"back\\slash"'),
        ("two\nlines", r'"two\nlines"'),
        ("a\ttab", r'"a\ttab"'),
        ("${interpolated}", r'"\u0024{interpolated}"'),
        ("$5 and {braces}", '"$5 and {braces}"'),
        ("", '""'),
        ('"}\nseal "transit" {', r'"\"}\nseal \"transit\" {"'),
    ],
)
def test_quote(text: str, quoted: str) -> None:
    assert quote(text) == quoted
    assert json.loads(quote(text)) == text


def test_a_value_cannot_leave_its_string() -> None:
    seal = SealStanza("awskms", {"kms_key_id": 'x"\n}\nstorage "file" {\n  path = "/tmp'})
    text = render_configuration(ui=True, raft=RAFT, join=[], seals=[seal])
    assert sum(line.startswith("storage") for line in text.splitlines()) == 1


@pytest.mark.parametrize(
    ("raft", "fullname", "namespace", "replicas", "expected"),
    [
        (RAFT, "vault", "vault", 3, ["http://vault-active.vault.svc:8200"]),
        (RAFT, "blue-vault", "secrets", 5, ["http://blue-vault-active.secrets.svc:8200"]),
        (RAFT, "vault", "vault", 1, []),
        (POD_NAMES, "vault", "vault", 1, []),
        (
            POD_NAMES,
            "blue-vault",
            "secrets",
            3,
            [f"http://blue-vault-{ordinal}.blue-vault-internal:8200" for ordinal in range(3)],
        ),
    ],
)
def test_join_addresses(
    raft: RaftSettings, fullname: str, namespace: str, replicas: int, expected: list[str]
) -> None:
    found = join_addresses(raft, fullname=fullname, namespace=namespace, replicas=replicas)
    assert list(found) == expected


def test_tls() -> None:
    tls = ServerTls("/vault/tls/tls.crt", "/vault/tls/tls.key", "/vault/tls/ca.crt", "vault-active.vault.svc")
    join = join_addresses(POD_NAMES, fullname="vault", namespace="vault", replicas=3, scheme="https")
    text = render_configuration(ui=True, raft=RAFT, join=join, seals=[], tls=tls)
    assert (
        """
listener "tcp" {
  tls_cert_file = "/vault/tls/tls.crt"
  tls_key_file = "/vault/tls/tls.key"
  tls_min_version = "tls12"
  address = "[::]:8200"
"""
        in text
    )
    for ordinal in range(3):
        assert (
            f"""
  retry_join {{
    leader_api_addr = "https://vault-{ordinal}.vault-internal:8200"
    leader_ca_cert_file = "/vault/tls/ca.crt"
    leader_tls_servername = "vault-active.vault.svc"
  }}
"""
            in text
        )
    assert "tls_disable" not in text


def test_calls_that_want_no_token_are_named_only_if_there_are_any() -> None:
    def rendered(*unauthenticated: str) -> str:
        return render_configuration(ui=True, raft=None, join=(), seals=(), unauthenticated=unauthenticated)

    line = 'enable_unauthenticated_access = ["generate-root"]\n'
    assert f"\n{line}\nlistener" in rendered("generate-root")
    assert rendered("generate-root").replace(f"{line}\n", "") == rendered()


def test_hcl_of_the_users_own_comes_before_the_last_stanza() -> None:
    extra = "\nlog_level = <<EOF\ndebug\nEOF\n"
    text = render_configuration(ui=True, raft=RAFT, join=[], seals=[], extra=extra)
    plain = render_configuration(ui=True, raft=RAFT, join=[], seals=[])
    assert text == plain.replace("\n\nlistener", "\n\nlog_level = <<EOF\ndebug\nEOF\n\nlistener")


def test_listener_believes_a_proxy_and_serves_those_that_come_without() -> None:
    listener = ListenerSettings(("10.0.0.0/8", "::1"), 2, False, True)
    text = render_configuration(ui=True, raft=None, join=[], seals=[], listener=listener)
    assert (
        """\
  cluster_address = "[::]:8201"
  x_forwarded_for_authorized_addrs = ["10.0.0.0/8", "::1"]
  x_forwarded_for_hop_skips = 2
  x_forwarded_for_reject_not_authorized = false
  x_forwarded_for_reject_not_present = false
  telemetry {
    unauthenticated_metrics_access = true
  }
}
"""
        in text
    )


def test_stanzas_have_more_parameters_of_the_users() -> None:
    listener = ListenerSettings(extra=ExtraConfiguration("custom_response_headers {\n}\n"))
    raft = replace(RAFT, extra=ExtraConfiguration("max_entry_size = <<EOF\n9\nEOF\n"))
    text = render_configuration(ui=True, raft=raft, join=["a"], seals=[], listener=listener)
    assert '  cluster_address = "[::]:8201"\n  custom_response_headers {\n}\n}\n' in text
    assert 'autopilot_update_interval = "500ms"\n  max_entry_size = <<EOF\n9\nEOF\n  retry_join {' in text
