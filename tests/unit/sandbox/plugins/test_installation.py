"""Which provider plugin is put where the engine looks."""

import os
from importlib.metadata import version
from pathlib import Path

import pytest

from sandbox.layout import Layout
from sandbox.plugins.installation import InstalledPlugin, install_plugins, is_stand_in

REAL = "#!/bin/sh\necho real\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A sandbox of its own."""
    return Layout(home=tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The only folder on the engine's PATH."""
    path = tmp_path / "bin"
    path.mkdir()
    return path


def put(program: Path, script: str) -> None:
    """Write a program."""
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(script)
    program.chmod(0o755)


def installed(layout: Layout, folder: Path, *, download: bool = False) -> dict[str, InstalledPlugin]:
    """The plugins by name."""
    plugins = install_plugins(
        layout, download=download, search_path=f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"
    )
    return {plugin.name: plugin for plugin in plugins}


def home_of(layout: Layout, name: str) -> Path:
    """Where the engine expects the plugin that the installed SDK asks for."""
    plugins = layout.pulumi_home / "plugins"
    return plugins / f"resource-{name}-v{version(f'pulumi-{name}')}" / f"pulumi-resource-{name}"


def test_stand_ins_are_written_where_nothing_is(layout: Layout, folder: Path) -> None:
    plugins = installed(layout, folder)

    for name in ("aws", "gcp", "kubernetes"):
        assert plugins[name].kind == "stand-in"
        assert plugins[name].path == home_of(layout, name)
        assert plugins[name].version == version(f"pulumi-{name}")
        assert os.access(plugins[name].path, os.X_OK)
        assert is_stand_in(plugins[name].path)


def test_a_real_plugin_on_path_wins(layout: Layout, folder: Path) -> None:
    put(folder / "pulumi-resource-aws", REAL)
    plugins = installed(layout, folder)

    assert (plugins["aws"].kind, plugins["aws"].path) == ("real", folder / "pulumi-resource-aws")
    assert plugins["kubernetes"].kind == "stand-in"
    assert not home_of(layout, "aws").exists()


def test_a_real_plugin_that_is_installed_wins_and_stays(layout: Layout, folder: Path) -> None:
    put(home_of(layout, "aws"), REAL)
    plugins = installed(layout, folder, download=True)

    assert plugins["aws"].kind == "real"
    assert home_of(layout, "aws").read_text() == REAL


def test_a_broken_off_download_is_no_plugin(layout: Layout, folder: Path) -> None:
    put(home_of(layout, "aws"), REAL)
    mark = home_of(layout, "aws").parent.with_name(home_of(layout, "aws").parent.name + ".partial")
    mark.touch()

    assert installed(layout, folder)["aws"].kind == "stand-in"
    assert not mark.exists()


def test_a_stand_in_on_path_is_not_taken_for_a_real_one(layout: Layout, folder: Path) -> None:
    put(folder / "pulumi-resource-aws", installed(layout, folder)["aws"].path.read_text())

    assert installed(layout, folder)["aws"].kind == "stand-in"


def test_a_download_takes_the_place_of_a_stand_in(layout: Layout, folder: Path) -> None:
    installed(layout, folder)
    put(
        folder / "pulumi",
        '#!/bin/sh\ntest "$1 $2 $3" = "plugin install resource" || exit 1\n'
        'target="$PULUMI_HOME/plugins/resource-$4-v$5"; test -e "$target" && exit 1\n'
        'mkdir -p "$target"; printf real > "$target/pulumi-resource-$4"\n',
    )
    plugins = installed(layout, folder, download=True)

    assert {plugin.kind for plugin in plugins.values()} == {"real"}
    assert {plugin.reason for plugin in plugins.values()} == {"downloaded"}


def test_a_failed_download_leads_to_a_stand_in_and_says_why(layout: Layout, folder: Path) -> None:
    put(
        folder / "pulumi",
        '#!/bin/sh\necho "warning: Error downloading plugin: no such host" >&2\n'
        'echo "error: failed all attempts" >&2; exit 1\n',
    )
    plugins = installed(layout, folder, download=True)

    assert plugins["aws"].kind == "stand-in"
    assert "no such host" in plugins["aws"].reason
    assert is_stand_in(home_of(layout, "aws"))


def test_nothing_is_downloaded_unasked(layout: Layout, folder: Path, tmp_path: Path) -> None:
    put(folder / "pulumi", f"#!/bin/sh\ntouch {tmp_path / 'called'}\n")
    installed(layout, folder)

    assert not (tmp_path / "called").exists()
