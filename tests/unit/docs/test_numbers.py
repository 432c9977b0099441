"""Numbers in the documents are those of the code."""

import re

import pytest

from components.aws.secret import RECOVERY_DAYS
from components.custody.key_custody import WRITE_ATTEMPTS
from components.injector_rollout import OBSTRUCTED_SECONDS
from components.journal.entry import UNLEASED_SECONDS
from components.kubernetes.lease import LEASE_SECONDS
from components.seal_migration.steps import STEP_SECONDS
from tests.unit.docs.documents import text
from tests.unit.fakes.stack_settings import EKS, parse

DEFAULTS = parse(EKS)
ORDINALS = ("first", "second", "third", "fourth", "fifth")
WORDS = {1: "one", 3: "three", 5: "five"}


@pytest.mark.parametrize(
    ("page", "sentence", "numbers"),
    [
        (
            "docs/eks.md",
            r"at most (\d+) minutes for pod 0, (\d+) for the injector and (\d+) for the voters",
            [
                DEFAULTS.deadlines.pod_start_seconds / 60,
                DEFAULTS.deadlines.webhook_seconds / 60,
                DEFAULTS.deadlines.quorum_seconds / 60,
            ],
        ),
        ("docs/operations.md", r"a recovery window of (\d+) days", [RECOVERY_DAYS]),
        ("docs/operations.md", r"which is deleted after (\d+) seconds", [OBSTRUCTED_SECONDS]),
        ("docs/keys.md", r"once it has seen it unchanged for (\d+) seconds", [LEASE_SECONDS]),
        (
            "docs/decisions/0007-the-journal-of-the-init.md",
            r"unchanged for (\d+) seconds",
            [LEASE_SECONDS],
        ),
        ("CHANGELOG.md", r"the next one waits (\d+) seconds", [LEASE_SECONDS]),
        ("docs/seal-migration.md", r"waits longer than (\d+) minutes", [STEP_SECONDS / 60]),
        (
            "docs/troubleshooting.md",
            r"dead (\d+) s after it last renewed its Lease, one of an earlier version after (\d+) minutes",
            [LEASE_SECONDS, UNLEASED_SECONDS / 60],
        ),
    ],
)
def test_a_sentence_has_the_numbers_of_the_code(page: str, sentence: str, numbers: list[float]) -> None:
    (found,) = re.findall(sentence, text(page))
    assert [float(number) for number in ([found] if isinstance(found, str) else found)] == numbers


def test_the_store_is_tried_as_often_as_the_page_says() -> None:
    assert f"fails at the {ORDINALS[WRITE_ATTEMPTS - 1]} attempt" in text("docs/keys.md")


def test_volumes_and_replicas_are_those_of_the_defaults() -> None:
    assert DEFAULTS.audit_storage.enabled
    assert {DEFAULTS.data_storage.size, DEFAULTS.audit_storage.size} == {"10Gi"}
    assert "two volumes of 10 GiB" in text("docs/eks.md")
    assert f"({WORDS[DEFAULTS.replicas]} by default)" in text("docs/eks.md")
