"""The stack's one connection to Google Cloud."""

from weakref import WeakKeyDictionary

import pulumi
import pulumi_gcp as gcp
from pulumi.runtime import get_root_resource

_providers: WeakKeyDictionary[pulumi.Resource, gcp.Provider] = WeakKeyDictionary()
"""By the stack, of which a process has one."""


def google_provider(project: str) -> gcp.Provider:
    """The explicit provider for ``project``, made when it is asked for first.

    Cluster, seal, custody and firewall share it, and any of them may be the first that needs Google.
    """
    stack = get_root_resource()
    if stack is None:
        raise RuntimeError("A provider is made within a stack.")
    if stack not in _providers:
        _providers[stack] = gcp.Provider(
            "gcp",
            project=project,
            # A label of Pulumi's own would be a change of every key and secret that is taken over.
            add_pulumi_attribution_label=False,
        )
    return _providers[stack]
