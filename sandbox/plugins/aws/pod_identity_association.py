"""``aws:eks/podIdentityAssociation:PodIdentityAssociation``."""

import time
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import error_code, failing_as
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.tags import tag_changes, tag_outputs, tags_of
from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import Created, Resource

_PROPAGATION_SECONDS = 120.0
_PAUSE_SECONDS = 1.0


class PodIdentityAssociation(AwsResourceType):
    """The role of one service account; its id is the association's.

    The real plugin reads nothing back after it has created or changed one.
    """

    token = "aws:eks/podIdentityAssociation:PodIdentityAssociation"  # noqa: S105 - a type's name
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("clusterName", required=True, replaces=True),
            Property("namespace", required=True, replaces=True),
            Property("roleArn", required=True),
            Property("serviceAccount", required=True, replaces=True),
            Property("tags", "map"),
        ),
        outputs=(
            "associationArn",
            "associationId",
            "disableSessionTags",
            "externalId",
            "region",
            "tagsAll",
        ),
        not_implemented=frozenset({"disableSessionTags", "policy", "region", "targetRoleArn"}),
    )

    @override
    def make(self, inputs: PropertyMap) -> Created:
        """Create the association, for two minutes if the role isn't known to EKS yet."""
        from botocore.exceptions import ClientError

        deadline = time.monotonic() + _PROPAGATION_SECONDS
        with failing_as("creating EKS Pod Identity Association", "eks"):
            while True:
                try:
                    made = self.aws.client("eks").create_pod_identity_association(
                        clusterName=str(inputs["clusterName"]),
                        namespace=str(inputs["namespace"]),
                        serviceAccount=str(inputs["serviceAccount"]),
                        roleArn=str(inputs["roleArn"]),
                        tags=tags_of(inputs),
                    )["association"]
                    break
                except ClientError as error:
                    missing = "Role provided in the request does not exist" in str(error)
                    if not missing or time.monotonic() > deadline:
                        raise
                    time.sleep(_PAUSE_SECONDS)
        identifier = made["associationId"]
        return Created(
            identifier,
            {
                **inputs,
                "associationArn": made["associationArn"],
                "associationId": identifier,
                "disableSessionTags": False,
                "externalId": "",
                "region": self.aws.region,
                "tagsAll": inputs.get("tags", {}),
            },
        )

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        """Describe the association; an id to import is ``<cluster>,<association>``."""
        from botocore.exceptions import ClientError

        named, _, imported = identifier.rpartition(",")
        cluster = named or str(state["clusterName"])
        with failing_as(f"reading EKS Pod Identity Association ({imported})", "eks"):
            try:
                found = self.aws.client("eks").describe_pod_identity_association(
                    clusterName=cluster, associationId=imported
                )["association"]
            except ClientError as error:
                if error_code(error) == "ResourceNotFound":
                    return None
                raise
        return {
            "associationArn": found["associationArn"],
            "associationId": found["associationId"],
            "clusterName": cluster,
            "disableSessionTags": found.get("disableSessionTags", False),
            "externalId": "",
            "namespace": found["namespace"],
            "region": self.aws.region,
            "roleArn": found["roleArn"],
            "serviceAccount": found["serviceAccount"],
            **tag_outputs(found.get("tags", {}).items()),
        }

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        """Associate another role, and set tags."""
        eks = self.aws.client("eks")
        with failing_as(f"updating EKS Pod Identity Association ({identifier})", "eks"):
            if state.get("roleArn") != inputs.get("roleArn"):
                eks.update_pod_identity_association(
                    clusterName=str(inputs["clusterName"]),
                    associationId=identifier,
                    roleArn=str(inputs["roleArn"]),
                )
            arn = str(state["associationArn"])
            removed, changed = tag_changes(tags_of(state), tags_of(inputs))
            if removed:
                eks.untag_resource(resourceArn=arn, tagKeys=removed)
            if changed:
                eks.tag_resource(resourceArn=arn, tags=changed)

    @override
    def recorded(self, identifier: str, inputs: PropertyMap) -> PropertyMap:
        """Record the inputs as they were given."""
        return {"tags": {}, **inputs, "tagsAll": inputs.get("tags", {})}

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Delete the association; one that is gone is no error."""
        from botocore.exceptions import ClientError

        with failing_as(f"deleting EKS Pod Identity Association ({identifier})", "eks"):
            try:
                self.aws.client("eks").delete_pod_identity_association(
                    clusterName=str(state["clusterName"]), associationId=identifier
                )
            except ClientError as error:
                if error_code(error) != "ResourceNotFound":
                    raise
