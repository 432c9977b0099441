"""The built tools, as far as they can be tried by themselves."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.build.tools import Tools
from tests.built_tools import built_tools, on_each_vault
from tests.integration.vault_servers import vault_servers, wait_until

PROGRAM = """
import sys
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class GreetingProvider(ResourceProvider):
    def create(self, props):
        return CreateResult("greeting", {**props, "executable": sys.executable})


class Greeting(Resource):
    executable: pulumi.Output[str]

    def __init__(self, name):
        super().__init__(GreetingProvider(), name, {"executable": None})


pulumi.export("program", sys.executable)
pulumi.export("provider", Greeting("greeting").executable)
"""


@pytest.fixture(scope="module")
def tools() -> Tools:
    return built_tools()


def test_the_engine_runs_a_program_and_its_dynamic_provider_in_the_virtual_environment(
    tools: Tools, tmp_path: Path
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: greeting\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "state").mkdir()
    environment = {
        "HOME": str(tmp_path),
        "PATH": tools.search_path(Path(sys.prefix) / "bin"),
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state",
        "PULUMI_CONFIG_PASSPHRASE": "for this test only",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }

    def pulumi(*arguments: str) -> str:
        result = subprocess.run(
            [tools.pulumi, "--non-interactive", "--cwd", tmp_path, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
        assert "warning" not in result.stdout + result.stderr
        return result.stdout

    pulumi("stack", "init", "test")
    pulumi("up", "--yes", "--skip-preview")

    outputs = json.loads(pulumi("stack", "output", "--json"))
    assert {Path(executable).parent for executable in outputs.values()} == {Path(sys.prefix) / "bin"}
    assert "2 unchanged" in pulumi("preview")
    pulumi("destroy", "--yes", "--skip-preview")


@on_each_vault
def test_vault_has_what_the_cluster_needs_of_it(vault_program: Path, tmp_path: Path) -> None:
    """The injector logs in by Kubernetes service accounts, which a build with fewer plugins may lack."""
    socket = tmp_path / "vault.sock"
    configuration = tmp_path / "vault.hcl"
    configuration.write_text(
        'storage "inmem" {}\ndisable_mlock = true\n'
        f'listener "unix" {{\n  address = "{socket}"\n}}\n'
        'seal "shamir" {}\n'
    )
    environment = {"HOME": str(tmp_path), "PATH": os.defpath, "VAULT_ADDR": f"unix://{socket}"}

    def vault(*arguments: str, token: str = "", stdin: str = "") -> str:
        return subprocess.run(
            [vault_program, *arguments],
            env={**environment, "VAULT_TOKEN": token},
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    server = subprocess.Popen(
        [vault_program, "server", f"-config={configuration}"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if "Vault server started!" in line:
                break
        keys = json.loads(vault("operator", "init", "-key-shares=1", "-key-threshold=1", "-format=json"))
        vault("write", "sys/unseal", "key=-", stdin=keys["unseal_keys_b64"][0])
        listed = vault("plugin", "list", "-format=json", "auth", token=keys["root_token"])
    finally:
        server.terminate()
        server.communicate(timeout=30)

    assert "kubernetes" in listed


@on_each_vault
def test_vault_refuses_the_auto_join_that_was_left_out_of_it(vault_program: Path, tmp_path: Path) -> None:
    with vault_servers(vault_program, tmp_path, replicas=1, seal=None) as servers:
        (server,) = servers.servers
        server.stop()
        joining = 'storage "raft" {\n  retry_join {\n    auto_join = "provider=k8s"\n  }\n'
        server.configuration = server.configuration.replace('storage "raft" {', joining)
        server.start()
        wait_until("auto_join is refused", 30, lambda: "built without auto_join" in server.log.read_text())


def test_pause_waits_until_it_is_told_to_end(tools: Tools) -> None:
    process = subprocess.Popen([tools.pause])
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        process.send_signal(signal.SIGCHLD)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        process.terminate()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
