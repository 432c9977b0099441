"""The identity of the Kubernetes cluster: another one is refused, one that is away is not."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.errors import DeploymentError
from components.kubernetes_identity import KubernetesIdentity, KubernetesIdentityProvider, WrongClusterError
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.init_inputs import TARGET
from tests.unit.fakes.mocked_account import IDENTITY
from tests.unit.fakes.recorded_deployment import deploy

HERE, ELSEWHERE = "0b7e6f2c-uid", "d1a4-uid"
PROPERTIES = {"target": TARGET.to_properties(), "preview": False}
IN_PREVIEW = {**PROPERTIES, "preview": True}
STATE = {"target": TARGET.to_properties(), "uid": HERE}


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Sets what kubectl does; its arguments lie in the file ``arguments``."""

    def set_answer(script: str) -> Path:
        only_commands(
            monkeypatch, tmp_path / "commands", kubectl=f'echo "$*" >> {tmp_path}/arguments\n{script}'
        )
        return tmp_path / "arguments"

    return set_answer


def test_create_remembers_the_cluster(answer: Any) -> None:
    arguments = answer(f"printf {HERE}")
    result = KubernetesIdentityProvider().create(PROPERTIES)
    assert (result.id, result.outs) == (HERE, STATE)
    called = arguments.read_text()
    assert called.startswith("--context=here ")
    assert "get namespace kube-system --output=jsonpath={.metadata.uid}" in called


def test_create_needs_the_identity(answer: Any) -> None:
    answer("echo 'namespaces \"kube-system\" is forbidden' >&2; exit 1")
    with pytest.raises(DeploymentError) as raised:
        KubernetesIdentityProvider().create(PROPERTIES)
    assert "is forbidden" in str(raised.value)
    assert "Give the credentials the right to get that namespace" in str(raised.value)


def test_same_cluster_is_no_change(answer: Any) -> None:
    answer(f"printf {HERE}")
    result = KubernetesIdentityProvider().diff("id", STATE, PROPERTIES)
    assert (result.changes, result.replaces) == (False, [])


def test_another_cluster_is_refused(answer: Any) -> None:
    answer(f"printf {ELSEWHERE}")
    with pytest.raises(WrongClusterError) as raised:
        KubernetesIdentityProvider().diff("id", STATE, PROPERTIES)
    message = str(raised.value)
    assert f"was deployed to the Kubernetes cluster {HERE}, but {ELSEWHERE} answers" in message
    assert "context 'here'" in message
    assert "Nothing was changed there" in message


def test_another_cluster_is_refused_behind_another_context(answer: Any) -> None:
    answer(f'case "$*" in "--context=there "*) printf {ELSEWHERE};; *) printf {HERE};; esac')
    there = {**PROPERTIES, "target": {**TARGET.to_properties(), "context": "there"}}
    with pytest.raises(WrongClusterError, match="context 'there'"):
        KubernetesIdentityProvider().diff("id", STATE, there)


def test_another_way_to_the_same_cluster_is_taken_over(answer: Any) -> None:
    answer(f"printf {HERE}")
    there = {**PROPERTIES, "target": {**TARGET.to_properties(), "context": "there"}}
    result = KubernetesIdentityProvider().diff("id", STATE, there)
    assert (result.changes, result.replaces) == (True, [])
    assert KubernetesIdentityProvider().update("id", STATE, there).outs == {
        "target": there["target"],
        "uid": HERE,
    }


def test_preview_works_without_the_cluster(answer: Any, capfd: pytest.CaptureFixture[str]) -> None:
    answer("echo 'connection refused' >&2; exit 1")
    assert KubernetesIdentityProvider().diff("id", STATE, IN_PREVIEW).changes is False
    assert "identity of the Kubernetes cluster can't be read: connection refused" in capfd.readouterr().err


def test_preview_works_without_kubectl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path)
    assert KubernetesIdentityProvider().diff("id", STATE, IN_PREVIEW).changes is False


@pytest.mark.parametrize(
    "script",
    [
        "echo 'namespaces \"kube-system\" is forbidden' >&2; exit 1",
        "echo 'connection refused' >&2; exit 1",
    ],
)
def test_update_needs_the_identity(answer: Any, script: str) -> None:
    answer(script)
    with pytest.raises(DeploymentError, match="unknown whether this is the stack's cluster") as raised:
        KubernetesIdentityProvider().diff("id", STATE, PROPERTIES)
    assert "Give the credentials the right to get that namespace" in str(raised.value)


def test_update_needs_kubectl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only_commands(monkeypatch, tmp_path)
    with pytest.raises(DeploymentError, match="isn't on PATH"):
        KubernetesIdentityProvider().diff("id", STATE, PROPERTIES)


def test_another_cluster_is_refused_in_a_preview_too(answer: Any) -> None:
    answer(f"printf {ELSEWHERE}")
    with pytest.raises(WrongClusterError):
        KubernetesIdentityProvider().diff("id", STATE, IN_PREVIEW)


def test_refresh_takes_over_no_other_cluster(answer: Any) -> None:
    answer(f"printf {ELSEWHERE}")
    result = KubernetesIdentityProvider().read(HERE, STATE)
    assert (result.id, result.outs) == (HERE, STATE)


@pytest.mark.parametrize("preview", [True, False])
def test_cluster_is_told_by_its_target_and_whether_it_is_a_preview(preview: bool) -> None:
    def program() -> None:
        pulumi.export("uid", KubernetesIdentity("kubernetes-identity", TARGET).uid)

    deployment = deploy({}, answers={}, outputs=lambda _: {"uid": "4b9f"}, program=program, preview=preview)
    inputs = dict(deployment.only(IDENTITY).inputs)
    assert inputs.pop("__provider")
    assert (inputs, deployment.outputs) == (
        {"target": TARGET.to_properties(), "preview": preview},
        {"uid": "4b9f"},
    )
