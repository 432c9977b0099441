"""The init in Pulumi's host of dynamic providers: what it learns from the configuration, and its errors."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest

from components.errors import DeploymentError
from components.init import procedure
from components.init.outputs import OUTPUTS
from components.operator_init import OperatorInitProvider
from tests.unit.fakes.init_inputs import InitCluster, init_inputs, provide_cluster
from tests.unit.fakes.scripted_vault import ROOT_TOKEN, SEAL_STATUS, SHARES, ScriptedVault, seal_status
from tests.unit.fakes.vault_keys import answer_proofs


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the journal lies in."""
    return provide_cluster(monkeypatch, tmp_path)


def configured(**config: str) -> OperatorInitProvider:
    """As the host of dynamic providers configures one."""
    provider = OperatorInitProvider()
    provider.configure(ConfigureRequest(Config(config, "vault-autounseal")))
    return provider


def test_keys_to_adopt_come_with_the_configuration_and_stay_out_of_the_state(vault: ScriptedVault) -> None:
    answer_proofs(vault, True)
    keys = {"root_token": ROOT_TOKEN, "recovery_keys_b64": SHARES, "recovery_keys_threshold": 3}
    provider = configured(**{"vault-autounseal:adoptedKeys": json.dumps(keys)})
    outs = provider.create(init_inputs(vault.address, adopt=True)).outs
    assert outs is not None
    assert (outs["root_token"], outs["recovery_shares"]) == (ROOT_TOKEN, SHARES)
    assert outs["cluster_initialized_here"] is False
    # The state has them where the stack's own keys are, and nowhere else.
    assert outs.keys() == {*init_inputs(), *OUTPUTS}
    assert json.dumps(outs).count(ROOT_TOKEN) == 1


@pytest.mark.parametrize(("olds", "said"), [({}, False), (init_inputs(), True)], ids=["before", "after"])
def test_keys_to_adopt_that_stay_configured_are_warned_of(
    capfd: pytest.CaptureFixture[str], olds: dict[str, Any], said: bool
) -> None:
    provider = configured(**{"vault-autounseal:adoptedKeys": json.dumps({"root_token": ROOT_TOKEN})})
    assert provider.check(olds, init_inputs()).failures == []
    told = capfd.readouterr().err
    assert ("pulumi config rm adoptedKeys" in told) is said
    assert ROOT_TOKEN not in told


def test_nothing_is_warned_of_without_keys_to_adopt(capfd: pytest.CaptureFixture[str]) -> None:
    configured().check(init_inputs(), init_inputs())
    assert capfd.readouterr().err == ""


def test_secrets_of_the_project_are_not_those_of_a_vault_in_it(vault: ScriptedVault) -> None:
    provider = OperatorInitProvider()
    keys = json.dumps({"root_token": ROOT_TOKEN})
    theirs = {"platform:token": "of something else", "platform:adoptedKeys": "theirs"}
    provider.configure(ConfigureRequest(Config({**theirs, "ours:adoptedKeys": keys}, "platform")))
    props = init_inputs(vault.address, configuration_namespace="ours")
    assert (provider._secret(props, "token"), provider._secret(props, "adoptedKeys")) == ("", keys)


def test_configuration_without_keys_to_adopt(vault: ScriptedVault) -> None:
    vault.answers(SEAL_STATUS, seal_status("awskms", initialized=True, sealed=False))
    result = configured().create(init_inputs(vault.address, adopt=True))
    assert result.outs is not None
    assert result.outs["keys_location"] == ""


def test_errors_that_nobody_foresaw_keep_their_trace(
    monkeypatch: pytest.MonkeyPatch, vault: ScriptedVault, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(procedure, "_initialized_at", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        configured().create(init_inputs(vault.address))
    said = capfd.readouterr().err
    assert "in initialized" in said
    assert "ZeroDivisionError" in said
    # Of the process, in which other calls run at the same time.
    assert sys.tracebacklimit == 0


def test_error_that_explains_itself_is_said_by_the_engine_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DeploymentError):
        configured().create(init_inputs(migrate_from="shamir"))
    assert capfd.readouterr().err == ""
