"""The tunnel to a pod, with a script in the place of kubectl."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from components.kubernetes.kubectl import KubernetesTarget
from components.time_limit import TimeLimit
from components.vault import pod_access
from components.vault.client import VaultRefusedError, VaultUnavailableError, VaultUnreachableError
from components.vault.pod_access import PodAccess, PodUnreachableError
from sandbox.certificates import CertificateAuthority
from sandbox.layout import REPOSITORY
from tests.http_server import http_server
from tests.unit.fakes.commands_on_path import install_command, only_commands
from tests.unit.fakes.processes import ended, ends
from tests.unit.fakes.scripted_vault import SEAL_STATUS, seal_status, serve_scripted_vault

TARGET = KubernetesTarget(kubeconfig="", context="here", namespace="vault")
TUNNEL = PodAccess(target=TARGET, statefulset="blue-vault", address="")
FORWARDS = "echo 'Forwarding from 127.0.0.1:43210 -> 8200'; exec /bin/sleep 60"


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    """Where the script in kubectl's place writes its process id."""
    return tmp_path / "pid"


@pytest.fixture
def kubectl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pid_file: Path) -> Callable[[str], None]:
    """Installs a kubectl that writes its process id and arguments, then runs the given script."""
    folder = tmp_path / "commands"
    only_commands(monkeypatch, folder)
    setpriv = shutil.which("setpriv", path=os.defpath)
    if setpriv is not None:
        (folder / "setpriv").symlink_to(setpriv)

    def install(script: str) -> None:
        written = f"echo $$ > '{pid_file}'; printf '%s\\n' \"$@\" > '{tmp_path / 'arguments'}'"
        install_command(folder, "kubectl", f"{written}\n{script}")

    return install


def test_tunnel_leads_to_one_pod_and_ends(
    kubectl: Callable[[str], None], pid_file: Path, tmp_path: Path
) -> None:
    kubectl(FORWARDS)
    with TUNNEL.reach(2) as client:
        assert client.address == "http://127.0.0.1:43210"
        pid = int(pid_file.read_text())
        assert not ended(pid)
    assert ended(pid)
    assert (tmp_path / "arguments").read_text().splitlines() == [
        *("--context=here", "--namespace=vault", "port-forward", "--address=127.0.0.1"),
        *("pod/blue-vault-2", ":8200"),
    ]


def test_tunnel_is_asked_to_end_before_it_is_killed(kubectl: Callable[[str], None], tmp_path: Path) -> None:
    farewell = tmp_path / "farewell"
    kubectl(
        f"trap ': > {farewell}; exit' TERM\n"
        "echo 'Forwarding from 127.0.0.1:43210 -> 8200'; while :; do /bin/sleep 0.01; done"
    )
    with TUNNEL.reach(0):
        pass
    assert farewell.exists()


def test_tunnel_ends_where_the_block_raises(kubectl: Callable[[str], None], pid_file: Path) -> None:
    kubectl(FORWARDS)
    with pytest.raises(ZeroDivisionError), TUNNEL.reach(0):
        raise ZeroDivisionError
    assert ended(int(pid_file.read_text()))


def test_tunnel_that_ignores_the_signal_is_killed(kubectl: Callable[[str], None], pid_file: Path) -> None:
    kubectl("trap '' TERM; echo 'Forwarding from 127.0.0.1:43210 -> 8200'; while :; do /bin/sleep 0.1; done")
    with TUNNEL.reach(0):
        pid = int(pid_file.read_text())
    assert ended(pid)


def test_program_that_kubectl_ran_does_not_hold_up_the_tunnels_end(
    kubectl: Callable[[str], None], pid_file: Path
) -> None:
    kubectl(f"/bin/sleep 60 & echo $! > '{pid_file}.child'; {FORWARDS}")
    began = time.monotonic()
    with TUNNEL.reach(0):
        pass
    assert time.monotonic() - began < 10
    assert ends(int(Path(f"{pid_file}.child").read_text()))


