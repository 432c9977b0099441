"""The settings of the init: shares, PGP keys, adoption, and the token."""

import base64
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pysequoia
import pytest
from pulumi.runtime import config as runtime_config

from tests.unit.fakes.stack_settings import EKS, PROJECT, SHAMIR, parse, problems

TOKEN: Any = object()
"""Stands for Pulumi's output of the secret token, which parsing hands on unread."""


@pytest.mark.parametrize(("shares", "threshold"), list(itertools.product(range(7), range(7))))
def test_threshold_fits_the_shares(shares: int, threshold: int) -> None:
    configuration = {**SHAMIR, "init": {"shares": shares, "threshold": threshold}}
    if 1 <= threshold <= shares and (threshold > 1 or shares == 1):
        init = parse(configuration).init
        assert (init.shares, init.threshold) == (shares, threshold)
    else:
        assert problems(configuration)


CERTIFICATES = [
    pysequoia.Tsk.generate(
        user_id=f"Holder {number} <holder-{number}@example.com>", profile=pysequoia.Profile.RFC4880
    ).extract_certificate()
    for number in range(2)
]
KEYS = [base64.b64encode(bytes(certificate)).decode() for certificate in CERTIFICATES]


def with_init(**init: Any) -> Mapping[str, Any]:
    return {**EKS, "init": {"shares": 2, "threshold": 2, **init}}


def test_pgp_keys_are_taken_as_base64_and_from_files(tmp_path: Path) -> None:
    file = tmp_path / "holder.asc"
    file.write_text(str(CERTIFICATES[1]))
    init = parse(with_init(pgpKeys=[KEYS[0], str(file)], rootTokenPgpKey=str(file))).init
    assert (list(init.pgp_keys), init.root_token_pgp_key) == (KEYS, KEYS[1])


@pytest.mark.parametrize(
    ("pgp_keys", "fix"),
    [
        ([KEYS[0]], "give 2 keys, one for each of init.shares"),
        ([*KEYS, KEYS[0]], "give 2 keys, one for each of init.shares"),
        ([KEYS[0], "/no/such/file"], "key 2: "),
        ([KEYS[0], "bm8ga2V5"], "key 2: "),
        (KEYS[0], "give a list of PGP public keys"),
        ([], None),
    ],
    ids=["too few", "too many", "no file", "no key", "no list", "none"],
)
def test_pgp_keys_are_one_a_share(pgp_keys: Any, fix: str | None) -> None:
    if fix is None:
        assert parse(with_init(pgpKeys=pgp_keys)).init.pgp_keys == ()
        return
    (problem,) = problems(with_init(pgpKeys=pgp_keys))
    assert problem.startswith(f"{PROJECT}:init.pgpKeys is ")
    assert fix in problem


def test_root_tokens_key_has_to_be_a_pgp_key() -> None:
    (problem,) = problems(with_init(rootTokenPgpKey="bm8ga2V5"))
    assert problem.startswith(f'{PROJECT}:init.rootTokenPgpKey is "bm8ga2V5": ')


def test_root_token_of_a_holder_is_revoked_by_its_holder() -> None:
    (problem,) = problems(with_init(rootTokenPgpKey=KEYS[0], rootToken="revoke"))
    assert problem.startswith(f'{PROJECT}:init.rootToken is "revoke": ')
    assert "vault token revoke -self" in problem


# Adoption


@pytest.mark.parametrize("keys", [{}, {"adopt": False}, {"adopt": True}])
def test_adopting_needs_a_token_or_the_keys(keys: Mapping[str, Any]) -> None:
    configuration = {**SHAMIR, "init": keys}
    if not keys.get("adopt"):
        assert parse(configuration).init.adopt is False
        return
    (problem,) = problems(configuration)
    assert problem.startswith(f"{PROJECT}:token is not set: ")
    assert "pulumi config set --secret token" in problem
    assert "adoptedKeys, or init.adoptedKeysFile" in problem


def test_keys_to_adopt_are_taken_from_a_file_or_a_secret() -> None:
    init = parse({**SHAMIR, "init": {"adopt": True, "adoptedKeysFile": "~/init.json"}}).init
    assert (init.adopt, init.adopted_keys_file) == (True, "~/init.json")
    secret = {**SHAMIR, "init": {"adopt": True}, "adoptedKeys": "{}"}
    assert parse(secret, secret_keys=["adoptedKeys"]).init.adopted_keys_file is None


@pytest.mark.parametrize(
    ("configuration", "fix"),
    [
        ({"init": {"adopt": False}, "adoptedKeys": "hunter2"}, "set init.adopt to true, or remove them"),
        ({"init": {"adoptedKeysFile": "/keys"}}, "set init.adopt to true, or remove them"),
        (
            {"init": {"adopt": True, "adoptedKeysFile": "/keys"}, "adoptedKeys": "hunter2"},
            "init.adoptedKeysFile takes its place",
        ),
    ],
)
def test_keys_to_adopt_that_fit_nothing(configuration: Mapping[str, Any], fix: str) -> None:
    (problem,) = problems({**SHAMIR, **configuration}, secret_keys=["adoptedKeys"])
    assert fix in problem
    assert "hunter2" not in problem


def test_keys_to_adopt_in_plain_text_are_refused_and_not_shown() -> None:
    (problem,) = problems({**SHAMIR, "init": {"adopt": True}, "adoptedKeys": "hunter2"})
    assert problem.startswith(f"{PROJECT}:adoptedKeys is in plain text: ")
    assert "hunter2" not in problem


# The token


def test_token_in_plain_text_is_refused_and_not_shown() -> None:
    (problem,) = problems({**SHAMIR, "token": "hunter2"}, token=TOKEN)
    assert problem.startswith(f"{PROJECT}:token is in plain text: ")
    assert "pulumi config set --secret token" in problem
    assert "hunter2" not in problem


def test_token_can_stand_for_the_root_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_config, "is_config_secret", lambda key: key == f"{PROJECT}:token")
    assert parse({**SHAMIR, "token": "hunter2"}, token=TOKEN).token is TOKEN


def test_token_with_adopting_is_handed_on_and_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_config, "is_config_secret", lambda key: key == f"{PROJECT}:token")
    settings = parse({**SHAMIR, "token": "hunter2", "init": {"adopt": True}}, token=TOKEN)
    assert settings.token is TOKEN
    assert settings.init.adopt is True
    assert " token=" not in repr(settings)
    assert repr(TOKEN) not in repr(settings)
