"""Where the program runs: on Linux and macOS; on Windows it says what to do instead."""

import platform

import pytest

from components.errors import DeploymentError
from components.operating_system import require_supported_system


@pytest.mark.parametrize("system", ["Linux", "Darwin"])
def test_system_that_is_supported(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    require_supported_system()


def test_windows_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    with pytest.raises(DeploymentError, match=r"nothing was created or changed\..*Run it in WSL"):
        require_supported_system()
