"""The settings that decide who can get a new root token from Vault 2.x, by the version in the image's tag."""

from typing import Any

import pytest

from tests.unit.fakes.stack_settings import EKS, PROJECT, parse, problems

TOKEN: Any = object()
"""Stands for Pulumi's output of the secret token, which parsing hands on unread."""
OLD = ["1.18.1", "1.21.9", "v1.18", "1", "1.20.4-ent", "1.19"]
NEW = ["2.0.0", "2.0", "2", "v2.1.3", "2.0.2-ent", "10.0", "2.0.0-ubi"]
UNKNOWN = ["latest", "prod", "vault-2.0", "stable_1.18", "2025build", "2026.11.03"]


def with_image(tag: str, **init: Any) -> dict[str, Any]:
    return {**EKS, "image": {"tag": tag}, "init": init}


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("1.18.1", (1, 18)),
        ("v2.1.3", (2, 1)),
        ("2", (2, 0)),
        ("2.0.2-ent", (2, 0)),
        ("10.0", (10, 0)),
        *((tag, None) for tag in UNKNOWN),
    ],
)
def test_version_is_that_of_the_tag(tag: str, version: tuple[int, int] | None) -> None:
    assert parse(with_image(tag)).image.vault_version == version


@pytest.mark.parametrize("tag", NEW)
def test_root_token_is_not_revoked_if_nobody_could_get_in_again(tag: str) -> None:
    (problem,) = problems(with_image(tag, rootToken="revoke"))
    assert problem.startswith(f'{PROJECT}:init.rootToken is "revoke": Vault {tag} makes no new root token')
    for fix in (
        "set a token whose policy allows sys/generate-root/*",
        "init.unauthenticatedGenerateRoot to true",
    ):
        assert fix in problem


@pytest.mark.parametrize("tag", [*NEW, *OLD, *UNKNOWN])
def test_root_token_is_revoked_with_another_token(tag: str) -> None:
    assert parse(with_image(tag, rootToken="revoke"), token=TOKEN).init.revoke_root_token is True


@pytest.mark.parametrize("tag", [*NEW, *UNKNOWN])
def test_root_token_is_revoked_if_the_shares_are_enough(tag: str) -> None:
    init = parse(with_image(tag, rootToken="revoke", unauthenticatedGenerateRoot=True)).init
    assert (init.revoke_root_token, init.unauthenticated_generate_root) == (True, True)


@pytest.mark.parametrize("tag", [*OLD, *UNKNOWN])
def test_root_token_is_revoked_on_earlier_versions(tag: str) -> None:
    assert parse(with_image(tag, rootToken="revoke")).init.revoke_root_token is True


@pytest.mark.parametrize("tag", OLD)
def test_setting_without_an_effect_is_refused(tag: str) -> None:
    (problem,) = problems(with_image(tag, unauthenticatedGenerateRoot=True))
    assert problem.startswith(f"{PROJECT}:init.unauthenticatedGenerateRoot is true: ")
    assert f"Vault {tag} never wants a token for it; remove it" in problem


def test_setting_is_off_unless_asked_for() -> None:
    assert parse(with_image("2.0.0")).init.unauthenticated_generate_root is False
    (problem,) = problems(with_image("2.0.0", unauthenticatedGenerateRoot="yes"))
    assert "use true or false" in problem
