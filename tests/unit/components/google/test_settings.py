"""The resource names that follow from the settings of the key."""

from components.google.settings import KeySettings


def test_key_is_in_its_ring_in_its_location() -> None:
    key = KeySettings(
        key_ring="ring",
        location="europe",
        name="unseal",
        rotation_days=90,
        destroy_scheduled_days=30,
        retain_on_destroy=True,
    )
    assert key.ring_id("acme") == "projects/acme/locations/europe/keyRings/ring"
    assert key.key_id("acme") == "projects/acme/locations/europe/keyRings/ring/cryptoKeys/unseal"
