"""The stand-in for the provider plugin `kubernetes`, on the real engine, Helm and a Kubernetes control plane.

The control plane has no nodes, so workloads never get ready here. The tests are steps of one deployment
and run in order.
"""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.layout import REPOSITORY
from tests.integration.control_plane import ControlPlane
from tests.integration.little_release import (
    DEFAULTS,
    config_map,
    leave_unfinished,
    program,
    secret_data,
    write_chart,
)
from tests.integration.plugin_stack import PluginStack

POLICY = """
import pulumi_kubernetes as kubernetes

from components.network_policy import provision_network_policy
from components.settings.load import parse_settings

settings = parse_settings(
    {{"seal": "shamir", "kubeContext": "here", "networkPolicy": {policy}}}, namespace="plugins", token=None
)
provider = kubernetes.Provider("provider", kubeconfig="{kubeconfig}", context="here")
provision_network_policy(settings, provider, "default")
"""
SCHEDULE = """
import pulumi
import pulumi_kubernetes as kubernetes

provider = kubernetes.Provider("provider", kubeconfig="{kubeconfig}", context="here")
options = pulumi.ResourceOptions(provider=provider)
account = kubernetes.core.v1.ServiceAccount(
    "account",
    metadata={{"name": "scheduled", "namespace": "default", "annotations": {{"role": "{role}"}}}},
    automount_service_account_token=False,
    opts=options,
)
kubernetes.batch.v1.CronJob(
    "job",
    metadata={{"name": "scheduled", "namespace": "default"}},
    spec={{
        "schedule": "{schedule}",
        "concurrencyPolicy": "Forbid",
        "jobTemplate": {{
            "spec": {{
                "backoffLimit": 2,
                "template": {{
                    "spec": {{
                        "serviceAccountName": account.metadata.name,
                        "restartPolicy": "Never",
                        "containers": [
                            {{
                                "name": "upload",
                                "image": "rclone/rclone:1.72.0",
                                "env": [{{"name": "A", "value": "{schedule}"}}],
                            }}
                        ],
                        "volumes": [{{"name": "work", "emptyDir": {{}}}}],
                    }}
                }},
            }}
        }},
    }},
    opts=options,
)
"""


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small chart with a schema."""
    return write_chart(tmp_path_factory.mktemp("chart"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    """The stack that all steps share."""
    return own_stack(tmp_path_factory.mktemp("stack"))


def own_stack(folder: Path) -> PluginStack:
    return PluginStack(folder, {"PYTHONPATH": str(REPOSITORY)})


def test_an_unreachable_cluster_can_be_previewed_and_not_deployed_to(
    tmp_path: Path, control_plane: ControlPlane, chart: Path
) -> None:
    unreachable = replace(control_plane, folder=tmp_path)
    text = control_plane.kubeconfig.read_text()
    unreachable.kubeconfig.write_text(text.replace(control_plane.server, "https://127.0.0.1:1"))
    stack = own_stack(tmp_path)
    stack.program(program(unreachable, chart))

    assert stack.foretold()["release"] == "create"
    assert "configured Kubernetes cluster is unreachable: " in stack.up(fails=True)
    assert "namespace" not in stack.state()


def test_a_deployment_installs_the_release(
    stack: PluginStack, control_plane: ControlPlane, chart: Path
) -> None:
    stack.program(program(control_plane, chart))
    assert stack.foretold() == dict.fromkeys(
        ("plugins-test", "provider", "namespace", "release", "secret"), "create"
    )

    stack.up()
    outputs = stack.outputs()
    assert outputs["status"] == {
        "appVersion": "9",
        "chart": "little",
        "name": "thing",
        "namespace": "first",
        "revision": 1,
        "status": "deployed",
        "version": "1.2.3",
    }
    assert outputs["names"] == {"ConfigMap/v1": ["thing"]}
    assert config_map(control_plane, "first") == {"text": "hidden text", "defaults": DEFAULTS}
    assert secret_data(control_plane, "first") == "aGlkZGVuIGRhdGE="
    exported = stack.pulumi("stack", "export")
    assert "hidden text" not in exported
    assert "aGlkZGVuIGRhdGE=" not in exported


def test_nothing_is_to_do_afterwards(stack: PluginStack) -> None:
    assert stack.foretold() == {}
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {}


def test_values_and_labels_are_updated(stack: PluginStack, control_plane: ControlPlane, chart: Path) -> None:
    stack.program(program(control_plane, chart, text="other", team="two"))
    assert stack.foretold() == {"namespace": "update", "release": "update"}

    stack.up()
    assert stack.outputs()["status"]["revision"] == 2
    assert config_map(control_plane, "first")["text"] == "other"
    assert "team=two" in control_plane.kubectl("get", "namespace", "first", "--show-labels")
    assert stack.foretold() == {}


def test_what_others_have_changed_is_put_right(stack: PluginStack, control_plane: ControlPlane) -> None:
    control_plane.kubectl("label", "namespace", "first", "team-")
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {"namespace": "update"}

    stack.up()
    assert "team=two" in control_plane.kubectl("get", "namespace", "first", "--show-labels")


def test_values_against_the_schema_are_refused(
    stack: PluginStack, control_plane: ControlPlane, chart: Path
) -> None:
    stack.program(program(control_plane, chart, text="other", team="two", number="'one'"))

    assert "values don't meet the specifications of the schema" in stack.up(fails=True)
    assert stack.state()["release"]["outputs"]["status"]["revision"] == 2


@pytest.mark.parametrize("given", ["{values}", "secret_values({values})"])
def test_null_removes_a_default_of_the_chart(
    stack: PluginStack, control_plane: ControlPlane, chart: Path, given: str
) -> None:
    values = "{'plain': None, 'nested': {'gone': None, 'added': 'mine'}}"
    changes = {"text": "other", "team": "two"}
    stack.program(program(control_plane, chart, **changes, given=given.format(values=values)))
    assert stack.foretold() == {"release": "update"}
    stack.up()
    left = json.loads(config_map(control_plane, "first")["defaults"])
    assert left == {"nested": {"kept": 1, "added": "mine"}}
    assert stack.foretold() == {}

    stack.program(program(control_plane, chart, **changes))
    stack.up()
    assert config_map(control_plane, "first")["defaults"] == DEFAULTS


def test_an_upgrade_that_does_not_get_ready_is_recorded_and_fixed(
    stack: PluginStack, control_plane: ControlPlane, chart: Path
) -> None:
    stack.program(program(control_plane, chart, text="other", team="two", workload="True"))
    assert "failed to become available within allocated timeout" in stack.up(fails=True)
    recorded = stack.state()["release"]
    assert recorded["outputs"]["status"]["status"] == "failed"
    assert recorded["initErrors"]

    stack.program(program(control_plane, chart, text="other", team="two"))
    assert stack.foretold() == {"release": "update"}
    stack.up()
    assert stack.outputs()["status"]["status"] == "deployed"


def type_the_line(plane: ControlPlane, said: str) -> None:
    """Do what the error says: one line that calls kubectl."""
    lines = {line.strip() for line in said.splitlines() if line.strip().startswith("kubectl ")}
    assert len(lines) == 1, said
    plane.kubectl(*shlex.split(lines.pop())[1:])


def test_an_upgrade_goes_on_where_helm_was_killed(
    stack: PluginStack, control_plane: ControlPlane, chart: Path
) -> None:
    leave_unfinished(control_plane, stack.outputs()["status"]["revision"], "pending-upgrade")
    stack.program(program(control_plane, chart, text="third", team="two"))
    # A preview says it, too, and goes on.
    assert "is pending-upgrade: a run was killed" in stack.pulumi("preview")
    said = stack.up(fails=True)
    assert "is pending-upgrade: a run was killed" in said
    assert config_map(control_plane, "first")["text"] == "other"

    type_the_line(control_plane, said)
    stack.up()
    assert config_map(control_plane, "first")["text"] == "third"


def test_an_installation_goes_on_where_helm_was_killed(
    stack: PluginStack, control_plane: ControlPlane, chart: Path
) -> None:
    # The state doesn't know a release whose installation was interrupted.
    revision = stack.outputs()["status"]["revision"]
    stack.pulumi("state", "delete", stack.urn("::release"), "--yes")
    others = f"owner=helm,name=thing,version!={revision}"
    control_plane.kubectl("delete", "secret", "--selector", others, "-n", "first")
    stack.program(program(control_plane, chart, text="other", team="two"))
    assert "exists in namespace first" in stack.up(fails=True)

    leave_unfinished(control_plane, revision, "pending-install")
    type_the_line(control_plane, stack.up(fails=True))
    stack.up()
    assert stack.outputs()["status"]["revision"] == 1
    assert config_map(control_plane, "first")["text"] == "other"


def test_another_namespace_replaces_both(
    stack: PluginStack, control_plane: ControlPlane, chart: Path
) -> None:
    stack.program(program(control_plane, chart, namespace="second"))
    assert stack.foretold() == {"namespace": "replace", "release": "replace", "secret": "replace"}

    stack.up()
    assert config_map(control_plane, "second")["text"] == "hidden text"
    assert control_plane.kubectl("get", "namespace", "first", "--ignore-not-found") == ""


def test_other_data_replaces_a_secret_unless_secrets_may_change(
    stack: PluginStack, control_plane: ControlPlane, chart: Path
) -> None:
    stack.program(program(control_plane, chart, namespace="second", data="b25l"))
    assert stack.foretold() == {"secret": "replace"}
    stack.up()
    assert secret_data(control_plane, "second") == "b25l"

    stack.program(program(control_plane, chart, namespace="second", data="dHdv", mutable="True"))
    assert stack.foretold() == {"provider": "update", "secret": "update"}
    stack.up()
    assert secret_data(control_plane, "second") == "dHdv"
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {}
    assert "dHdv" not in stack.pulumi("stack", "export")


def test_what_exists_already_is_not_taken_over(
    tmp_path: Path, stack: PluginStack, control_plane: ControlPlane, chart: Path
) -> None:
    assert stack.state()["namespace"]
    another = own_stack(tmp_path)
    another.program(program(control_plane, chart, namespace="second"))

    assert 'namespaces "second" already exists' in another.up(fails=True)


def test_what_was_in_a_cluster_that_is_gone_is_forgotten(
    control_plane: ControlPlane, chart: Path, tmp_path: Path
) -> None:
    gone = replace(control_plane, folder=tmp_path)
    text = control_plane.kubeconfig.read_text()
    gone.kubeconfig.write_text(text)
    (tmp_path / "stack").mkdir()
    another = own_stack(tmp_path / "stack")
    another.program(program(gone, chart, namespace="third"))
    another.up()
    gone.kubeconfig.write_text(text.replace(control_plane.server, "https://127.0.0.1:1"))
    forget = {"PULUMI_K8S_DELETE_UNREACHABLE": "true"}
    assert "unreachable cluster" in another.pulumi("destroy", "--yes", "--skip-preview", fails=True)

    another.variables = {**another.variables, **forget}
    # The variable doesn't reach a release that is to be deleted.
    assert "unreachable cluster" in another.pulumi("destroy", "--yes", "--skip-preview", fails=True)
    another.pulumi("refresh", "--yes", "--skip-preview")
    another.pulumi("destroy", "--yes", "--skip-preview")
    assert another.state() == {}
    assert config_map(control_plane, "third")


def test_network_policy_is_kept_and_updated_as_the_program_has_it(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    stack = own_stack(tmp_path)
    for clients in (["shop"], ["shop", "monitoring"]):
        policy = {"clients": clients, "clientRanges": ["10.0.0.0/16"], "egress": [{"port": 5432}]}
        stack.program(POLICY.format(kubeconfig=control_plane.kubeconfig, policy=policy))
        stack.up()
        assert stack.foretold() == {}
        stack.pulumi("refresh", "--yes", "--skip-preview")
        assert stack.foretold() == {}
        live = json.loads(
            control_plane.kubectl("get", "networkpolicy", "vault-server", "-n", "default", "-o", "json")
        )
        # The API server adds nothing, so what is recorded is what was given.
        assert live["spec"] == stack.state()["vault-server"]["inputs"]["spec"]
        assert str(live["spec"]).count("kubernetes.io/metadata.name") == len(clients)
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert control_plane.kubectl("get", "networkpolicy", "-n", "default") == ""


def test_schedule_and_its_account_are_kept_and_updated_in_place(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    stack = own_stack(tmp_path)
    uids = set()
    for schedule, role in (("17 * * * *", "first"), ("0 0 * * *", "second")):
        stack.program(SCHEDULE.format(kubeconfig=control_plane.kubeconfig, schedule=schedule, role=role))
        stack.up()
        assert stack.foretold() == {}
        stack.pulumi("refresh", "--yes", "--skip-preview")
        assert stack.foretold() == {}
        listed = control_plane.kubectl("get", "cronjob,serviceaccount", "scheduled", "-o", "json")
        job, account = json.loads(listed)["items"]
        uids.add((job["metadata"]["uid"], account["metadata"]["uid"]))
        assert job["spec"]["schedule"] == schedule
        assert account["metadata"]["annotations"]["role"] == role
    assert len(uids) == 1

    # As the first run of a schedule is made.
    control_plane.kubectl("create", "job", "first", "--from=cronjob/scheduled", "-n", "default")
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert control_plane.kubectl("get", "cronjob", "scheduled", "--ignore-not-found") == ""
    assert control_plane.kubectl("get", "job", "first", "--ignore-not-found") == ""


def test_destruction_leaves_nothing(stack: PluginStack, control_plane: ControlPlane) -> None:
    stack.pulumi("destroy", "--yes", "--skip-preview")

    assert control_plane.kubectl("get", "namespace", "second", "--ignore-not-found") == ""
    assert stack.state() == {}
