"""The names by which servers are called."""

from dataclasses import replace

from components.tls.server_names import ServerNames, is_address

NAMES = ServerNames("vault", "secrets", replicas=3, highly_available=True, injector=True)


def test_all_names_of_a_highly_available_vault() -> None:
    services = [
        f"{service}{domain}"
        for service in ("vault", "vault-active", "vault-standby", "*.vault-internal")
        for domain in ("", ".secrets", ".secrets.svc", ".secrets.svc.cluster.local")
    ]
    extra = replace(NAMES, extra=["vault.example.com", "10.0.0.5", "localhost"])
    assert [*extra.all] == [*services, "localhost", "127.0.0.1", "::1", "vault.example.com", "10.0.0.5"]


def test_names_that_are_needed() -> None:
    pods = [f"vault-{ordinal}.vault-internal.secrets.svc" for ordinal in range(3)]
    assert [*NAMES.needed] == ["vault-active.secrets.svc", "vault.secrets.svc", *pods]
    assert "vault.secrets.svc" not in replace(NAMES, injector=False).needed
    assert replace(NAMES, extra=["vault.example.com"]).needed[-1] == "vault.example.com"


def test_one_server_alone_has_no_service_of_the_active_one() -> None:
    alone = replace(NAMES, replicas=1, highly_available=False)
    assert alone.verified == "vault.secrets.svc"
    assert [*alone.needed] == ["vault.secrets.svc"]
    assert [name for name in alone.all if "active" in name or "standby" in name] == []


def test_server_is_verified_by_the_service_of_the_active_one() -> None:
    assert NAMES.verified == "vault-active.secrets.svc"
    assert NAMES.pod("vault-2") == "vault-2.vault-internal.secrets.svc"


def test_addresses_are_told_from_names() -> None:
    assert [name for name in ("10.0.0.5", "::1", "10.0.0", "vault") if is_address(name)] == [
        "10.0.0.5",
        "::1",
    ]
