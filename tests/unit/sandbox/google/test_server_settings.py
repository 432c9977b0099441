from pathlib import Path

from sandbox.google.server_settings import ServerSettings, command_line, parse_arguments


def test_the_command_line_says_all_settings() -> None:
    settings = ServerSettings(
        loopback_port=1,
        bridge_address="10.0.0.1",
        bridge_port=2,
        metadata_port=3,
        certificate=Path("/a"),
        key=Path("/b"),
        deployer=Path("/c"),
        deployer_token=Path("/d"),
        service_account_public_key=Path("/e"),
        sandbox=Path("/f"),
    )
    words = command_line(settings)
    assert words[1:3] == ["-m", "sandbox.google.server"]
    assert parse_arguments(words[3:]) == settings
