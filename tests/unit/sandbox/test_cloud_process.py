"""What the processes that play the clouds have in common."""

from pathlib import Path
from types import ModuleType

import pytest

from sandbox.aws import server_settings as aws
from sandbox.cloud_process import command_line, parse_arguments, write_private
from sandbox.google import server_settings as google


@pytest.mark.parametrize("cloud", [aws, google], ids=["aws", "google"])
def test_settings_survive_the_command_line(cloud: ModuleType) -> None:
    kinds: dict[str, type] = cloud.ServerSettings.__annotations__
    values = {name: kind(str(number)) for number, (name, kind) in enumerate(kinds.items())}
    settings = cloud.ServerSettings(**values)
    command = command_line(cloud.MODULE, settings)
    assert command[1:3] == ["-m", cloud.MODULE]
    assert parse_arguments(cloud.ServerSettings, cloud.MODULE, command[3:]) == settings


def test_a_command_line_without_one_of_the_settings_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(aws.ServerSettings, aws.MODULE, ["--loopback-port=1"])
    assert "--kubeconfig" in capsys.readouterr().err


def test_a_private_file_is_its_owners_only_also_in_place_of_an_open_one(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"
    path.parent.mkdir()
    path.write_text("earlier")
    path.chmod(0o644)
    write_private(path, "later")
    assert path.read_text() == "later"
    assert path.stat().st_mode & 0o777 == 0o600
