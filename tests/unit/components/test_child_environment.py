import pytest

from components.child_environment import environment_without_settings


@pytest.mark.parametrize("passphrase", [True, False])
def test_settings_are_left_out(passphrase: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS", "PULUMI_CONFIG_VAULT_TOKEN"):
        monkeypatch.setenv(name, "hush")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "/passphrase")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file://state")
    found = environment_without_settings(passphrase=passphrase)
    assert "hush" not in found.values()
    assert ("PULUMI_CONFIG_PASSPHRASE_FILE" in found) is passphrase
    assert found["PULUMI_BACKEND_URL"] == "file://state"
