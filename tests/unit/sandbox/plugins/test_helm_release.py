"""`kubernetes:helm.sh/v3:Release` on a helm that is a script."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.helm import Helm
from sandbox.plugins.kubernetes.helm_release import Release
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings
from sandbox.plugins.property_differences import Kind
from sandbox.plugins.property_values import UNKNOWN, PropertyMap, Secret
from sandbox.plugins.provider import Change, PartialFailureError, ProviderError, Resource, Severity
from tests.unit.sandbox.plugins.kubernetes_api import NamespaceServer, namespace_server

RESOURCE = Resource("urn:pulumi:dev::p::kubernetes:helm.sh/v3:Release::release")
GIVEN: PropertyMap = {
    "chart": "vault",
    "compat": "true",
    "name": "vault",
    "namespace": "space",
    "repositoryOpts": {"repo": "https://charts.example"},
    "values": {"server": {"replicas": 3}},
}
MANIFEST = """---
apiVersion: v1
kind: Service
metadata: {name: vault, namespace: space}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: vault}
"""


class FakeHelm:
    """A `helm` on PATH which records its calls, and answers as it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        script = folder / "helm"
        script.write_text(
            "#!/bin/sh\n"
            f'cd "{folder}"; echo "$*" >> calls; cat > stdin; printf %s "$KUBECONFIG" > kubeconfig\n'
            'case "$1 $2" in "get metadata") name=metadata;; *) name=$1;; esac\n'
            'test -e "$name.error" && { cat "$name.error" >&2; exit 1; }\n'
            'cat "$name.answer"\n'
        )
        script.chmod(0o755)
        self.answer("show", "name: vault\nversion: 0.29.1\n")
        self.deployed()

    def answer(self, command: str, text: str) -> None:
        """Let a command answer with a text."""
        (self.folder / f"{command}.answer").write_text(text)
        (self.folder / f"{command}.error").unlink(missing_ok=True)

    def fail(self, command: str, text: str) -> None:
        """Let a command fail."""
        (self.folder / f"{command}.error").write_text(text)

    def deployed(self, *, status: str = "deployed", revision: int = 1, age: timedelta = timedelta()) -> None:
        """Let there be a release."""
        moment = datetime.now(UTC) - age + timedelta(seconds=1)
        release: dict[str, object] = {
            "name": "vault",
            "namespace": "space",
            "version": revision,
            "info": {"status": status, "last_deployed": moment.isoformat()},
            "config": {"server": {"replicas": 3}},
            "manifest": MANIFEST,
        }
        metadata = {"name": "vault", "version": "0.29.1", "appVersion": "1.18.1"}
        self.answer("status", json.dumps(release))
        self.answer("metadata", json.dumps({**metadata, "name": "vault", "chart": "vault"}))
        for command in ("install", "upgrade"):
            self.answer(command, json.dumps({**release, "chart": {"metadata": metadata}}))
        self.answer("uninstall", 'release "vault" uninstalled\n')

    @property
    def calls(self) -> list[str]:
        """The command lines, in order."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def stdin(self) -> str:
        """What the last call was given to read."""
        return (self.folder / "stdin").read_text()


@pytest.fixture
def helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHelm:
    """The only program on PATH besides the system's."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return FakeHelm(tmp_path)


@pytest.fixture
def server() -> Iterator[NamespaceServer]:
    """A cluster that can be reached."""
    with namespace_server() as running:
        yield running


@pytest.fixture
def messages() -> list[str]:
    """What was said to the user."""
    return []


@pytest.fixture
def release(helm: FakeHelm, server: NamespaceServer, messages: list[str]) -> Release:  # noqa: ARG001
    """The resource type, on that helm and that cluster."""
    return on(server.kubeconfig, messages)


def on(kubeconfig: str, messages: list[str]) -> Release:
    """The resource type on a cluster."""

    def log(_severity: Severity, message: str, _urn: str) -> None:
        messages.append(message)

    settings = ClusterSettings(kubeconfig, context="here")
    return Release(KubernetesApi(settings), Helm(settings), log)


