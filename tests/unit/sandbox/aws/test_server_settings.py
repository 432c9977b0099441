"""The command line of the process that plays AWS."""

from pathlib import Path

from sandbox.aws.server_settings import ServerSettings, command_line, parse_arguments

SETTINGS = ServerSettings(
    loopback_port=1,
    bridge_address="10.0.0.1",
    bridge_port=2,
    webhook_port=3,
    endpoint_certificate=Path("endpoint.crt"),
    endpoint_key=Path("endpoint.key"),
    webhook_certificate=Path("webhook.crt"),
    webhook_key=Path("webhook.key"),
    operator_credentials=Path("operator.json"),
    service_account_public_key=Path("sa.pub"),
    kubeconfig=Path("kubeconfig"),
)


def test_settings_survive_the_command_line() -> None:
    command = command_line(SETTINGS)
    assert command[1:3] == ["-m", "sandbox.aws.server"]
    assert parse_arguments(command[3:]) == SETTINGS
