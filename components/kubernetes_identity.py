"""Remembers the stack's Kubernetes cluster, so that another one behind the same context is refused."""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult

from components.errors import DeploymentError
from components.kubernetes.kubectl import Kubectl, KubectlError, KubernetesTarget
from components.progress import say
from components.stable_provider import StableProvider, StableResource

INPUTS = ("target",)
PREVIEW = "preview"
"""Property that says whether this is a preview, which the engine doesn't tell a provider; not compared."""
IDENTITY_NAMESPACE = "kube-system"
"""Every cluster has it and nobody deletes it, so its uid serves as the cluster's; Kubernetes has no other."""


class WrongClusterError(DeploymentError):
    """Another Kubernetes cluster answers than the one that the stack was deployed to."""


class KubernetesIdentityProvider(StableProvider):
    """Records the cluster at creation, and compares it in every preview and update."""

    inputs = INPUTS

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Raise :class:`WrongClusterError` if another cluster answers than the one deployed to.

        Here, as ``check`` gets the old inputs only, and the identity is an output. A preview works without
        the cluster; an update raises :class:`DeploymentError` if the identity can't be read.
        """
        target = KubernetesTarget.from_properties(_news["target"])
        try:
            uid = cluster_uid(target)
        except DeploymentError as error:
            if not _news[PREVIEW]:
                raise _unreadable(error) from None
            say(f"The identity of the Kubernetes cluster can't be read: {error}")
            uid = _olds["uid"]
        if uid != _olds["uid"]:
            raise WrongClusterError(
                f"This stack was deployed to the Kubernetes cluster {_olds['uid']}, but {uid} answers behind "
                f"context {target.context!r}. Nothing was changed there. Fix kubeContext or the kubeconfig; "
                "for another cluster, make another stack."
            )
        return super().diff(_id, _olds, _news)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record the cluster's identity; raise :class:`DeploymentError` if it can't be read."""
        try:
            uid = cluster_uid(KubernetesTarget.from_properties(props["target"]))
        except KubectlError as error:
            raise _unreadable(error) from None
        return CreateResult(uid, {"target": props["target"], "uid": uid})


def _unreadable(error: DeploymentError) -> DeploymentError:
    return DeploymentError(
        f"The uid of namespace {IDENTITY_NAMESPACE} can't be read, so it is unknown whether this is the "
        f"stack's cluster: {error}\nGive the credentials the right to get that namespace."
    )


def cluster_uid(target: KubernetesTarget) -> str:
    """Return the uid of the cluster behind ``target``; raise :class:`KubectlError`."""
    return Kubectl(target).run(
        ["get", "namespace", IDENTITY_NAMESPACE, "--output=jsonpath={.metadata.uid}", "--request-timeout=10s"]
    )


class KubernetesIdentity(StableResource, module="vault", name="KubernetesIdentity"):
    """The cluster that this stack belongs to."""

    uid: pulumi.Output[str]
    """Uid of namespace `kube-system`."""

    def __init__(
        self, name: str, target: KubernetesTarget, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(
            KubernetesIdentityProvider(),
            name,
            {"target": target.to_properties(), PREVIEW: pulumi.runtime.is_dry_run(), "uid": None},
            opts,
        )
