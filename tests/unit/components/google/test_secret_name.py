"""The parts of a secret's resource name, and the flags that lead gcloud to it."""

import pytest

from components.google.secret_name import SecretName


@pytest.mark.parametrize(
    ("secret", "parts", "flags"),
    [
        ("projects/acme/secrets/keys", SecretName("acme", "", "keys"), "--project=acme"),
        (
            "projects/acme/locations/europe-west3/secrets/keys",
            SecretName("acme", "europe-west3", "keys"),
            "--project=acme --location=europe-west3",
        ),
    ],
)
def test_global_and_regional_secret(secret: str, parts: SecretName, flags: str) -> None:
    assert (SecretName.of(secret), parts.flags) == (parts, flags)


@pytest.mark.parametrize("secret", ["projects/acme/secrets", "keys"])
def test_name_without_all_its_parts(secret: str) -> None:
    with pytest.raises(ValueError, match="zip"):
        SecretName.of(secret)
