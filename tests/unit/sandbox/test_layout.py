"""Where the sandbox keeps what outlives a checkout."""

from pathlib import Path

import pytest

from sandbox.layout import Layout


def test_tools_are_kept_in_the_users_cache_whatever_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert Layout(tmp_path / "one").tools == Layout(tmp_path / "two").tools
    assert Layout().tools == tmp_path / "vault-autounseal/tools"


@pytest.mark.parametrize("unusable", [None, "", "relative"])
def test_a_cache_folder_that_is_not_absolute_counts_as_not_set(
    unusable: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    if unusable is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)

    assert Layout().tools == tmp_path / ".cache/vault-autounseal/tools"
