"""Where the sandbox keeps its files."""

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Layout:
    """The folders of one sandbox, all below ``home``.

    ``make down`` removes ``run``, ``backend``, ``stacks`` and ``kubeconfig``; tools, images and
    provider plugins stay, so that the next ``make up`` is quick.
    """

    home: Path = REPOSITORY / ".sandbox"

    @property
    def tools(self) -> Path:
        """Binaries, one folder a tool and version."""
        return self.home / "tools"

    @property
    def images(self) -> Path:
        """OCI archives made from the tools."""
        return self.home / "images"

    @property
    def cloud_authority(self) -> Path:
        """The authority of the clouds' certificates; images carry it, so it outlives a run."""
        return self.home / "cloud-authority"

    @property
    def pulumi_home(self) -> Path:
        """``PULUMI_HOME``: provider plugins and the engine's settings."""
        return self.home / "pulumi"

    @property
    def run(self) -> Path:
        """Everything that belongs to the running sandbox: keys, databases, volumes, sockets."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.run / "logs"

    @property
    def pids(self) -> Path:
        """One record a started process."""
        return self.run / "pids"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig of the sandbox cluster."""
        return self.home / "kubeconfig"

    @property
    def stack_configuration(self) -> Path:
        """The configuration of the sandbox's stacks."""
        return self.home / "stacks"

    @property
    def backend(self) -> Path:
        """The Pulumi state of the sandbox's stack (a file backend)."""
        return self.home / "backend"
