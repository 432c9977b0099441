"""Unsealing with key shares as a resource."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from components import shamir_unseal
from components.operator_init import OperatorInit
from components.shamir_unseal import ShamirUnsealProvider, unseal_with_key_shares
from components.vault_release import VaultRelease
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import DEPLOYMENT, NOWHERE, TARGET, access
from tests.unit.fakes.scripted_vault import (
    SEAL_STATUS,
    SHARES,
    UNSEAL,
    ScriptedVault,
    seal_status,
)
from tests.unit.fakes.shamir_keys import OTHER_SHARES, in_store, record
from tests.unit.fakes.stack_settings import EKS, SHAMIR, parse

SEALED = seal_status("shamir", initialized=True)
UNSEALED = seal_status("shamir", initialized=True, sealed=False, cluster_id="7d")


def inputs(address: str = NOWHERE, **changed: Any) -> dict[str, Any]:
    return {
        "access": access(address).to_properties(),
        "deployment": DEPLOYMENT,
        "replicas": 1,
        "key_shares": SHARES,
        "custody": {},
        "threshold": 3,
        "quorum_seconds": 0.5,
        **changed,
    }


def test_create_unseals(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    # The engine sends every number as a float.
    result = ShamirUnsealProvider().create(inputs(vault.address, replicas=1.0, threshold=3.0))
    assert (result.id, result.outs) == ("secrets/vault", inputs(vault.address))
    assert vault.unsealed_with() == SHARES[:3]


def test_update_unseals_what_is_new(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, UNSEALED)
    news = inputs(vault.address, replicas=3)
    assert ShamirUnsealProvider().update("id", inputs(vault.address), news).outs == news
    assert len(vault.asked(SEAL_STATUS)) == 3


def test_shares_come_from_the_store_of_the_settings(vault: ScriptedVault, tmp_path: Path) -> None:
    scripted_store.Store(str(tmp_path)).write(record(), TARGET)
    vault.answers(SEAL_STATUS, SEALED, UNSEALED)
    vault.answers(UNSEAL, UNSEALED)
    ShamirUnsealProvider().create(
        # Of a change of shares that was settled and is still to be repeated with the numbers of the settings.
        inputs(vault.address, key_shares=[], threshold=3, custody=in_store(tmp_path))
    )
    assert vault.unsealed_with() == list(OTHER_SHARES[:2])


def test_adopted_vault_is_unsealed_by_whoever_holds_its_shares() -> None:
    adopted = inputs(key_shares=[])
    assert ShamirUnsealProvider().create(adopted).outs == adopted


def test_read_loses_nothing() -> None:
    assert ShamirUnsealProvider().read("id", inputs()).outs == inputs()


@pytest.mark.parametrize(("changed", "changes"), [({}, False), ({"replicas": 3}, True)])
def test_diff_compares_the_inputs_and_never_replaces(changed: Mapping[str, Any], changes: bool) -> None:
    olds = {**inputs(), "__provider": "a reference"}
    result = ShamirUnsealProvider().diff("id", olds, {**inputs(), "__provider": "a reference", **changed})
    assert result.changes is changes
    assert not result.replaces


@pytest.mark.parametrize(("base", "unsealed"), [(SHAMIR, True), (EKS, False)])
def test_only_a_seal_that_needs_people_is_unsealed(
    monkeypatch: pytest.MonkeyPatch, base: Mapping[str, Any], unsealed: bool
) -> None:
    made: list[str] = []
    monkeypatch.setattr(shamir_unseal, "ShamirUnseal", lambda name, **_: made.append(name))
    release = cast(VaultRelease, SimpleNamespace(access=access()))
    init = object.__new__(OperatorInit)
    assert len(unseal_with_key_shares(parse(base), release, init)) == len(made)
    assert made == ["shamir-unseal"] * unsealed
