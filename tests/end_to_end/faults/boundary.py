"""What bounds the rights of Vault's role in AWS."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.end_to_end.deployment import Deployment


@contextmanager
def boundary(deployment: Deployment, actions: Sequence[str]) -> Iterator[str]:
    """ARN of a policy that allows these actions and no other; deleted when the block ends."""
    iam = deployment.aws("iam")
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    name = f"{deployment.name}-boundary"
    policy: str = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    yield policy
    # A stack that is on its way out may have its role still, and AWS deletes no policy that is in use.
    for role in iam.list_roles()["Roles"]:
        found = iam.get_role(RoleName=role["RoleName"])["Role"].get("PermissionsBoundary", {})
        if found.get("PermissionsBoundaryArn") == policy:
            iam.delete_role_permissions_boundary(RoleName=role["RoleName"])
    iam.delete_policy(PolicyArn=policy)
