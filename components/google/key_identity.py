"""Reads and deletes a resource of earlier versions, whose states name this provider.

It recorded the name of the key of Google Cloud KMS, which :mod:`components.release_guard` does now.
"""

from components.stable_provider import StableProvider


class GoogleKeyIdentityProvider(StableProvider):
    """Returns the state unchanged, and deletes nothing but the resource itself."""

    inputs = ("key_id",)
