"""The licence of Vault Enterprise."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.seals.seal import SecretEntry
from tests.unit.fakes.stack_settings import PROJECT, SHAMIR, parse, problems

ENTERPRISE = {"repository": "hashicorp/vault-enterprise", "tag": "1.18.1-ent"}


def licensed(image: Mapping[str, str] = ENTERPRISE, **section: Any) -> dict[str, Any]:
    return {**SHAMIR, "image": image, "license": section}


def test_licence_is_an_entry_of_a_secret() -> None:
    assert parse(SHAMIR).license is None
    assert parse(licensed(secret="paid")).license == SecretEntry("paid", "license")
    assert parse(licensed(secret="paid", key="vault.hclic")).license == SecretEntry("paid", "vault.hclic")


@pytest.mark.parametrize(
    "image",
    [
        {"repository": "registry.example/mirror/vault", "tag": "1.18.1-ent.hsm.fips1402"},
        {"repository": "hashicorp/vault-enterprise", "tag": "1.18"},
        {"repository": "registry.example/ours", "tag": "stable"},
    ],
)
def test_what_may_be_vault_enterprise_is_licensed(image: dict[str, str]) -> None:
    assert parse(licensed(image, secret="paid")).license


@pytest.mark.parametrize("image", [{}, {"tag": "2.0.4"}, {"repository": "registry.example/vault"}])
def test_the_community_edition_has_no_licence(image: dict[str, str]) -> None:
    (problem,) = problems(licensed(image, secret="paid"))
    assert "isn't Vault Enterprise; set image.repository and image.tag" in problem


@pytest.mark.parametrize(
    ("section", "key", "fix"),
    [
        ({}, "secret", "name a Secret in Vault's namespace"),
        ({"secret": "Not A Name"}, "secret", "name a Secret in Vault's namespace"),
        ({"secret": "paid", "key": "a/b"}, "key", "name the key in the Secret's data"),
        ({"secret": "paid", "name": "x"}, "name", "there is no such setting"),
    ],
)
def test_wrong_licence(section: dict[str, str], key: str, fix: str) -> None:
    (problem,) = problems({**licensed(), "license": section})
    assert problem.startswith(f"{PROJECT}:license.{key} is ")
    assert fix in problem
