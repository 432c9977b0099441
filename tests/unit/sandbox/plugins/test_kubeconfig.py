"""Reading kubeconfigs."""

import base64
import json
from pathlib import Path

import pytest
import yaml

from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings, Credentials, KubeconfigError


def kubeconfig(user: dict[str, object] | None = None) -> str:
    """A kubeconfig with two contexts on two clusters."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "one",
            "contexts": [
                {"name": "one", "context": {"cluster": "first", "user": "me"}},
                {"name": "two", "context": {"cluster": "second", "user": "me", "namespace": "here"}},
            ],
            "clusters": [
                {"name": "first", "cluster": {"server": "https://first:6443/"}},
                {"name": "second", "cluster": {"server": "https://second"}},
            ],
            "users": [{"name": "me", "user": user or {"token": "t"}}],
        }
    )


def test_contents_in_yaml_and_json_and_a_path_mean_the_same(tmp_path: Path) -> None:
    text = kubeconfig()
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    as_json = json.dumps(yaml.safe_load(text))

    assert [ClusterSettings(given).server for given in (text, as_json, str(file))] == [
        "https://first:6443"
    ] * 3


def test_context_and_cluster_choose() -> None:
    assert ClusterSettings(kubeconfig(), context="two").server == "https://second"
    assert ClusterSettings(kubeconfig(), context="two").namespace == "here"
    assert ClusterSettings(kubeconfig(), cluster="second").server == "https://second"
    assert ClusterSettings(kubeconfig()).namespace == "default"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (ClusterSettings(kubeconfig(), context="three"), 'context "three" does not exist'),
        (ClusterSettings(kubeconfig(), cluster="third"), 'cluster "third" does not exist'),
        (ClusterSettings("/does/not/exist"), "neither an existing file nor the contents"),
        (ClusterSettings("a: [\n"), "failed to parse kubeconfig data"),
    ],
)
def test_what_leads_nowhere_is_said(settings: ClusterSettings, text: str) -> None:
    with pytest.raises(KubeconfigError, match=text):
        _ = settings.server


def test_certificates_come_from_the_kubeconfig_or_from_files(tmp_path: Path) -> None:
    (tmp_path / "client.key").write_text("KEY")
    user: dict[str, object] = {
        "client-certificate-data": base64.b64encode(b"CERTIFICATE").decode(),
        "client-key": "client.key",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig(user))

    assert ClusterSettings(str(file)).credentials() == Credentials(None, b"CERTIFICATE", b"KEY")


def test_a_credential_plugin_is_run(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(
        '#!/bin/sh\ntest "$1" = get-token || exit 2\n'
        'echo "{\\"kind\\": \\"ExecCredential\\", \\"status\\": {\\"token\\": \\"$WHICH\\"}}"\n'
    )
    plugin.chmod(0o755)
    command: dict[str, object] = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(plugin),
        "args": ["get-token"],
        "env": [{"name": "WHICH", "value": "mine"}],
    }

    assert ClusterSettings(kubeconfig({"exec": command})).credentials() == Credentials(token="mine")

    with pytest.raises(KubeconfigError, match="failed with exit code 2"):
        ClusterSettings(kubeconfig({"exec": {**command, "args": ["other"]}})).credentials()


def test_other_ways_to_log_in_are_refused() -> None:
    with pytest.raises(KubeconfigError, match="does not log in by password, username"):
        ClusterSettings(kubeconfig({"username": "u", "password": "p"})).credentials()


def test_contents_lie_in_a_private_file_only_for_a_while() -> None:
    with ClusterSettings(kubeconfig()).file() as file:
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text() == kubeconfig()
    assert not file.exists()


def test_a_given_file_is_used_as_it_is(tmp_path: Path) -> None:
    given = tmp_path / "kubeconfig"
    given.write_text(kubeconfig())

    with ClusterSettings(str(given)).file() as file:
        assert file == given
    assert given.exists()
