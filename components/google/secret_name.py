"""Splits the name of a Google Secret Manager secret into its parts, and names the roles of its readers."""

from dataclasses import dataclass

ACCESSOR = "roles/secretmanager.secretAccessor"
VERSION_MANAGER = "roles/secretmanager.secretVersionManager"


@dataclass(frozen=True)
class SecretName:
    """The parts of a secret's resource name."""

    project: str
    region: str
    """Empty for a global secret."""
    name: str

    @staticmethod
    def of(secret: str) -> "SecretName":
        parts = secret.split("/")
        values = dict(zip(parts[::2], parts[1::2], strict=True))
        return SecretName(values["projects"], values.get("locations", ""), values["secrets"])

    @property
    def flags(self) -> str:
        """The gcloud flags that select the secret's project and location."""
        return f"--project={self.project}" + (f" --location={self.region}" if self.region else "")
