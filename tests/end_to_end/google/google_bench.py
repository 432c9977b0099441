"""What a fault of Google Cloud is tried on: a bench whose stack has a key and an account of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.google import PROCESS
from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.google.conftest import PROJECT, RING, GoogleDeployment


@dataclass
class GoogleBench(Bench):
    """One stack of the program on Google Cloud."""

    cloud_process: ClassVar[str] = PROCESS

    @property
    def cloud(self) -> GoogleDeployment:
        """The stack and Google Cloud around it."""
        assert isinstance(self.deployment, GoogleDeployment)
        return self.deployment

    @property
    def key(self) -> str:
        """The seal's key, as Google names it."""
        return f"{RING}/cryptoKeys/{self.name}"

    @property
    def account(self) -> str:
        """The service account that Vault's pods are."""
        return f"{self.name}@{PROJECT.removeprefix('projects/')}.iam.gserviceaccount.com"

    def seal_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """A key and a service account named as the trial is."""
        return {
            "key": {"name": self.name, **settings.get("key", {})},
            "identity": {"serviceAccount": self.name, **settings.get("identity", {})},
        }

    def forget_key(self) -> None:
        """Google's keys can't be deleted; the next trial's has another name."""
