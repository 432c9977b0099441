"""Another package of the name that every state has."""

from pathlib import Path

import pytest

from vault_autounseal.own_components import require_own_components


def test_own_package_is_found() -> None:
    require_own_components()


def test_another_package_before_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match=r"Python finds another one before it .*Give your own another name"):
        require_own_components(tmp_path / "components")
