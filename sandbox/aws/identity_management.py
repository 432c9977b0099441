"""IAM as far as moto lacks it: what must exist before, and what must be gone.

Sources: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html and
https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html.
"""

from sandbox.aws import moto_state
from sandbox.aws.error_responses import AwsError, not_implemented
from sandbox.aws.request_context import ServiceRequest


def check_request(call: ServiceRequest) -> None:
    """Raise AwsError where IAM would refuse an authorized request and moto would not."""
    boundary = call.text("PermissionsBoundary")
    if boundary is not None and "User" in call.operation:
        raise not_implemented(call.protocol, "The permissions boundary of a user")
    if boundary is not None and moto_state.find_policy(boundary) is None:
        raise AwsError("NoSuchEntity", f"Scope ARN: {boundary} does not exist or is not attachable.", 404)
    if call.operation == "DeletePolicy":
        policy = moto_state.find_policy(call.required_text("PolicyArn"))
        if policy is None:
            return
        if moto_state.entities_of_policy(policy.arn):
            raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
        if len(policy.versions) > 1:
            raise AwsError(
                "DeleteConflict",
                "This policy has more than one version. Before you delete a policy, you must delete the "
                "policy's versions. The default version is deleted with the policy.",
                409,
            )