def test_program_that_kubectl_ran_does_not_hold_up_the_error(
    kubectl: Callable[[str], None], pid_file: Path
) -> None:
    kubectl(f"/bin/sleep 60 >/dev/null & echo $! > '{pid_file}.child'; echo 'no such pod' >&2; exit 1")
    began = time.monotonic()
    with pytest.raises(PodUnreachableError, match="no such pod"), TUNNEL.reach(0):
        pass
    assert time.monotonic() - began < 10
    assert ends(int(Path(f"{pid_file}.child").read_text()))


def test_pod_that_is_not_there(kubectl: Callable[[str], None], pid_file: Path) -> None:
    kubectl("""echo 'Error from server (NotFound): pods "blue-vault-0" not found' >&2; exit 1""")
    with pytest.raises(PodUnreachableError, match='pods "blue-vault-0" not found'), TUNNEL.reach(0):
        pass
    assert ended(int(pid_file.read_text()))


def test_tunnel_that_ends_without_a_word(kubectl: Callable[[str], None]) -> None:
    kubectl("exit 0")
    with pytest.raises(PodUnreachableError, match="ended at once"), TUNNEL.reach(0):
        pass


def test_tunnel_that_never_answers_is_ended(
    kubectl: Callable[[str], None], pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_access, "_FORWARD_SECONDS", 0.5)
    kubectl("exec /bin/sleep 60")
    with pytest.raises(PodUnreachableError, match="didn't answer within"), TUNNEL.reach(0):
        pass
    assert ended(int(pid_file.read_text()))


def test_everything_on_the_way_to_a_pod_has_the_limit(kubectl: Callable[[str], None]) -> None:
    limited = replace(TUNNEL, limit=TimeLimit.starting_now(each=0.5, together=60))
    kubectl("exec /bin/sleep 60")
    began = time.monotonic()
    with pytest.raises(PodUnreachableError, match=r"within 0\.5 s"), limited.reach(0):
        pass
    asked_first = replace(limited, server_name="vault-active.vault.svc")
    with pytest.raises(PodUnreachableError, match="kubectl get took longer than"), asked_first.reach(0):
        pass
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kubectl(FORWARDS.replace("43210", str(silent.getsockname()[1])))
        with (
            limited.reach(0) as client,
            pytest.raises(VaultUnreachableError, match="no answer from Vault: ReadTimeout"),
        ):
            client.with_token("hvs.reader").seal_status()
    assert time.monotonic() - began < 10
    assert "limit" not in limited.to_properties()


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) isn't on PATH")
def test_tunnel_ends_with_a_provider_that_is_killed(kubectl: Callable[[str], None], pid_file: Path) -> None:
    kubectl(FORWARDS)
    program = (
        "from tests.unit.components.vault.test_pod_access import TUNNEL\n"
        "with TUNNEL.reach(0) as client:\n"
        "    print(client.address, flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as provider:
        assert provider.stdout is not None
        assert provider.stdout.readline() == "http://127.0.0.1:43210\n"
        pid = int(pid_file.read_text())
        assert not ended(pid)
        provider.send_signal(signal.SIGKILL)
        provider.wait(timeout=10)
    assert ends(pid)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("http://{pod}.example.com:8200/", "http://blue-vault-1.example.com:8200"),
        ("https://vault.example.com", "https://vault.example.com"),
    ],
)
def test_given_address_needs_no_kubectl(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, template: str, expected: str
) -> None:
    only_commands(monkeypatch, tmp_path)
    access = PodAccess(target=TARGET, statefulset="blue-vault", address=template)
    access.await_running(1, seconds=5)
    with access.reach(1) as client:
        assert client.address == expected


def test_waiting_for_a_pod_asks_to_be_told(kubectl: Callable[[str], None], tmp_path: Path) -> None:
    kubectl("exit 0")
    TUNNEL.await_running(0, seconds=7)
    assert (tmp_path / "arguments").read_text().splitlines()[2:] == [
        *("wait", "pod/blue-vault-0", "--for=jsonpath={.status.phase}=Running", "--timeout=7s")
    ]


def test_pod_that_does_not_start_is_worth_another_try(kubectl: Callable[[str], None]) -> None:
    kubectl("echo 'error: timed out waiting for the condition' >&2; exit 1")
    with pytest.raises(PodUnreachableError, match="timed out waiting"):
        TUNNEL.await_running(0, seconds=1)


