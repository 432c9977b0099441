"""Another key than the stack's is refused before the engine takes it over."""

from typing import Any

import pulumi
import pytest

from components.google.key_identity import GoogleKeyIdentity, GoogleKeyIdentityProvider
from tests.unit.fakes.mocked_google import KEY_ID, KEY_IDENTITY, RING_ID
from tests.unit.fakes.recorded_deployment import deploy

OTHER = f"{RING_ID}/cryptoKeys/unseal-key-2"


def failures(olds: dict[str, Any], key_id: str) -> list[str]:
    answer = GoogleKeyIdentityProvider().check(olds, {"key_id": key_id})
    return [failure.reason for failure in answer.failures]


def test_another_key_is_refused() -> None:
    (reason,) = failures({"key_id": KEY_ID}, OTHER)
    assert f"has the key {KEY_ID}, and the settings name {OTHER}" in reason
    assert "Set project, key.keyRing, key.location and key.name back" in reason


@pytest.mark.parametrize("olds", [{}, {"key_id": KEY_ID}])
def test_the_first_key_and_the_same_one_are_taken(olds: dict[str, Any]) -> None:
    assert failures(olds, KEY_ID) == []


def test_the_key_is_remembered() -> None:
    provider = GoogleKeyIdentityProvider()
    created = provider.create({"key_id": KEY_ID})
    assert (created.id, created.outs) == (KEY_ID, {"key_id": KEY_ID})
    assert provider.update(KEY_ID, {"key_id": KEY_ID}, {"key_id": KEY_ID}).outs == {"key_id": KEY_ID}
    assert not provider.diff(KEY_ID, {"key_id": KEY_ID}, {"key_id": KEY_ID}).changes


def test_name_of_the_key_is_the_only_input() -> None:
    def program() -> None:
        GoogleKeyIdentity("unseal-key-identity", KEY_ID, pulumi.ResourceOptions())

    deployment = deploy({}, answers={}, outputs=lambda _: {}, program=program)
    inputs = dict(deployment.only(KEY_IDENTITY).inputs)
    assert inputs.pop("__provider")
    assert inputs == {"key_id": KEY_ID}
