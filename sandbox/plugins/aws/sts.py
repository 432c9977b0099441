"""The function ``aws:index/getCallerIdentity:getCallerIdentity``."""

from sandbox.plugins.aws.api import Aws, failing_as
from sandbox.plugins.property_values import PropertyMap


def get_caller_identity(aws: Aws, _: PropertyMap) -> PropertyMap:
    """Ask STS whose credentials are in use."""
    with failing_as("reading STS Caller Identity", "sts"):
        found = aws.client("sts").get_caller_identity()
    return {
        "accountId": found["Account"],
        "arn": found["Arn"],
        "id": found["Account"],
        "userId": found["UserId"],
    }
