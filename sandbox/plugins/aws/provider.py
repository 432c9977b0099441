"""The provider `aws`: its configuration, and which resource types and functions there are."""

import threading
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.aws.api import Aws
from sandbox.plugins.aws.ec2 import SecurityGroupIngressRule, get_security_group
from sandbox.plugins.aws.eks import get_cluster
from sandbox.plugins.aws.iam_policy import Policy, get_open_id_connect_provider
from sandbox.plugins.aws.iam_role import Role, RolePolicyAttachment
from sandbox.plugins.aws.kms import Alias, Key
from sandbox.plugins.aws.resource_type import AwsResourceType
from sandbox.plugins.aws.secretsmanager import Secret, SecretPolicy
from sandbox.plugins.property_differences import differences, path_of
from sandbox.plugins.property_values import PropertyMap, Unknown
from sandbox.plugins.provider import (
    Change,
    CheckFailure,
    Difference,
    EngineLog,
    Function,
    Provider,
    ProviderError,
    ResourceType,
    not_implemented,
)

_SDK_DEFAULTS = {"skipCredentialsValidation": "false", "skipRegionValidation": "true"}
"""What the Python SDK always sends (``pulumi_aws/provider.py``), whatever the program gives."""
_RESOURCE_TYPES: dict[str, type[AwsResourceType]] = {
    kind.token: kind
    for kind in (
        Alias,
        Key,
        Policy,
        Role,
        RolePolicyAttachment,
        Secret,
        SecretPolicy,
        SecurityGroupIngressRule,
    )
}
_FUNCTIONS = {
    "aws:ec2/getSecurityGroup:getSecurityGroup": get_security_group,
    "aws:eks/getCluster:getCluster": get_cluster,
    "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": get_open_id_connect_provider,
}


class AwsProvider(Provider):
    """Takes a region, and nothing else; credentials and the endpoint come from the environment."""

    name: ClassVar[str] = "aws"

    def __init__(self) -> None:
        self._aws: Aws | None = None

    def check_configuration(self, inputs: PropertyMap) -> tuple[CheckFailure, ...]:
        """Require ``region``; refuse other settings."""
        failures = [
            CheckFailure(name, not_implemented("aws", f"the provider's setting {name}"))
            for name, value in inputs.items()
            if name not in {"region", "version"} and _SDK_DEFAULTS.get(name) != value
        ]
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

    def diff_configuration(self, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Another region replaces the provider, and with it all that it made (pulumi/pulumi-aws#4000)."""
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
        """Take the region, and begin to load botocore while the engine goes on."""
        region = inputs.get("region")
        self._aws = Aws(region) if isinstance(region, str) else None
        threading.Thread(target=_load_botocore, daemon=True).start()

    def resource_type(self, token: str) -> ResourceType | None:
        """The resource type, on the configured region."""
        kind = _RESOURCE_TYPES.get(token)
        # A preview may not know the region yet; checks, differences and foretold states do not need it.
        return None if kind is None else kind(self._aws or Aws(""))

    def function(self, token: str) -> Function | None:
        """The function, on the configured region."""
        function = _FUNCTIONS.get(token)
        if function is None:
            return None
        if self._aws is None:
            raise ProviderError("the provider's region is not known yet, so no function can be called")
        return partial(_invoke, token, self._aws)

    @override
    def cancel(self) -> None:
        """Calls to AWS are short; there is nothing to stop."""


def _invoke(token: str, aws: Aws, arguments: PropertyMap) -> PropertyMap:
    try:
        return _FUNCTIONS[token](aws, arguments)
    except ProviderError as error:
        raise ProviderError(f"invoking {token}: {error}") from error


def _load_botocore() -> None:
    import botocore.session  # noqa: F401 - imported for the time it takes
