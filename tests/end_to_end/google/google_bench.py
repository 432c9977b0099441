"""What a fault of Google Cloud is tried on: a bench whose stack has a key and an account of its own."""

from dataclasses import dataclass
from typing import ClassVar

from sandbox.google import PROCESS
from tests.end_to_end.faults.bench import Bench
from tests.end_to_end.google.conftest import PROJECT, GoogleDeployment


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
        return self.cloud.key

    @property
    def account(self) -> str:
        """The service account that Vault's pods are."""
        return f"{self.name}@{PROJECT.removeprefix('projects/')}.iam.gserviceaccount.com"
