"""The drill: volumes are lost, and the documented commands get Vault back."""

from pathlib import Path

from tests.end_to_end.deployment import Deployment
from tests.end_to_end.lost_volumes import KEPT, lose_volumes, require_drill_passed


def test_all_volumes_lost(awskms: Deployment, tmp_path: Path) -> None:
    require_drill_passed(awskms, tmp_path)


def test_two_of_three_volumes_lost(awskms: Deployment) -> None:
    vault, token = awskms.vault, awskms.outputs()["root_token"]
    vault.await_healthy_voters(token)
    vault.write("cubbyhole/quorum", token, KEPT)
    lose_volumes(awskms, [0, 2])
    said = awskms.run_command("recover-quorum", "--really", awskms.stack.name).stderr
    assert "vault-1 leads" in said
    vault.await_healthy_voters(token)
    answer = vault.read("cubbyhole/quorum", token)
    assert answer is not None
    assert answer["data"] == KEPT