def test_pod_that_speaks_tls_is_verified_through_the_tunnel(
    kubectl: Callable[[str], None], tmp_path: Path
) -> None:
    name = "blue-vault-active.vault.svc"
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    with serve_scripted_vault(authority, [name]) as vault:
        vault.answers(SEAL_STATUS, seal_status())
        kubectl(answers(vault.address.rpartition(":")[2], pod("https"), authority.certificate))
        access = replace(TUNNEL, server_name=name)
        with access.reach(0) as client:
            assert client.address == vault.address
            assert client.seal_status().version == "1.18.1"
        with replace(access, server_name="other").reach(0) as client, pytest.raises(VaultUnreachableError):
            client.seal_status()


def test_pod_that_speaks_http_still_is_reached_so(kubectl: Callable[[str], None]) -> None:
    kubectl(answers("43210", pod("http"), Path("/dev/null")))
    with replace(TUNNEL, server_name="name").reach(0) as client:
        assert client.address == "http://127.0.0.1:43210"


def test_successor_that_speaks_tls_is_worth_another_try(kubectl: Callable[[str], None]) -> None:
    def respond(_: HttpRequest) -> Response:
        # Go's net/http, server.go.
        return Response("Client sent an HTTP request to an HTTPS server.\n", 400)

    with http_server(respond) as port:
        kubectl(answers(str(port), pod("http"), Path("/dev/null")))
        with replace(TUNNEL, server_name="name").reach(0) as client:
            for one in (client, client.with_token("hvs.own")):
                with pytest.raises(VaultUnavailableError, match="speaks TLS by now"):
                    one.seal_status()
        with TUNNEL.reach(0) as client, pytest.raises(VaultRefusedError, match=r"set tls\.source to none"):
            client.seal_status()


def test_pod_that_is_not_there_yet_is_worth_another_try(kubectl: Callable[[str], None]) -> None:
    kubectl("exit 0")
    with (
        pytest.raises(PodUnreachableError, match='"blue-vault-0" not found'),
        replace(TUNNEL, server_name="name").reach(0),
    ):
        pass


def pod(scheme: str) -> dict[str, Any]:
    """What the API server has of a pod of the chart."""
    environment = [{"name": "VAULT_ADDR", "value": f"{scheme}://127.0.0.1:8200"}]
    volume = {"name": "server-tls", "secret": {"secretName": "given"}}
    spec = {"containers": [{"name": "vault", "env": environment}], "volumes": [volume]}
    return {"metadata": {"name": "blue-vault-0"}, "spec": spec}


def answers(port: str, found: Mapping[str, Any], authority: Path) -> str:
    """A script that finds this pod, the authority in its Secret, and a tunnel at the port."""
    return (
        'case "$*" in\n'
        f"*'get pod blue-vault-0'*) echo '{json.dumps(found)}';;\n"
        f"*'get secret given --output=jsonpath={{.data.ca\\.crt}}') /usr/bin/base64 -w0 {authority};;\n"
        f"*port-forward*) echo 'Forwarding from 127.0.0.1:{port} -> 8200'; exec /bin/sleep 60;;\n"
        "esac"
    )


@pytest.mark.parametrize(
    "access", [TUNNEL, replace(TUNNEL, address="https://{pod}", ca_file="ca.pem", server_name="a")]
)
def test_access_survives_the_way_through_properties(access: PodAccess) -> None:
    assert PodAccess.from_properties(access.to_properties()) == access


def test_access_without_a_ca_is_in_a_state_as_by_earlier_versions() -> None:
    assert TUNNEL.to_properties().keys() == {"target", "statefulset", "address"}


def test_ca_in_the_home_folder_is_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    authority = CertificateAuthority.load_or_create(tmp_path, "ca")
    with serve_scripted_vault(authority) as vault:
        vault.answers(SEAL_STATUS, seal_status())
        access = replace(TUNNEL, address=vault.address, ca_file="~/ca.crt")
        with access.reach(0) as client:
            assert client.seal_status().version == "1.18.1"
            assert client.with_token("hvs.own").seal_status().version == "1.18.1"
