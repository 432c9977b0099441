"""Refuses an operating system on which a run would end halfway."""

import platform

from components.errors import DeploymentError


def require_supported_system() -> None:
    """Raise :class:`DeploymentError` on Windows.

    It has neither the process groups nor the file locks that are used here, and can't wait for kubectl's
    output with a deadline: a run would fail after the release and before the init.
    """
    if platform.system() == "Windows":
        raise DeploymentError(
            "This program runs on Linux and macOS, and not on Windows; nothing was created or changed. "
            "Run it in WSL, with Pulumi, kubectl and the cloud's command line installed there: "
            "wsl --install, see learn.microsoft.com/windows/wsl/install."
        )
