"""The key on Google as the engine is asked for it, and what is found of it before."""

from dataclasses import replace

import pulumi
import pytest

from components.errors import DeploymentError
from components.google.project import google_provider
from components.google.settings import KeySettings
from components.google.unseal_key import ExistingKey, GoogleUnsealKey, GoogleUnsealKeyArgs, existing_key
from tests.unit.fakes.mocked_google import (
    GET_KEY_RINGS,
    GET_KEYS,
    KEY,
    KEY_COMPONENT,
    KEY_ID,
    NOTHING_YET,
    PROJECT,
    PROVIDER,
    RING,
    RING_ID,
    RINGS,
    api_off,
    computed,
    key,
)
from tests.unit.fakes.recorded_deployment import NOT_FOUND, Answer, Deployment, deploy

SETTINGS = KeySettings(
    key_ring="vault-auto-unseal",
    location="global",
    name="unseal-key",
    rotation_days=90,
    destroy_scheduled_days=30,
    retain_on_destroy=True,
)
ARGS = GoogleUnsealKeyArgs(
    key=SETTINGS,
    project=PROJECT,
    existing=ExistingKey(),
    protect=True,
    labels={"app": "vault"},
    prerequisites=(),
)
ACCOUNT = "Google Cloud: project acme-prod, as application default credentials."
"""What the preview tells of whoever deploys."""


def made(args: GoogleUnsealKeyArgs, *, preview: bool = False) -> Deployment:
    def program() -> None:
        made_key = GoogleUnsealKey("unseal", args, pulumi.ResourceOptions(provider=google_provider(PROJECT)))
        pulumi.export("key_ring", made_key.key_ring)
        pulumi.export("key_id", made_key.key_id)

    return deploy({}, answers=NOTHING_YET, outputs=computed, program=program, preview=preview)


def found(
    rings: Answer, keys: Answer, settings: KeySettings = SETTINGS, *, api_gets_enabled: bool = True
) -> tuple[ExistingKey, Deployment]:
    results = []
    deployment = deploy(
        {},
        answers={GET_KEY_RINGS: rings, GET_KEYS: keys},
        outputs=computed,
        program=lambda: results.append(
            existing_key(settings, project=PROJECT, api_gets_enabled=api_gets_enabled)
        ),
    )
    return results[0], deployment


def test_ring_and_key_are_made() -> None:
    deployment = made(ARGS)
    ring, crypto_key = deployment.only(RING), deployment.only(KEY)
    assert ring.inputs == {"name": "vault-auto-unseal", "location": "global", "project": PROJECT}
    assert crypto_key.inputs == {
        "name": "unseal-key",
        "keyRing": RING_ID,
        "purpose": "ENCRYPT_DECRYPT",
        "rotationPeriod": "7776000s",
        "destroyScheduledDuration": "2592000s",
        "labels": {"app": "vault"},
    }
    assert (ring.import_id, crypto_key.import_id) == ("", "")
    assert deployment.outputs == {"key_ring": RING_ID, "key_id": KEY_ID}
    assert deployment.component_outputs == {KEY_COMPONENT: deployment.outputs}
    assert {ring.parent, crypto_key.parent} == {deployment.only(KEY_COMPONENT).urn}
    assert all(entry.provider.startswith(deployment.only(PROVIDER).urn) for entry in (ring, crypto_key))


def test_rotation_may_be_off() -> None:
    assert (
        "rotationPeriod" not in made(replace(ARGS, key=replace(SETTINGS, rotation_days=0))).only(KEY).inputs
    )


@pytest.mark.parametrize("protect", [True, False])
@pytest.mark.parametrize("retain", [True, False])
def test_protection_and_what_outlives_the_stack(protect: bool, retain: bool) -> None:
    deployment = made(replace(ARGS, protect=protect, key=replace(SETTINGS, retain_on_destroy=retain)))
    assert (deployment.only(RING).protect, deployment.only(KEY).protect) == (protect, protect)
    # A ring can't be deleted at all.
    assert (deployment.only(RING).retain_on_delete, deployment.only(KEY).retain_on_delete) == (True, retain)


@pytest.mark.parametrize(
    "existing", [ExistingKey(ring_id=RING_ID), ExistingKey(ring_id=RING_ID, key_id=KEY_ID)]
)
def test_what_is_there_is_taken_over(existing: ExistingKey) -> None:
    deployment = made(replace(ARGS, existing=existing))
    assert deployment.only(RING).import_id == RING_ID
    assert deployment.only(KEY).import_id == (existing.key_id or "")


