"""Reads the configuration of Pulumi's AWS provider (`aws:...`), so that every part of the program follows it.

What not every part can follow is refused by name. AWS's environment variables are followed by all of them:
the provider, boto3 and the AWS CLI, with which kubectl gets its tokens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from components.aws.credentials import CredentialSource
from components.config.patterns import AWS_TAG_KEY
from components.config.reader import ConfigReader

AWS_NAMESPACE = "aws"

ACCOUNT_ID = r"\d{12}"
ROLE_ARN = r"arn:aws[a-z-]*:iam::\d{12}:role/[\x21-\x7e]+"
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
SESSION_NAME = r"[\w+=,.@-]{2,64}"
EXTERNAL_ID = r"[\w+=,.@:/-]{2,1224}"

_ONLY_IN_PROVIDER = ("duration", "policy", "policyArns", "sourceIdentity", "tags", "transitiveTagKeys")

_CREDENTIALS = (
    "kubectl and the commands of this program could be given it in plain text only; remove it, and "
    "use aws:profile, or AWS_PROFILE or AWS_ACCESS_KEY_ID with its secret in the environment"
)
REFUSED: Mapping[str, str] = {
    "accessKey": _CREDENTIALS,
    "secretKey": _CREDENTIALS,
    "token": _CREDENTIALS,
    "insecure": "AWS is asked over verified TLS only; set AWS_CA_BUNDLE in the environment for another CA",
    "stsRegion": "STS is asked in the cluster's region; remove it",
    "s3UsEast1RegionalEndpoint": "nothing of S3 is used; remove it",
    "s3UsePathStyle": "nothing of S3 is used; remove it",
    **{
        name: f"only the provider would follow it; remove it, and set {variables} in the environment, which "
        "boto3 and the AWS CLI follow, too"
        for name, variables in {
            "assumeRoleWithWebIdentity": "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE",
            "customCaBundle": "AWS_CA_BUNDLE",
            "ec2MetadataServiceEndpoint": "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            "ec2MetadataServiceEndpointMode": "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
            "endpoints": "AWS_ENDPOINT_URL_<SERVICE>, such as AWS_ENDPOINT_URL_KMS,",
            "httpProxy": "HTTP_PROXY",
            "httpsProxy": "HTTPS_PROXY",
            "noProxy": "NO_PROXY",
            "sharedConfigFiles": "AWS_CONFIG_FILE",
            "sharedCredentialsFiles": "AWS_SHARED_CREDENTIALS_FILE",
            "useDualstackEndpoint": "AWS_USE_DUALSTACK_ENDPOINT",
            "useFipsEndpoint": "AWS_USE_FIPS_ENDPOINT",
        }.items()
    },
}
"""Settings of the provider that are refused, and what to do instead."""

FLAGS: Mapping[str, str] = {
    "skipCredentialsValidation": "skip_credentials_validation",
    "skipMetadataApiCheck": "skip_metadata_api_check",
    "skipRegionValidation": "skip_region_validation",
    "skipRequestingAccountId": "skip_requesting_account_id",
}
"""Flags that matter to the provider alone, and the names of its arguments."""


@dataclass(frozen=True)
class AwsProviderSettings:
    """The provider's configuration in the stack's settings."""

    credentials: CredentialSource = field(default_factory=CredentialSource)
    default_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags that the provider adds to those of every resource."""
    own: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the provider that matter to nothing else, by name."""

    def provider_arguments(self) -> Mapping[str, Any]:
        """Return the arguments of Pulumi's provider, without its region; none if nothing is set."""
        source = self.credentials
        role = {
            "roleArn": source.assumed_role,
            "sessionName": source.role_session_name,
            "externalId": source.external_id,
        }
        arguments = {
            **self.own,
            "profile": source.profile,
            "assume_roles": [{name: value for name, value in role.items() if value}]
            if source.assumed_role
            else None,
            "allowed_account_ids": source.allowed_account_ids,
            "forbidden_account_ids": source.forbidden_account_ids,
            "default_tags": {"tags": self.default_tags} if self.default_tags else None,
        }
        # An argument that isn't set would show in every stack as a change of its provider.
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in arguments.items()
            if value not in (None, "", ())
        }


def read_provider_settings(reader: ConfigReader, *, region: str, kube_context: bool) -> AwsProviderSettings:
    """Read the provider's configuration, and report what isn't followed by every part of the program.

    ``region`` is the cluster's. ``kube_context`` tells if kubectl uses a context of the user's own, and not
    `aws eks get-token`. No value is reported, as some are credentials whether they are marked so or not.
    """
    reader = reader.hiding_values()
    for name, instead in REFUSED.items():
        reader.not_applicable((name,), instead)
    for name in reader.unread_keys():
        if reader.is_secret(name):
            reader.report(name, "the program hands it on in plain text; set it without --secret")
    reader.text("region", region, re.escape(region), f"the setting region is {region!r}; remove this one")
    settings = AwsProviderSettings(
        credentials=_credentials(reader, kube_context=kube_context),
        default_tags=_default_tags(reader.section("defaultTags")),
        own=_own_arguments(reader),
    )
    reader.unknown_keys()
    return settings


def _credentials(reader: ConfigReader, *, kube_context: bool) -> CredentialSource:
    source = CredentialSource(
        profile=reader.text("profile", "", fix="name a profile of the AWS configuration files"),
        allowed_account_ids=_account_ids(reader, "allowedAccountIds"),
        forbidden_account_ids=_account_ids(reader, "forbiddenAccountIds"),
    )
    fix = "give a list with one role to assume, an object with roleArn"
    roles = reader.sections("assumeRoles", fix)
    if len(roles) > 1:
        reader.report("assumeRoles", f"{fix}; a profile (aws:profile) may assume one role by another")
    if len(roles) != 1:
        return source
    (role,) = roles
    in_profile = "set it in a profile of ~/.aws/config that has role_arn, and use that (aws:profile)"
    role.not_applicable(_ONLY_IN_PROVIDER, f"only the provider would follow it; remove it, or {in_profile}")
    if not kube_context:
        role.not_applicable(
            ("externalId", "sessionName"),
            f"kubectl gets its tokens with aws eks get-token, which takes none; {in_profile}, or set "
            "kubeContext",
        )
    source = replace(
        source,
        assumed_role=role.required_text("roleArn", ROLE_ARN, "give the ARN of an IAM role"),
        role_session_name=role.text(
            "sessionName", "", SESSION_NAME, "use 2 to 64 of A-Z a-z 0-9 _ + = , . @ -"
        ),
        external_id=role.text("externalId", "", EXTERNAL_ID, "use A-Z a-z 0-9 _ + = , . @ : / -"),
    )
    role.unknown_keys()
    return source


def _account_ids(reader: ConfigReader, key: str) -> tuple[str, ...]:
    fix = "list account ids of 12 digits, in quotes"
    accounts = tuple(reader.texts(key, fix))
    if not all(re.fullmatch(ACCOUNT_ID, account) for account in accounts):
        reader.report(key, fix)
    return accounts


def _default_tags(reader: ConfigReader) -> Mapping[str, str]:
    fix = "use a key that doesn't begin with aws:"
    tags = reader.text_mapping("tags", AWS_TAG_KEY, fix)
    reader.unknown_keys()
    return tags


def _own_arguments(reader: ConfigReader) -> Mapping[str, Any]:
    ignored = reader.section("ignoreTags")
    ignored_fix = "give a list of tag keys"
    ignore_tags = {key: list(ignored.texts(key, ignored_fix)) for key in ("keys", "keyPrefixes")}
    ignored.unknown_keys()
    number_fix = "give a whole number from 0 to 1000"
    read: Mapping[str, tuple[str, Any]] = {
        **{name: (argument, reader.flag(name, False)) for name, argument in FLAGS.items()},
        "ignoreTags": ("ignore_tags", {key: keys for key, keys in ignore_tags.items() if keys}),
        "maxRetries": ("max_retries", reader.integer("maxRetries", 0, range(1001), number_fix)),
        "retryMode": (
            "retry_mode",
            reader.text("retryMode", "", "standard|adaptive", "use standard or adaptive"),
        ),
        "tagPolicyCompliance": (
            "tag_policy_compliance",
            reader.text(
                "tagPolicyCompliance", "", "error|warning|disabled", "use error, warning or disabled"
            ),
        ),
        "tokenBucketRateLimiterCapacity": (
            "token_bucket_rate_limiter_capacity",
            reader.integer("tokenBucketRateLimiterCapacity", 0, range(100_001), "give a whole number"),
        ),
        "userAgents": ("user_agents", list(reader.texts("userAgents", "give a list of texts"))),
    }
    return {argument: value for name, (argument, value) in read.items() if reader.has(name)}
