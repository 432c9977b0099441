"""docs/gke.md names what the sandbox does before it runs the program on Google Cloud."""

import pytest

from sandbox.google.project import PREREQUISITES
from tests.unit.docs.documents import blocks


@pytest.mark.parametrize("api", PREREQUISITES)
def test_the_page_enables_what_the_program_cannot(api: str) -> None:
    (prerequisites,) = [block for block in blocks("docs/gke.md", "sh") if "gcloud auth" in block]
    assert f"gcloud services enable {api} " in prerequisites
