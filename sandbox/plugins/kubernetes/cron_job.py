"""``kubernetes:batch/v1:CronJob``."""

from typing import ClassVar

from sandbox.plugins.kubernetes.specified_object import SpecifiedObject


class CronJob(SpecifiedObject):
    """A CronJob, whose runs nobody waits for.

    Nothing in its specification replaces it: the real plugin waits for and replaces a Job, not what makes
    Jobs (pulumi-kubernetes, provider/pkg/await/awaiters.go and provider/pkg/provider/diff.go).
    """

    token = "kubernetes:batch/v1:CronJob"  # noqa: S105 - a type's name
    kind: ClassVar[str] = "CronJob"
    api_version: ClassVar[str] = "batch/v1"
    resource: ClassVar[str] = "cronjobs"
