"""The access of the snapshots' job: made once, never over what others have, and taken away."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from components.vault.client import VaultClient, VaultForbiddenError
from components.vault.snapshot_access import POLICY, JobAccess, SnapshotAccessError, access_name, why_refused
from tests.unit.fakes.scripted_vault import Answer, ScriptedVault, error, no_content

ACCESS = JobAccess("kubernetes", "vault-snapshot", "vault-snapshot", "vault")
METHODS, ENABLE = "GET /v1/sys/auth", "POST /v1/sys/auth/kubernetes"
CONFIG, CONFIGURE = "GET /v1/auth/kubernetes/config", "POST /v1/auth/kubernetes/config"
READ_POLICY, WRITE_POLICY = (f"{verb} /v1/sys/policies/acl/vault-snapshot" for verb in ("GET", "PUT"))
READ_ROLE, WRITE_ROLE = (f"{verb} /v1/auth/kubernetes/role/vault-snapshot" for verb in ("GET", "PUT"))
ROLES = "GET /v1/auth/kubernetes/role"
OWN = {"kubernetes/": {"type": "kubernetes", "description": "Enabled by vault-autounseal for vault-snapshot"}}
OTHERS = {"kubernetes/": {"type": "kubernetes", "description": "for our pods"}}
WRITES = (ENABLE, CONFIGURE, WRITE_POLICY, WRITE_ROLE)


def has(
    vault: ScriptedVault,
    *,
    methods: Mapping[str, Any] = OTHERS,
    configured: bool = True,
    policy: str | None = None,
    role: Mapping[str, Any] | None = None,
) -> VaultClient:
    """A Vault that has this much of it."""
    vault.answers(METHODS, Answer({"data": dict(methods)}))
    if configured:
        vault.answers(CONFIG, Answer({"data": {"kubernetes_host": "https://10.0.0.1"}}))
    if policy is not None:
        vault.answers(READ_POLICY, Answer({"data": {"name": "vault-snapshot", "policy": policy}}))
    if role is not None:
        vault.answers(READ_ROLE, Answer({"data": {**role, "alias_name_source": "serviceaccount_uid"}}))
    for call in WRITES:
        vault.answers(call, no_content())
    return VaultClient(vault.address, "hvs.token")


def written(vault: ScriptedVault) -> list[str]:
    return [request.call for request in vault.requests if request.call in WRITES]


def test_everything_is_made_in_an_empty_vault(vault: ScriptedVault) -> None:
    client = has(vault, methods={}, configured=False)
    assert ACCESS.set_up(client, ours=False) is True
    assert written(vault) == [ENABLE, CONFIGURE, WRITE_POLICY, WRITE_ROLE]
    (role,) = vault.asked(WRITE_ROLE)
    assert role.body == {
        "bound_service_account_names": ["vault-snapshot"],
        "bound_service_account_namespaces": ["vault"],
        "audience": "vault-autounseal-snapshot",
        "token_policies": ["vault-snapshot"],
        "token_no_default_policy": True,
        "token_type": "batch",
        "token_ttl": 300,
        "token_max_ttl": 300,
    }
    (policy,) = vault.asked(WRITE_POLICY)
    assert policy.body["policy"] == POLICY
    assert POLICY.count("path ") == 1


def test_method_that_is_there_is_left_as_it_is(vault: ScriptedVault) -> None:
    assert ACCESS.set_up(has(vault), ours=False) is False
    assert written(vault) == [WRITE_POLICY, WRITE_ROLE]


def test_interrupted_run_goes_on(vault: ScriptedVault) -> None:
    client = has(vault, methods=OWN, configured=False, policy=POLICY)
    assert ACCESS.set_up(client, ours=False) is True
    assert written(vault) == [CONFIGURE, WRITE_ROLE]


def test_nothing_is_written_that_is_there(vault: ScriptedVault) -> None:
    client = has(vault, policy=POLICY, role=ACCESS.role)
    ACCESS.set_up(client, ours=False)
    assert written(vault) == []
    assert ACCESS.lacking(client) == ""


@pytest.mark.parametrize(
    ("policy", "role", "named"),
    [
        ('path "*" {}', None, "policy vault-snapshot"),
        (POLICY, {**ACCESS.role, "token_ttl": 3600}, "role vault-snapshot of auth/kubernetes"),
        (POLICY, {**ACCESS.role, "token_policies": ["root"]}, "role vault-snapshot of auth/kubernetes"),
    ],
)
def test_what_others_have_made_is_refused_and_what_has_drifted_is_made_anew(
    vault: ScriptedVault, policy: str, role: Mapping[str, Any] | None, named: str
) -> None:
    client = has(vault, policy=policy, role=role)
    assert ACCESS.lacking(client) == named
    with pytest.raises(SnapshotAccessError, match=f"Vault has {named} already"):
        ACCESS.set_up(client, ours=False)
    assert written(vault) == []
    ACCESS.set_up(client, ours=True)
    assert written(vault)


def test_method_of_another_type_is_refused(vault: ScriptedVault) -> None:
    client = has(vault, methods={"kubernetes/": {"type": "userpass"}})
    with pytest.raises(SnapshotAccessError, match=r"set snapshots\.authPath|Set snapshots\.authPath"):
        ACCESS.set_up(client, ours=True)
    assert written(vault) == []


@pytest.mark.parametrize(
    ("enabled", "roles", "disabled"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_method_goes_only_if_it_is_ours_and_nobody_elses(
    vault: ScriptedVault, enabled: bool, roles: bool, disabled: bool
) -> None:
    deletions = [
        "DELETE /v1/auth/kubernetes/role/vault-snapshot",
        "DELETE /v1/sys/policies/acl/vault-snapshot",
        "DELETE /v1/sys/auth/kubernetes",
    ]
    for call in deletions:
        vault.answers(call, no_content())
    if roles:
        vault.answers(ROLES, Answer({"data": {"keys": ["app"]}}))
    ACCESS.take_away(VaultClient(vault.address, "hvs.token"), enabled=enabled)
    asked = [request.call for request in vault.requests if request.call.startswith("DELETE")]
    assert asked == deletions if disabled else deletions[:2]


@pytest.mark.parametrize(
    ("changed", "gone"),
    [
        ({"path": "k8s"}, ["auth/kubernetes/role/vault-snapshot", "sys/auth/kubernetes"]),
        ({"name": "other"}, ["auth/kubernetes/role/vault-snapshot", "sys/policies/acl/vault-snapshot"]),
        ({"namespace": "other"}, []),
    ],
)
def test_what_the_new_access_has_as_well_stays(
    vault: ScriptedVault, changed: dict[str, str], gone: list[str]
) -> None:
    deletions = [f"DELETE /v1/{path}" for path in gone]
    for call in deletions:
        vault.answers(call, no_content())
    client = VaultClient(vault.address, "hvs.token")
    ACCESS.take_away(client, enabled=True, kept=replace(ACCESS, **changed))
    asked = [request.call for request in vault.requests if request.call.startswith("DELETE")]
    assert asked == deletions


def test_refusal_says_which_rights_are_needed(vault: ScriptedVault) -> None:
    vault.answers(METHODS, error(403, "permission denied"))
    with pytest.raises(VaultForbiddenError) as raised:
        ACCESS.set_up(VaultClient(vault.address, "hvs.token"), ours=False)
    assert "docs/snapshots.md#the-token-of-the-setup" in why_refused(raised.value)


def test_name_is_of_this_vault() -> None:
    assert access_name("vault") == "vault-snapshot"
