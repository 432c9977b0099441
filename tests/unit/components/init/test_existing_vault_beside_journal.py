"""A Vault that is initialised already, whose journal can't be read: the store's keys are enough."""

import base64
from collections.abc import Callable, Mapping

import pytest

from components.errors import DeploymentError
from components.journal.encryption import StackKeyCipher
from tests.unit.fakes import scripted_store
from tests.unit.fakes.init_inputs import CIPHER, TARGET, InitCluster, journal
from tests.unit.fakes.init_runs import run
from tests.unit.fakes.scripted_vault import SEAL_STATUS, ScriptedVault
from tests.unit.fakes.vault_keys import OTHER, STORED, UNSEALED, answer_proofs


def damage_file(cluster: InitCluster) -> None:
    (path,) = cluster.journal_files
    path.write_text("{")


JOURNALS_THAT_TELL_NOTHING: Mapping[str, Callable[[InitCluster], None]] = {
    "damaged": damage_file,
    "forbidden": lambda cluster: cluster.objects.fail(
        "get secret", 'Error from server (Forbidden): secrets "vault-operator-init" is forbidden'
    ),
}


@pytest.mark.parametrize("spoil", JOURNALS_THAT_TELL_NOTHING.values(), ids=JOURNALS_THAT_TELL_NOTHING)
def test_keys_in_the_store_are_enough_where_the_journal_tells_nothing(
    vault: ScriptedVault,
    store: scripted_store.Store,
    cluster: InitCluster,
    spoil: Callable[[InitCluster], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    store.write(STORED, TARGET)
    journal().begin(CIPHER)
    spoil(cluster)
    answer_proofs(vault, True)
    result = run(vault, store)
    assert (result.record, result.initialized_here) == (STORED, True)
    said = capfd.readouterr().err
    assert said.count("The keys that are stored are tried without it") == 1
    assert "it may be deleted by hand" in said


def test_keys_in_the_store_are_enough_where_those_in_the_journal_do_not_decrypt(
    vault: ScriptedVault, store: scripted_store.Store
) -> None:
    store.write(STORED, TARGET)
    opened = journal()
    opened.begin(StackKeyCipher(base64.b64encode(bytes(32)).decode()))
    opened.keep(OTHER)
    answer_proofs(vault, True)
    assert run(vault, store).record == STORED
    # They may be needed after all.
    left = journal().find()
    assert left is not None
    assert left.fingerprint == OTHER.fingerprint


def test_journal_that_tells_nothing_stops_a_run_that_has_no_other_keys(
    vault: ScriptedVault, cluster: InitCluster
) -> None:
    journal().begin(CIPHER)
    JOURNALS_THAT_TELL_NOTHING["damaged"](cluster)
    vault.answers(SEAL_STATUS, UNSEALED)
    for adopt in (False, True):
        with pytest.raises(DeploymentError, match="The journal of the init can't be read"):
            run(vault, adopt=adopt)
