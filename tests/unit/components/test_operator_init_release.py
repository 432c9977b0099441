"""The init if others install the release, and a release that leaves the stack."""

from pathlib import Path
from typing import Any

import pytest

from components.awaits_release import MISSING
from components.errors import DeploymentError
from components.init.outputs import OUTPUTS
from components.injector_admission import InjectorAdmissionProvider
from components.injector_rollout import InjectorRolloutProvider
from components.operator_init import OperatorInitProvider
from components.raft_quorum import RaftQuorumProvider
from components.root_token_revocation import RootTokenRevocationProvider
from components.shamir_unseal import ShamirUnsealProvider
from components.stable_provider import StableProvider
from tests.unit.fakes.init_inputs import InitCluster, init_inputs, provide_cluster
from tests.unit.fakes.operator_init_state import KEYS, state
from tests.unit.fakes.pgp_keys import new_key
from tests.unit.fakes.scripted_vault import INIT, SEAL_STATUS, ScriptedVault, init_answer, seal_status

LACKING = {MISSING: "there is no StatefulSet vault"}
THERE = {MISSING: ""}
PROVIDER = {"__provider": state()["__provider"]}
INJECTOR = {"target": {"namespace": "secrets"}, "deployment": "vault-agent-injector"}


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the journal lies in."""
    return provide_cluster(monkeypatch, tmp_path)


def placed(provider: StableProvider, inputs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs and the state of a first update that finds no release."""
    checked = provider.check({}, {**inputs, **LACKING}).inputs
    state = provider.create(checked).outs
    assert state is not None
    return checked, state


@pytest.mark.parametrize(
    "provider",
    [
        OperatorInitProvider(),
        RaftQuorumProvider(),
        ShamirUnsealProvider(),
        RootTokenRevocationProvider(),
        InjectorAdmissionProvider(),
        InjectorRolloutProvider(),
    ],
    ids=lambda provider: type(provider).__name__,
)
def test_without_the_release_nothing_is_asked_of_vault(
    provider: StableProvider, cluster: InitCluster
) -> None:
    inputs = {**dict.fromkeys(provider.inputs, "1"), **init_inputs(), **INJECTOR}
    created = provider.create(provider.check({}, {**inputs, **LACKING}).inputs)
    assert created.id.startswith("secrets/vault")
    assert cluster.objects.calls == []


def test_placeholder_has_every_output_and_no_keys() -> None:
    _, state = placed(OperatorInitProvider(), init_inputs())
    assert {name for name in OUTPUTS if state[name]} == set()
    assert [state[name] for name in ("recovery_shares", "key_shares")] == [[], []]


def test_update_that_finds_the_release_initialises_once(vault: ScriptedVault) -> None:
    provider = OperatorInitProvider()
    inputs, before = placed(provider, init_inputs(vault.address))
    vault.answers(SEAL_STATUS, seal_status("awskms"))
    vault.answers(INIT, init_answer(recovery=True))
    news = provider.check(inputs, {**init_inputs(vault.address), **THERE}).inputs
    assert provider.diff("id", before, news).changes is True
    assert len(vault.asked(INIT)) == 0
    after = provider.update("id", before, news).outs
    assert after == {**init_inputs(vault.address), **KEYS}
    assert provider.diff("id", after, news).changes is False
    assert len(vault.asked(INIT)) == 1


def test_holders_may_be_changed_until_the_init() -> None:
    provider = OperatorInitProvider()
    inputs, _ = placed(provider, init_inputs(pgp_keys=[new_key()], shares=1, threshold=1))
    changed = init_inputs(pgp_keys=[new_key()], shares=1, threshold=1)
    assert provider.check(inputs, {**changed, **THERE}).failures == []


def test_failed_init_leaves_the_placeholder(vault: ScriptedVault) -> None:
    provider = OperatorInitProvider()
    inputs, before = placed(provider, init_inputs(vault.address))
    vault.answers(SEAL_STATUS, seal_status("shamir"))
    news = provider.check(inputs, {**init_inputs(vault.address), **THERE}).inputs
    with pytest.raises(DeploymentError, match="The settings say seal awskms"):
        provider.update("id", before, news)
    assert len(vault.asked(INIT)) == 0


def test_initialised_vault_keeps_its_keys_while_others_install_new_values() -> None:
    provider = OperatorInitProvider()
    inputs = provider.check(init_inputs(), {**init_inputs(shares=7), **PROVIDER, **LACKING}).inputs
    assert provider.diff("id", state(), inputs).changes is False


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        # Whether the release was handed over is what its own state says.
        (None, "others", False),
        ("others", None, True),
    ],
)
def test_release_of_others_does_not_become_the_stacks_own(
    old: str | None, new: str | None, refused: bool
) -> None:
    olds, news = [
        {**init_inputs(), **({"release": release} if release is not None else {})} for release in (old, new)
    ]
    failures = OperatorInitProvider().check(olds, news).failures
    assert [failure.property for failure in failures] == (["release"] if refused else [])
    assert OperatorInitProvider().diff("id", {**state(), **olds}, {**news, **PROVIDER}).changes is False
