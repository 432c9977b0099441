"""Where the sandbox keeps its files."""

import os
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def tools_cache() -> Path:
    """Return the folder of built tools, which all checkouts of a user share.

    https://specifications.freedesktop.org/basedir-spec: a relative ``XDG_CACHE_HOME`` counts as not set.
    """
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    cache = configured if configured.is_absolute() else Path.home() / ".cache"
    return cache / "vault-autounseal" / "tools"


@dataclass(frozen=True)
class Layout:
    """The folders of one sandbox: all below ``home`` except the tools.

    ``make down`` removes ``run``, ``backend``, ``stacks`` and ``kubeconfig``; tools, images and
    provider plugins stay, so that the next ``make up`` is quick.
    """

    home: Path = REPOSITORY / ".sandbox"
    tools: Path = field(default_factory=tools_cache)
    """Built programs, one folder per build key."""

    @property
    def images(self) -> Path:
        """OCI archives made from the tools."""
        return self.home / "images"

    @property
    def charts(self) -> Path:
        """Copies of the sandbox's chart that stand in for other versions of the official one."""
        return self.home / "charts"

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
