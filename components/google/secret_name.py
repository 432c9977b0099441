"""The name of a secret of Google Secret Manager, in its parts, and the roles of its readers."""

from dataclasses import dataclass

ACCESSOR = "roles/secretmanager.secretAccessor"
VERSION_MANAGER = "roles/secretmanager.secretVersionManager"


@dataclass(frozen=True)
class SecretName:
    """The parts of a secret's resource name."""

    project: str
    region: str
    """Empty where Google chooses."""
    name: str

    @staticmethod
    def of(secret: str) -> "SecretName":
        parts = secret.split("/")
        values = dict(zip(parts[::2], parts[1::2], strict=True))
        return SecretName(values["projects"], values.get("locations", ""), values["secrets"])

    @property
    def flags(self) -> str:
        """What tells gcloud where the secret is."""
        return f"--project={self.project}" + (f" --location={self.region}" if self.region else "")
