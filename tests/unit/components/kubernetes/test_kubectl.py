"""kubectl's command lines, with a script in its place."""

import json
import stat
import time
from pathlib import Path

import pytest

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.processes import ends

KUBECONFIG = json.dumps({"apiVersion": "v1", "users": [{"name": "not-in-any-argument"}]})


def kubectl(kubeconfig: str = "") -> Kubectl:
    return Kubectl(KubernetesTarget(kubeconfig=kubeconfig, context="here", namespace="vault"))


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A kubectl that writes its arguments into this file, one a line."""
    written = tmp_path / "arguments"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=f"printf '%s\\n' \"$@\" > '{written}'")
    return written


def test_context_and_namespace_are_always_named(arguments: Path) -> None:
    kubectl().run(["get", "pods"])
    assert arguments.read_text().splitlines() == ["--context=here", "--namespace=vault", "get", "pods"]


def test_kubeconfig_by_path(arguments: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    kubectl("~/clusters").run(["get", "pods"])
    assert f"--kubeconfig={tmp_path}/clusters" in arguments.read_text().splitlines()


def test_kubeconfig_by_content_is_a_private_file_for_as_long_as_the_command() -> None:
    with kubectl(KUBECONFIG).command(["get", "pods"]) as command:
        (option,) = [argument for argument in command if argument.startswith("--kubeconfig=")]
        path = Path(option.removeprefix("--kubeconfig="))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text() == KUBECONFIG
        assert not any("not-in-any-argument" in argument for argument in command)
    assert not path.exists()


def test_kubeconfig_by_content_is_removed_after_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written = tmp_path / "arguments"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=f"printf '%s\\n' \"$@\" > '{written}'; exit 1")
    with pytest.raises(KubectlError):
        kubectl(KUBECONFIG).run(["get", "pods"])
    (option,) = [line for line in written.read_text().splitlines() if line.startswith("--kubeconfig=")]
    assert not Path(option.removeprefix("--kubeconfig=")).exists()


def test_standard_input_is_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="/bin/cat")
    assert kubectl().run(["create"], stdin="a pod") == "a pod"


def test_error_is_what_kubectl_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="echo 'Error: no such context' >&2; exit 1")
    with pytest.raises(KubectlError, match=r"^Error: no such context$"):
        kubectl().run(["get", "pods"])


def test_error_without_words_has_the_exit_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="exit 7")
    with pytest.raises(KubectlError, match=r"^kubectl get ended with 7$"):
        kubectl().run(["get", "pods"])


def test_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=f"echo $$ > '{pid_file}'; exec /bin/sleep 60")
    with pytest.raises(KubectlError, match="kubectl get took longer than 1 s"):
        kubectl().run(["get", "pods"], timeout_seconds=1)
    assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()


def test_program_that_kubectl_ran_does_not_hold_up_its_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    script = f"/bin/sleep 60 & echo $! > '{pid_file}'; echo answer; echo warning >&2"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=script)
    began = time.monotonic()
    assert kubectl().run(["get", "pods"], timeout_seconds=1) == "answer\n"
    assert time.monotonic() - began < 10
    assert ends(int(pid_file.read_text()))


def test_program_that_kubectl_ran_ends_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"/bin/sleep 60 & echo $! > '{pid_file}'; wait"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=script)
    with pytest.raises(KubectlError, match="kubectl get took longer than 1 s"):
        kubectl().run(["get", "pods"], timeout_seconds=1)
    assert ends(int(pid_file.read_text()))


def test_output_that_is_not_text_is_shown_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only_commands(monkeypatch, tmp_path, kubectl=r"printf 'a\377b'")
    assert kubectl().run(["logs", "vault-0"]) == "a\ufffdb"
    only_commands(monkeypatch, tmp_path, kubectl=r"printf 'a\377b' >&2; exit 1")
    with pytest.raises(KubectlError, match=r"^a\ufffdb$"):
        kubectl().run(["logs", "vault-0"])


def test_missing_kubectl_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path)
    with pytest.raises(DeploymentError, match="The command 'kubectl' isn't on PATH"):
        kubectl().run(["get", "pods"])


def test_pod_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="exit 0")
    assert kubectl().pod("vault-0") is None


def test_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="""echo '{"metadata": {"name": "vault-0"}}'""")
    assert kubectl().pod("vault-0") == {"metadata": {"name": "vault-0"}}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo now", "now"),
        # A container that has only just begun has no log, its predecessor has.
        ('case "$*" in *--previous*) echo before;; esac', "before"),
        ('case "$*" in *--previous*) echo before;; *) exit 1;; esac', "before"),
        ("exit 1", "(no log yet)"),
        ("exit 0", "(no log yet)"),
    ],
)
def test_log_tail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, expected: str) -> None:
    only_commands(monkeypatch, tmp_path, kubectl=script)
    assert kubectl().log_tail("vault-0") == expected


def test_log_tail_leaves_entries_of_the_audit_log_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = '{"auth":{},"request":{"id":"1","path":"kv/shop"},"time":"t","type":"request"}'
    lines = "\n".join(["1", entry, *[str(number) for number in range(2, 20)], entry])
    (tmp_path / "lines").write_text(lines)
    only_commands(monkeypatch, tmp_path / "bin", kubectl=f'/bin/cat {tmp_path}/lines; echo "$*" >&2')
    assert kubectl().log_tail("vault-0", lines=3) == "17\n18\n19"
    (tmp_path / "lines").write_text(entry)
    assert kubectl().log_tail("vault-0") == "(nothing but entries of the audit log)"


@pytest.mark.parametrize(("container", "lines"), [("vault", 750), ("sidecar-injector", 15)])
def test_more_of_vaults_own_log_is_read_as_entries_are_most_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, container: str, lines: int
) -> None:
    only_commands(monkeypatch, tmp_path, kubectl='for argument; do :; done; echo "$argument"')
    assert kubectl().log_tail("pod", container=container) == f"--tail={lines}"


def test_api_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path, kubectl="echo 'connection refused' >&2; exit 1")
    with pytest.raises(DeploymentError) as raised:
        kubectl().require_reachable()
    assert "behind context 'here' doesn't answer: connection refused" in str(raised.value)
    assert "credentials are valid" in str(raised.value)


def test_target_survives_the_way_through_properties() -> None:
    target = KubernetesTarget(kubeconfig=KUBECONFIG, context="here", namespace="vault")
    assert KubernetesTarget.from_properties(target.to_properties()) == target


def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str) -> tuple[Path, Path]:
    """A kubectl that answers so, and writes down its arguments and its standard input."""
    arguments, stdin = tmp_path / "arguments", tmp_path / "stdin"
    script = f"printf '%s\\n' \"$@\" > '{arguments}'; /bin/cat > '{stdin}'; echo '{answer}'"
    only_commands(monkeypatch, tmp_path / "commands", kubectl=script)
    return arguments, stdin


@pytest.mark.parametrize("verb", ["create", "replace"])
def test_content_goes_through_standard_input_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verb: str
) -> None:
    arguments, stdin = scripted(monkeypatch, tmp_path, '{"metadata": {"resourceVersion": "7"}}')
    document = {"kind": "Secret", "data": {"key": "not-in-any-argument"}}
    answer = kubectl().create(document) if verb == "create" else kubectl().replace(document)
    assert answer == {"metadata": {"resourceVersion": "7"}}
    assert json.loads(stdin.read_text()) == document
    assert arguments.read_text().splitlines()[2:] == [verb, "--filename=-", "--output=json"]


def test_secret_is_deleted_only_as_it_was_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arguments, stdin = scripted(monkeypatch, tmp_path, "{}")
    kubectl().delete_secret("journal", uid="u", resource_version="7")
    path = "/api/v1/namespaces/vault/secrets/journal"
    assert arguments.read_text().splitlines()[2:] == ["delete", "--raw", path, "--filename=-"]
    assert json.loads(stdin.read_text())["preconditions"] == {"uid": "u", "resourceVersion": "7"}


def test_token_of_a_service_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arguments, stdin = scripted(monkeypatch, tmp_path, '{"status": {"token": "a.b.c"}}')
    token = kubectl().service_account_token("vault", audience="sts.amazonaws.com", seconds=600)
    assert token == "a.b.c"
    path = "/api/v1/namespaces/vault/serviceaccounts/vault/token"
    assert arguments.read_text().splitlines()[2:] == ["create", "--raw", path, "--filename=-"]
    request = json.loads(stdin.read_text())
    assert request["kind"] == "TokenRequest"
    assert request["spec"] == {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 600}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ('Error from server (Conflict): error when replacing "STDIN": modified', "Conflict"),
        ("Unable to connect to the server: EOF", ""),
    ],
)
def test_reason_is_the_word_of_the_api_server(said: str, reason: str) -> None:
    assert KubectlError(said).reason == reason
