"""The place that states of before name for this provider; refresh and destroy load what the state names."""

from components.google.key_identity import GoogleKeyIdentityProvider as GoogleKeyIdentityProvider