def checked(release: Release, given: PropertyMap | None = None) -> PropertyMap:
    """Inputs after a check that finds nothing wrong."""
    result = release.check(RESOURCE, {}, GIVEN if given is None else given)
    assert result.failures == ()
    return result.inputs


def created(release: Release) -> PropertyMap:
    """The state after an installation, with its secrets unwrapped as the engine's protocol does it."""
    state = release.create(RESOURCE, checked(release), preview=False).state
    inputs = state["__inputs"]
    assert isinstance(inputs, Secret)
    return {**state, "__inputs": inputs.value}


def test_a_check_fills_in_the_real_defaults(release: Release, helm: FakeHelm) -> None:
    inputs = checked(release, {"chart": "vault"})

    assert str(inputs["name"]).startswith("release-")
    assert inputs["namespace"] == "default"
    assert inputs["timeout"] == 300
    assert inputs["version"] == "0.29.1"
    assert inputs["atomic"] is False
    assert "maxHistory" not in inputs
    assert helm.calls == ["show chart vault"]


def test_an_automatic_name_stays(release: Release) -> None:
    first = checked(release, {"chart": "vault"})

    assert release.check(RESOURCE, first, {"chart": "vault"}).inputs["name"] == first["name"]


def test_a_chart_is_not_loaded_before_everything_is_known(release: Release, helm: FakeHelm) -> None:
    inputs = checked(release, {**GIVEN, "values": {"a": UNKNOWN}})

    assert inputs["version"] == ""
    assert helm.calls == []


def test_a_missing_chart_is_a_failure_of_the_check(release: Release, helm: FakeHelm) -> None:
    helm.fail("show", 'Error: chart "vault" version "9" not found in https://charts.example repository\n')
    failures = release.check(RESOURCE, {}, {**GIVEN, "version": "9"}).failures

    assert [(failure.property_path, failure.reason) for failure in failures] == [
        (
            "chart",
            'chart "vault" version "9" not found in https://charts.example repository; '
            "check the chart name and repository configuration.",
        )
    ]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"atomic": True}, "atomic"),
        ({"createNamespace": True}, "createNamespace"),
        ({"valueYamlFiles": []}, "valueYamlFiles"),
        ({"repositoryOpts": {"repo": "r", "certFile": "c"}}, "repositoryOpts.certFile"),
        ({"timeout": "5"}, "timeout"),
        ({"colour": "red"}, "colour"),
        ({"takeOwnership": UNKNOWN}, "takeOwnership"),
    ],
)
def test_what_is_not_implemented_is_refused(release: Release, change: PropertyMap, wrong: str) -> None:
    failures = release.check(RESOURCE, {}, {**GIVEN, **change}).failures

    assert [failure.property_path for failure in failures] == [wrong]


def test_an_installation_waits_and_gives_values_on_stdin(release: Release, helm: FakeHelm) -> None:
    state = release.create(RESOURCE, checked(release), preview=False)

    assert helm.calls[-1] == (
        "install vault vault --version 0.29.1 --repo https://charts.example --wait --timeout 300s "
        "--values - --output json --namespace space --kube-context here"
    )
    assert json.loads(helm.stdin) == {"server": {"replicas": 3}}
    assert not Path((helm.folder / "kubeconfig").read_text()).exists()
    assert state.identifier == "space/vault"
    assert state.state["status"] == {
        "appVersion": "1.18.1",
        "chart": "vault",
        "name": "vault",
        "namespace": "space",
        "revision": 1,
        "status": "deployed",
        "version": "0.29.1",
    }
    assert state.state["resourceNames"] == {
        "Service/v1": ["space/vault"],
        "StatefulSet.apps/apps/v1": ["vault"],
    }


def test_the_password_of_a_repository_is_in_no_argument(release: Release, helm: FakeHelm) -> None:
    helm.answer("repo", "Update Complete.\n")
    helm.answer("pull", "")
    script = helm.folder / "helm"
    script.write_text(
        script.read_text()
        + 'test "$1" = pull && cat "$HELM_REPOSITORY_CONFIG" > given; touch "$4/a.tgz"; :\n'
    )
    private: PropertyMap = {"repo": "https://charts.example", "username": "reader", "password": "hidden"}
    release.create(RESOURCE, checked(release, {**GIVEN, "repositoryOpts": private}), preview=False)

    assert "hidden" not in "".join(helm.calls)
    (given,) = json.loads((helm.folder / "given").read_text())["repositories"]
    assert (given["url"], given["username"], given["password"]) == (*private.values(),)
    assert helm.calls[-1].startswith("install vault /")
    assert not Path(helm.calls[-1].split()[2]).exists()


