"""Keeps the module that older states name for this provider: refresh and destroy load it from there."""

from components.google.key_identity import GoogleKeyIdentityProvider as GoogleKeyIdentityProvider
