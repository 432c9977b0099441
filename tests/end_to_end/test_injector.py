"""The injector's webhook: the API server reaches it, and a pod gets its secret."""

import json

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.injected_pod import PASSWORD, secret_read_by_a_pod


def test_an_annotated_pod_reads_a_secret_of_vault(awskms: Deployment) -> None:
    assert PASSWORD in secret_read_by_a_pod(awskms.vault, awskms.outputs()["root_token"])


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
    assert "their agents go to the Vault at http://vault.vault.svc:8200" in said
    assert (fresh.vault.unsealed(), awskms.vault.unsealed()) == (1, 3)
    result = fresh.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr
