"""Whether a KMS key can seal, by its description, and what to do about one that can't."""

import pytest

from components.aws.key_fitness import fix_of_state, problem_of_kind

ARN = "arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"
WHICH = f"--key-id {ARN} --region us-west-2"


def test_symmetric_key_that_encrypts_is_of_the_right_kind() -> None:
    assert problem_of_kind(ARN, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT") is None


@pytest.mark.parametrize(
    ("spec", "usage"), [("RSA_4096", "ENCRYPT_DECRYPT"), ("HMAC_256", "GENERATE_VERIFY_MAC")]
)
def test_key_of_another_kind_is_named(spec: str, usage: str) -> None:
    assert f"{ARN} is of the wrong kind ({spec}, {usage})" in str(problem_of_kind(ARN, spec, usage))


def test_commands_are_for_the_keys_region() -> None:
    assert fix_of_state(ARN, "Disabled") == f"Enable it: aws kms enable-key {WHICH}"
    assert f"aws kms cancel-key-deletion {WHICH}, " in fix_of_state(ARN, "PendingDeletion")
    # A cancelled deletion leaves the key disabled.
    assert fix_of_state(ARN, "PendingDeletion").endswith(f"aws kms enable-key {WHICH}")
    assert fix_of_state(ARN, "PendingImport") == "It has to be in the state Enabled."
