"""The injector's webhook: which pods it leaves alone, beside another Vault's, and after a change of it.

A pod that gets its secret is in `test_vault_over_tls.py`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.end_to_end.deployment import Deployment


def test_a_pod_without_annotation_is_left_alone(awskms: Deployment) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "plain-"},
        "spec": {"containers": [{"name": "plain", "image": "busybox:1.36"}]},
    }
    admitted = json.loads(
        awskms.cluster.kubectl(
            *("create", "--namespace=default", "--dry-run=server", "--output=json", "--filename=-"),
            stdin=json.dumps(pod),
        )
    )
    assert [container["name"] for container in admitted["spec"]["containers"]] == ["plain"]


def test_two_vaults_in_one_cluster(awskms: Deployment, fresh: Deployment) -> None:
    """The second one's injector is asked after the first one's, and its nodes have the rule already."""
    shape = {"seal": "shamir", "replicas": 1}
    nodes = awskms.environment.settings["nodeSecurityGroupId"]
    settings = {**fresh.environment.settings, **shape, **fresh.own_names(shape), "nodeSecurityGroupId": nodes}
    fresh.stack.configure({**settings, "releaseName": None})
    result = fresh.stack.run("preview")
    said = result.stdout + result.stderr
    assert result.returncode != 0, said
    assert "belongs to the Helm release vault in namespace vault" in said
    assert f"pulumi config set releaseName {fresh.name}" in said
    fresh.stack.configure(settings)
    result = fresh.stack.run("up", "--yes", "--skip-preview")
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    assert "is there already, and isn't this stack's" in said
    assert "their agents go to the Vault at https://vault.vault.svc:8200" in said
    assert (fresh.vault.unsealed(), awskms.vault.unsealed()) == (1, 3)
    result = fresh.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def injector_pods(deployment: Deployment) -> Sequence[Mapping[str, Any]]:
    """Return the injector's pods that aren't being deleted."""
    pods = deployment.cluster.get("pods", deployment.in_namespace, "--selector=component=webhook")["items"]
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Return whether the pod is ready."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])


def agent_image(pod: Mapping[str, Any]) -> str:
    """Return the image of the agents that the pod injects."""
    environment = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
    return str(environment["AGENT_INJECT_VAULT_IMAGE"])


def test_a_changed_injector_takes_the_place_of_the_old_one_on_the_only_node(fresh: Deployment) -> None:
    """The chart wants one injector on a node, and Kubernetes a new one before the old one goes."""
    one_pod = {"seal": "shamir", "replicas": 1}
    name = f"{fresh.name}-agent-injector"
    fresh.configure(one_pod)
    fresh.up()
    (first,) = injector_pods(fresh)

    changed = {**one_pod, "injector": {"agentImage": {"tag": "1.18.0"}}}
    fresh.configure(changed)
    preview = fresh.stack.run("preview", "--json")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    operations = {step["urn"].rsplit("::", 1)[1]: step["op"] for step in json.loads(preview.stdout)["steps"]}
    assert operations["injector-rollout"] == "update"
    said = fresh.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    assert f"pod {first['metadata']['name']}, which is deleted now" in said
    (second,) = injector_pods(fresh)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert is_ready(second)
    assert agent_image(second).endswith(":1.18.0")

    # One that never comes up is told of, and the way back is to set the change back.
    wrong = {"agentImage": {"tag": "1.18.0"}, "image": {"tag": "0.0.0"}}
    fresh.configure({**one_pod, "injector": wrong, "deadlines": {"webhookSeconds": 45}})
    failed = fresh.stack.run("up", "--yes", "--skip-preview")
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0, said
    assert f"The injector {name} isn't ready: " in said
    assert re.search(rf"{name}-\S+: (ErrImagePull|ImagePullBackOff): .*vault-k8s:0\.0\.0", said), said
    assert "set back what was changed" in said

    fresh.configure(changed)
    fresh.up()
    (third,) = injector_pods(fresh)
    assert is_ready(third)
    assert agent_image(third).endswith(":1.18.0")
    assert fresh.vault.unsealed() == 1
    result = fresh.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr
