"""The PGP keys of those who hold shares and root token: which changes of them the resource takes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pysequoia
import pytest

from components.custody.pgp_keys import load_public_key
from components.operator_init import OperatorInitProvider
from tests.unit.fakes.init_inputs import CIPHER, InitCluster, init_inputs, journal, provide_cluster
from tests.unit.fakes.operator_init_state import state
from tests.unit.fakes.pgp_keys import EXPIRED, new_key
from tests.unit.fakes.vault_keys import OTHER

KEY = new_key()


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InitCluster:
    """The cluster that the journal lies in."""
    return provide_cluster(monkeypatch, tmp_path)


def test_check_leaves_the_root_token_encrypted_as_it_is() -> None:
    result = OperatorInitProvider().check(state(), init_inputs(root_token_pgp_key=KEY))
    (failure,) = result.failures
    assert failure.property == "root_token_pgp_key"
    assert "set it back" in failure.reason


def armored(text: str) -> str:
    return load_public_key(text).base64


def test_key_that_expired_stops_the_init_and_nothing_later(capfd: pytest.CaptureFixture[str]) -> None:
    expired = armored(EXPIRED)
    keys: dict[str, Any] = {"pgp_keys": [expired] * 5, "root_token_pgp_key": expired}
    at_first = OperatorInitProvider().check({}, init_inputs(**keys)).failures
    assert [failure.property for failure in at_first] == ["pgp_keys", "root_token_pgp_key"]
    assert all("expired on 2020-02-01" in failure.reason for failure in at_first)
    capfd.readouterr()
    assert OperatorInitProvider().check(state(**keys), init_inputs(**keys)).failures == []
    assert "expired on 2020-02-01" in capfd.readouterr().err
    # New shares would be encrypted to it.
    (failure,) = OperatorInitProvider().check(state(), init_inputs(pgp_keys=[expired] * 5)).failures
    assert failure.property == "pgp_keys"


def test_key_that_its_holder_renewed_is_the_same_key() -> None:
    secret = pysequoia.Tsk.generate(user_id="Holder", profile=pysequoia.Profile.RFC4880)
    certificate = secret.extract_certificate()
    renewed = certificate.set_expiration(datetime.now(UTC) + timedelta(days=900), secret.certifier())
    before, now = (armored(str(one)) for one in (certificate, renewed))
    assert before != now
    olds = state(pgp_keys=[before] * 5, root_token_pgp_key=before)
    news = init_inputs(pgp_keys=[now] * 5, root_token_pgp_key=now)
    assert OperatorInitProvider().check(olds, news).failures == []
    assert OperatorInitProvider().diff("id", olds, {**news, "__provider": "a reference"}).changes is False
    outs = OperatorInitProvider().update("id", olds, news).outs
    assert outs is not None
    assert (outs["pgp_keys"], outs["keys_fingerprint"]) == ([now] * 5, olds["keys_fingerprint"])


def test_key_that_expired_may_be_the_one_of_an_interrupted_change() -> None:
    """The new shares may be valid already, and then they are only stored."""
    expired = armored(EXPIRED)
    opened = journal()
    opened.begin(CIPHER)
    opened.keep(OTHER)
    assert OperatorInitProvider().check(state(), init_inputs(pgp_keys=[expired] * 5)).failures == []
