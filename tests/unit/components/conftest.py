"""A Vault that answers by a script."""

from collections.abc import Iterator

import pytest

from tests.unit.fakes.scripted_vault import ScriptedVault, serve_scripted_vault


@pytest.fixture
def vault() -> Iterator[ScriptedVault]:
    """A scripted Vault for one test."""
    with serve_scripted_vault() as scripted:
        yield scripted
