"""The Google APIs that the stack needs, enabled where the settings ask for it."""

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

from components.google_provider import google_provider

KMS = "cloudkms.googleapis.com"
IAM = "iam.googleapis.com"
IAM_CREDENTIALS = "iamcredentials.googleapis.com"
STS = "sts.googleapis.com"
SECRET_MANAGER = "secretmanager.googleapis.com"  # noqa: S105 - a name


def enabled_apis(apis: Sequence[str], *, project: str) -> Sequence[pulumi.Resource]:
    """One resource an API. They stay enabled when the stack is destroyed, as others may need them by then."""
    return [
        gcp.projects.Service(
            f"api-{api.partition('.')[0]}",
            service=api,
            project=project,
            disable_on_destroy=False,
            opts=pulumi.ResourceOptions(provider=google_provider(project)),
        )
        for api in apis
    ]
