"""Others install the release with the values of the stack; the stack initialises and verifies it."""

import subprocess

import yaml

from tests.end_to_end.audited_requests import require_audited
from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.scheduled_snapshots import client_of_job, objects_of, own_bucket, refusals

BY_OTHERS = {**ONE_POD, "release": False}


def install_as_others(deployment: Deployment) -> None:
    """Install or upgrade the chart with what the stack exports, without the stack."""
    outputs, stack = deployment.outputs(), deployment.stack
    subprocess.run(
        [
            *("helm", "upgrade", "--install", outputs["release_name"], outputs["chart_repository"]),
            *("--namespace", outputs["namespace"], "--values", "-"),
        ],
        cwd=stack.program,
        env={**stack.environment(), "KUBECONFIG": str(stack.layout.kubeconfig)},
        input=outputs["chart_values"],
        text=True,
        check=True,
        capture_output=True,
    )


def test_release_of_others_is_initialised_by_the_update_after_its_installation(fresh: Deployment) -> None:
    stack, snapshots = fresh.stack, own_bucket(fresh)
    settings = {**BY_OTHERS, "snapshots": snapshots}
    s3, bucket = fresh.aws("s3"), str(snapshots["bucket"])
    fresh.configure(settings)
    said = stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    assert "there is no StatefulSet" in said
    assert "Initialising Vault" not in said
    assert fresh.has_key()
    assert fresh.outputs()["root_token"] == ""
    assert objects_of(s3, bucket) == []
    # What nobody has installed yet shows no change, however often one looks.
    stack.pulumi("preview", "--expect-no-changes", quiet=True)
    values = yaml.safe_load(fresh.outputs()["chart_values"])
    assert 'seal "awskms"' in values["server"]["ha"]["raft"]["config"]

    install_as_others(fresh)
    # A preview initialises nothing.
    assert "operator-init" in stack.pulumi("preview", quiet=True)
    assert fresh.outputs()["root_token"] == ""
    assert "Initialising Vault" in stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    outputs = fresh.outputs()
    assert [(peer["leader"], peer["voter"]) for peer in outputs["peers"]] == [(True, True)]
    assert fresh.vault.healthy_voters(outputs["root_token"]) == 1
    require_audited(fresh, outputs["root_token"])
    kept = objects_of(s3, bucket)
    assert len(kept) == 2
    job = client_of_job(fresh, outputs["snapshot_job"], outputs["snapshot_role_arn"])
    assert set(refusals(job, bucket, kept[0]).values()) == {"AccessDenied"}

    # Changed settings are exported first, and verified once they are installed.
    fresh.configure({**settings, "ui": False})
    assert "checksum" in stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    install_as_others(fresh)
    stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    stack.pulumi("preview", "--expect-no-changes", quiet=True)
    assert fresh.outputs()["recovery_shares"] == outputs["recovery_shares"]
    require_audited(fresh, outputs["root_token"])
    assert objects_of(s3, bucket) == kept

    fresh.configure({**settings, "ui": False, "release": True})
    refused = stack.run("preview")
    assert refused.returncode != 0
    assert "others have installed Vault's release" in refused.stdout + refused.stderr
