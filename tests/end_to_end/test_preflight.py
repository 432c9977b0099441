"""What is proved before the init: nothing irreversible happens while Vault's role can't use its key.

Each action and each policy that can be missing is tried in `tests/integration/aws/test_seal_preflight.py`.
"""

from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.faults.boundary import boundary


def test_fault_stops_the_run_before_the_init_and_is_gone_with_its_cause(fresh: Deployment) -> None:
    with boundary(fresh, ["kms:Decrypt", "kms:DescribeKey"]) as arn:
        settings = {**ONE_POD, "deadlines": {"preflightSeconds": 10}}
        fresh.configure({**settings, "role": {"permissionsBoundary": arn}})
        result = fresh.stack.run("up", "--yes", "--skip-preview")
        assert result.returncode != 0, result.stdout
        assert "Traceback" not in result.stdout
        assert "kms:Encrypt failed: AccessDeniedException" in result.stdout
        assert "has to allow kms:Encrypt on arn:aws:kms:" in result.stdout
        assert "this run has initialised nothing" in result.stdout
        assert [status["initialized"] for status in fresh.vault.seal_statuses()] == [False]
        assert journals(fresh) == []

        fresh.configure(settings)
        fresh.up()
    assert fresh.vault.unsealed() == 1
    assert journals(fresh) == []


def journals(deployment: Deployment) -> list[str]:
    """Journals of this deployment's init, in the cluster and on this machine."""
    secrets = deployment.cluster.get("secrets", deployment.in_namespace)["items"]
    names = [secret["metadata"]["name"] for secret in secrets]
    files = (deployment.stack.layout.pulumi_home / "vault-autounseal").glob("*.json")
    return [
        *(name for name in names if name.endswith("-operator-init")),
        *(str(file) for file in files if f"{deployment.name}/{deployment.name}" in file.read_text()),
    ]
