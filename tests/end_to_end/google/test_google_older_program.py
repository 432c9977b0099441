"""On Google Cloud, too, a stack of an older commit goes on."""

from pathlib import Path

from tests.end_to_end.google.conftest import GoogleDeployment
from tests.end_to_end.older_program import require_goes_on


def test_a_stack_of_the_older_program_goes_on(fresh_google: GoogleDeployment, tmp_path: Path) -> None:
    require_goes_on(fresh_google, {"replicas": 1}, tmp_path, deleted={"GoogleKeyIdentity"})