def test_a_change_that_would_replace_the_key_is_left_out() -> None:
    deployment = made(ARGS)
    assert deployment.only(KEY).ignored_changes == {"destroyScheduledDuration"}
    assert deployment.only(RING).ignored_changes == set()


def test_a_preview_before_there_is_a_key() -> None:
    assert made(ARGS, preview=True).types == sorted([PROVIDER, KEY_COMPONENT, RING, KEY])


def test_nothing_is_there() -> None:
    existing, deployment = found({"keyRings": []}, {})
    assert existing == ExistingKey()
    (call,) = deployment.calls
    assert call.args == {"project": PROJECT, "location": "global", "filter": f"name={RING_ID}"}


def test_a_ring_without_the_key() -> None:
    existing, deployment = found(RINGS, {"keys": [key(id=f"{RING_ID}/cryptoKeys/unseal-key-2")]})
    assert existing == ExistingKey(ring_id=RING_ID)
    assert deployment.calls[1].args == {"keyRing": RING_ID, "filter": f"name={KEY_ID}"}


def test_another_ring_is_not_taken_for_it() -> None:
    existing, deployment = found({"keyRings": [{"id": f"{RING_ID}-2", "name": "vault-auto-unseal-2"}]}, {})
    assert existing == ExistingKey()
    assert len(deployment.calls) == 1


def test_ring_and_key_are_there() -> None:
    existing, deployment = found(RINGS, {"keys": [key()]})
    assert existing == ExistingKey(ring_id=RING_ID, key_id=KEY_ID)
    assert deployment.log == [ACCOUNT]


def test_a_time_until_destruction_that_stays_as_it_is_is_told() -> None:
    _, deployment = found(RINGS, {"keys": [key(destroyScheduledDuration="86400s")]})
    (line,) = set(deployment.log) - {ACCOUNT}
    assert "keeps its destroyScheduledDuration of 86400s" in line
    assert "key.destroyScheduledDays (30) has no effect" in line


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (
            "DISABLED",
            r"is DISABLED, .* Enable it: gcloud kms keys versions enable 3 --key=unseal-key --keyring=",
        ),
        (
            "DESTROY_SCHEDULED",
            r"versions restore 3 --key=unseal-key.*\n.*can't be used again.* set key\.name",
        ),
        ("DESTROYED", r"set-primary-version unseal-key.*\nA key's name can't be used again"),
    ],
)
def test_a_key_whose_primary_version_is_not_enabled(state: str, told: str) -> None:
    version = {"name": f"{KEY_ID}/cryptoKeyVersions/3", "state": state}
    with pytest.raises(DeploymentError, match=told):
        found(RINGS, {"keys": [key(primaries=[version])]})


def test_a_key_without_a_primary_version() -> None:
    with pytest.raises(DeploymentError, match="is missing, so Vault can't be sealed with it"):
        found(RINGS, {"keys": [key(primaries=[])]})


def test_a_key_for_something_else() -> None:
    with pytest.raises(DeploymentError, match=r"is for ASYMMETRIC_SIGN.* Set key\.name"):
        found(RINGS, {"keys": [key(purpose="ASYMMETRIC_SIGN")]})


def test_an_api_that_the_stack_enables_has_nothing_yet() -> None:
    existing, _ = found(api_off("cloudkms.googleapis.com"), {})
    assert existing == ExistingKey()


def test_an_api_that_stays_off() -> None:
    with pytest.raises(DeploymentError, match=r"the API cloudkms\.googleapis\.com is off(.|\n)*enableApis"):
        found(api_off("cloudkms.googleapis.com"), {}, api_gets_enabled=False)


@pytest.mark.parametrize(
    ("rings", "keys", "told"),
    [
        (NOT_FOUND, {}, r"in global can't be listed(.|\n)*cloudkms\.keyRings\.list"),
        (RINGS, NOT_FOUND, r"keys of .* can't be listed(.|\n)*cloudkms\.cryptoKeys\.list"),
    ],
)
def test_what_can_not_be_told_is_no_reason_to_go_on(rings: Answer, keys: Answer, told: str) -> None:
    with pytest.raises(DeploymentError, match=told):
        found(rings, keys)
