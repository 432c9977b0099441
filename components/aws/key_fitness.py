"""Judges whether a KMS key, as DescribeKey describes it, can be the key of a seal."""

SPEC = "SYMMETRIC_DEFAULT"
USAGE = "ENCRYPT_DECRYPT"
ENABLED = "Enabled"


def problem_of_kind(arn: str, spec: str, usage: str) -> str | None:
    """Return why a key of that spec and usage can't be used, with the fix; None if it can."""
    if (spec, usage) == (SPEC, USAGE):
        return None
    return (
        f"The key {arn} is of the wrong kind ({spec}, {usage}). A seal needs a symmetric key to encrypt "
        f"and decrypt ({SPEC}, {USAGE}), and an existing key can't be changed to it."
    )


def fix_of_state(arn: str, state: str) -> str:
    """Return how to get a key out of a state in which it can't be used, as a sentence or a command."""
    key = f"--key-id {arn} --region {arn.split(':')[3]}"
    fixes = {
        "Disabled": f"Enable it: aws kms enable-key {key}",
        "PendingDeletion": f"It will be deleted. Keep it: aws kms cancel-key-deletion {key}, and enable it "
        f"then: aws kms enable-key {key}",
    }
    return fixes.get(state, f"It has to be in the state {ENABLED}.")