def test_a_chart_in_a_registry_is_fetched_by_its_url(release: Release, helm: FakeHelm) -> None:
    chart: PropertyMap = {"chart": "oci://registry.example/charts/vault", "version": "0.29.1"}
    checked(release, chart)
    assert helm.calls == ["show chart oci://registry.example/charts/vault --version 0.29.1"]


def test_a_release_need_not_be_waited_for(release: Release, helm: FakeHelm) -> None:
    release.create(RESOURCE, checked(release, {**GIVEN, "skipAwait": True}), preview=False)

    assert "--wait" not in helm.calls[-1].split()


def test_a_release_that_does_not_get_ready_is_recorded(
    release: Release, helm: FakeHelm, messages: list[str]
) -> None:
    helm.deployed(status="failed")
    helm.fail("install", "W1121 a warning\nError: INSTALLATION FAILED: context deadline exceeded\n")

    with pytest.raises(PartialFailureError) as raised:
        release.create(RESOURCE, checked(release), preview=False)
    assert raised.value.identifier == "space/vault"
    assert isinstance(status := raised.value.state["status"], dict)
    assert status["status"] == "failed"
    assert str(raised.value).endswith(
        "failed to become available within allocated timeout. "
        "Error: Helm Release space/vault: context deadline exceeded"
    )
    assert messages[0].endswith("Reason: context deadline exceeded")


def test_a_name_in_use_is_an_error_that_records_nothing(release: Release, helm: FakeHelm) -> None:
    helm.deployed(age=timedelta(hours=1))
    helm.fail("install", "Error: INSTALLATION FAILED: cannot re-use a name that is still in use\n")

    with pytest.raises(ProviderError) as raised:
        release.create(RESOURCE, checked(release), preview=False)
    assert not isinstance(raised.value, PartialFailureError)
    assert str(raised.value) == "cannot re-use a name that is still in use"


def test_a_failed_upgrade_is_recorded_if_it_made_a_revision(release: Release, helm: FakeHelm) -> None:
    state = created(release)
    helm.deployed(status="failed", revision=2)
    helm.fail("upgrade", "Error: UPGRADE FAILED: context deadline exceeded\n")
    with pytest.raises(PartialFailureError, match="failed to initialize completely"):
        release.update(RESOURCE, "space/vault", state, checked(release), preview=False)

    helm.deployed(age=timedelta(hours=1))
    helm.fail(
        "upgrade", "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress\n"
    )
    with pytest.raises(ProviderError, match=r"^another operation") as raised:
        release.update(RESOURCE, "space/vault", state, checked(release), preview=False)
    assert not isinstance(raised.value, PartialFailureError)


def test_an_upgrade_keeps_as_many_revisions_as_it_is_told(release: Release, helm: FakeHelm) -> None:
    state = created(release)
    release.update(
        RESOURCE, "space/vault", state, checked(release, {**GIVEN, "maxHistory": 10}), preview=False
    )
    assert "--history-max 10" in helm.calls[-1]

    release.update(RESOURCE, "space/vault", state, checked(release), preview=False)
    assert "--history-max 0" in helm.calls[-1]


def test_deletion_uninstalls_and_waits(release: Release, helm: FakeHelm, messages: list[str]) -> None:
    release.delete(RESOURCE, "space/vault", created(release))

    assert helm.calls[-1] == "uninstall vault --wait --timeout 300s --namespace space --kube-context here"
    assert messages == []

    helm.answer("uninstall", 'These resources were kept\nrelease "vault" uninstalled\n')
    release.delete(RESOURCE, "space/vault", created(release))
    assert messages == ['Helm uninstall returned information: "These resources were kept"']


