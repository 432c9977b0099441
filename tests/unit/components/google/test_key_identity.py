"""A resource of earlier versions is read, and leaves the state without a trace."""

from components.google.key_identity import GoogleKeyIdentityProvider

KEY = {"key_id": "projects/acme/locations/global/keyRings/vault/cryptoKeys/unseal"}


def test_resource_of_an_earlier_version_is_read_as_it_is() -> None:
    read = GoogleKeyIdentityProvider().read("id", KEY)
    assert (read.id, read.outs) == ("id", KEY)


def test_its_deletion_calls_nothing() -> None:
    """The state names this class for it, and only the key's own resource has to do with the key."""
    GoogleKeyIdentityProvider().delete("id", KEY)
