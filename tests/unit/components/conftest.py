"""A Vault that answers by a script, and AWS's descriptions read once."""

import functools
from collections.abc import Iterator

import botocore.session
import pytest
from botocore.loaders import create_loader

from tests.unit.fakes.scripted_vault import ScriptedVault, serve_scripted_vault


@pytest.fixture(autouse=True, scope="session")
def descriptions_of_aws() -> Iterator[None]:
    """Let all sessions of the SDK share its description files, which are megabytes for each client."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.session, "create_loader", functools.cache(create_loader))
        yield


@pytest.fixture
def vault() -> Iterator[ScriptedVault]:
    """A scripted Vault for one test."""
    with serve_scripted_vault() as scripted:
        yield scripted