def test_a_missing_release_is_gone_for_a_refresh_and_an_error_for_a_deletion(
    release: Release, helm: FakeHelm
) -> None:
    state = created(release)
    helm.fail("status", "Error: release: not found\n")
    helm.fail("uninstall", "Error: uninstall: Release not loaded: vault: release: not found\n")

    assert release.read(RESOURCE, "space/vault", state, checked(release)) is None
    with pytest.raises(ProviderError, match=r"^uninstall: Release not loaded"):
        release.delete(RESOURCE, "space/vault", state)


def test_a_release_changed_by_others_is_a_difference(release: Release, helm: FakeHelm) -> None:
    state = created(release)
    assert release.diff(state, checked(release), checked(release)).changes == {}

    document = json.loads((helm.folder / "status.answer").read_text())
    document["config"]["server"]["replicas"] = 1
    helm.answer("status", json.dumps(document))
    found = release.read(RESOURCE, "space/vault", state, checked(release))
    assert found is not None
    assert release.diff(
        {**found.state, "__inputs": found.inputs}, found.inputs, checked(release)
    ).changes == {"values.server.replicas": Change(Kind.UPDATE, of_input=False)}


def test_an_imported_release_has_the_values_it_was_installed_with(release: Release) -> None:
    found = release.read(RESOURCE, "space/vault", {}, {})

    assert found is not None
    assert found.inputs["values"] == {"server": {"replicas": 3}}
    assert found.inputs["chart"] == "vault"


@pytest.mark.parametrize(
    ("change", "path", "replaces"),
    [
        ({"name": "other"}, "name", True),
        ({"namespace": "other"}, "namespace", True),
        ({"chart": "other"}, "chart", False),
        ({"timeout": 5}, "timeout", False),
        ({"values": {"server": {"replicas": 5}}}, "values.server.replicas", False),
        ({"values": {"server": {"replicas": UNKNOWN}}}, "values.server.replicas", False),
        ({"values": {}}, "values.server", False),
    ],
)
def test_what_a_change_leads_to(release: Release, change: PropertyMap, path: str, replaces: bool) -> None:
    difference = release.diff(created(release), checked(release), checked(release, {**GIVEN, **change}))

    assert difference.changes[path].replaces is replaces


def test_a_preview_runs_no_helm(release: Release, helm: FakeHelm) -> None:
    inputs = checked(release, {**GIVEN, "values": {"a": UNKNOWN}})
    foretold = release.create(RESOURCE, inputs, preview=True)

    assert foretold.state["status"] is UNKNOWN
    assert foretold.state["resourceNames"] is UNKNOWN
    assert foretold.state["values"] == {"a": UNKNOWN}
    assert helm.calls == []


def test_an_unreachable_cluster_is_reported(
    helm: FakeHelm, server: NamespaceServer, messages: list[str]
) -> None:
    unreachable = on(server.kubeconfig.replace(str(server.server_port), "1"), messages)
    inputs = checked(unreachable)

    with pytest.raises(
        ProviderError, match=r"^can't create Helm Release with unreachable cluster: .*refused"
    ):
        unreachable.create(RESOURCE, inputs, preview=False)
    with pytest.raises(ProviderError, match=r"^can't update Helm Release with unreachable cluster"):
        unreachable.update(RESOURCE, "space/vault", inputs, inputs, preview=False)
    with pytest.raises(ProviderError, match=r"^can't delete Helm Release with unreachable cluster"):
        unreachable.delete(RESOURCE, "space/vault", inputs)
    assert all(call.startswith("show chart") for call in helm.calls)


def test_a_release_in_a_cluster_that_is_gone_is_forgotten_by_a_refresh_alone(
    helm: FakeHelm, server: NamespaceServer, messages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    unreachable = on(server.kubeconfig.replace(str(server.server_port), "1"), messages)
    inputs = checked(unreachable)

    assert unreachable.read(RESOURCE, "space/vault", inputs, inputs) is None
    with pytest.raises(ProviderError, match=r"^can't delete Helm Release with unreachable cluster"):
        unreachable.delete(RESOURCE, "space/vault", inputs)
    assert not any(call.startswith("status") for call in helm.calls)


def test_a_missing_helm_is_said(release: Release, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    failures = release.check(RESOURCE, {}, GIVEN).failures
    assert "there is no helm on PATH" in failures[0].reason
