"""The provider `aws`: its configuration, and which resource types and functions there are."""

import threading
from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import Aws
from sandbox.plugins.aws.configuration import (
    IMPLEMENTED_SETTINGS,
    Configuration,
    configuration_of,
    unimplemented_parts,
)
from sandbox.plugins.aws.ec2 import (
    SecurityGroupIngressRule,
    get_security_group,
    get_security_group_rule,
    get_security_group_rules,
)
from sandbox.plugins.aws.eks import get_addon, get_cluster
from sandbox.plugins.aws.iam_policy import Policy, get_open_id_connect_provider
from sandbox.plugins.aws.iam_role import Role, RolePolicyAttachment, get_role
from sandbox.plugins.aws.kms import Alias, Key, get_key
from sandbox.plugins.aws.pod_identity_association import PodIdentityAssociation
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.s3_bucket import Bucket
from sandbox.plugins.aws.s3_settings import (
    BucketLifecycleConfiguration,
    BucketOwnershipControls,
    BucketPolicy,
    BucketPublicAccessBlock,
    BucketServerSideEncryptionConfiguration,
    BucketVersioning,
)
from sandbox.plugins.aws.secretsmanager import Secret, SecretPolicy
from sandbox.plugins.aws.sts import get_caller_identity
from sandbox.plugins.declared_functions import DeclaredFunction, function_of
from sandbox.plugins.property_differences import differences, path_of
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import (
    Change,
    CheckFailure,
    Difference,
    EngineLog,
    Function,
    Provider,
    ResourceType,
)

_SDK_DEFAULTS = {"skipCredentialsValidation": "false", "skipRegionValidation": "true"}
"""What the Python SDK always sends (``pulumi_aws/provider.py``), whatever the program gives."""
_RESOURCE_TYPES: dict[str, type[AwsResourceType]] = {
    kind.token: kind
    for kind in (
        Alias,
        Bucket,
        BucketLifecycleConfiguration,
        BucketOwnershipControls,
        BucketPolicy,
        BucketPublicAccessBlock,
        BucketServerSideEncryptionConfiguration,
        BucketVersioning,
        Key,
        PodIdentityAssociation,
        Policy,
        Role,
        RolePolicyAttachment,
        Secret,
        SecretPolicy,
        SecurityGroupIngressRule,
    )
}
_FUNCTIONS: Mapping[str, DeclaredFunction[Aws]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": DeclaredFunction(get_caller_identity, frozenset()),
    "aws:ec2/getSecurityGroup:getSecurityGroup": DeclaredFunction(
        get_security_group, frozenset({"id"}), frozenset({"filters", "name", "region", "tags", "vpcId"})
    ),
    "aws:eks/getAddon:getAddon": DeclaredFunction(
        get_addon, frozenset({"addonName", "clusterName"}), frozenset({"region", "tags"})
    ),
    "aws:vpc/getSecurityGroupRule:getSecurityGroupRule": DeclaredFunction(
        get_security_group_rule, frozenset({"securityGroupRuleId"}), frozenset({"filters", "region"})
    ),
    "aws:vpc/getSecurityGroupRules:getSecurityGroupRules": DeclaredFunction(
        get_security_group_rules, frozenset({"filters"}), frozenset({"region", "tags"})
    ),
    "aws:eks/getCluster:getCluster": DeclaredFunction(
        get_cluster, frozenset({"name"}), frozenset({"region", "tags"})
    ),
    "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": DeclaredFunction(
        get_open_id_connect_provider, frozenset({"arn", "url"}), frozenset({"tags"})
    ),
    "aws:iam/getRole:getRole": DeclaredFunction(get_role, frozenset({"name"}), frozenset({"tags"})),
    "aws:kms/getKey:getKey": DeclaredFunction(
        get_key, frozenset({"keyId", "region"}), frozenset({"grantTokens"})
    ),
}


class AwsProvider(Provider):
    """Takes a region and some other settings; the endpoint and all else come from the environment."""

    name: ClassVar[str] = "aws"

    def __init__(self) -> None:
        self._aws: Aws | None = None

    def check_configuration(self, inputs: PropertyMap) -> tuple[CheckFailure, ...]:
        """Require ``region``; refuse settings that aren't implemented."""
        failures = self.refused(
            name
            for name, value in inputs.items()
            if name not in {"version", *IMPLEMENTED_SETTINGS} and _SDK_DEFAULTS.get(name) != value
        )
        failures += unimplemented_parts(inputs)
        region = inputs.get("region")
        if not isinstance(region, Unknown) and not (isinstance(region, str) and region):
            failures.append(
                CheckFailure(
                    "region",
                    "Missing region information\nThe AWS region must be set to create and manage resources; "
                    "give it to the provider or set AWS_REGION",
                )
            )
        return tuple(failures)

    @override
    def diff_configuration(self, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Compare two configurations: another region replaces the provider and all that it made.

        See pulumi/pulumi-aws#4000.
        """
        return Difference(
            {
                path_of(path): Change(
                    kind, replaces=path == ("region",) and not isinstance(new_inputs.get("region"), Unknown)
                )
                for path, kind in differences(old_inputs, new_inputs)
            }
        )

    @override
    def configure(self, inputs: PropertyMap, log: EngineLog) -> None:
        """Take the settings, and begin to load botocore while the engine goes on."""
        configuration = configuration_of(inputs)
        self._aws = None if configuration is None else Aws(configuration)
        threading.Thread(target=_load_botocore, daemon=True).start()

    def resource_type(self, token: str) -> ResourceType | None:
        """Return the resource type, on the configured region."""
        kind = _RESOURCE_TYPES.get(token)
        # A preview may not know the region yet; checks, differences and foretold states do not need it.
        return None if kind is None else kind(self._aws or Aws(Configuration("")))

    def function(self, token: str) -> Function | None:
        """Return the function, on the configured region."""
        return function_of(_FUNCTIONS, token, self._aws, setting="region")

    @override
    def cancel(self) -> None:
        """Do nothing: calls to AWS are short."""


def _load_botocore() -> None:
    import botocore.session  # noqa: F401 - imported for the time it takes
