"""The provider `kubernetes`: its configuration, and which resource types there are."""

import threading
from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.kubernetes.api import KubernetesApi
from sandbox.plugins.kubernetes.certificate import Certificate
from sandbox.plugins.kubernetes.config_map import ConfigMap
from sandbox.plugins.kubernetes.cron_job import CronJob
from sandbox.plugins.kubernetes.helm import Helm
from sandbox.plugins.kubernetes.helm_release import Release
from sandbox.plugins.kubernetes.kubeconfig import ClusterSettings, KubeconfigError
from sandbox.plugins.kubernetes.monitoring import PodMonitor, PrometheusRule
from sandbox.plugins.kubernetes.namespace import Namespace
from sandbox.plugins.kubernetes.network_policy import NetworkPolicy
from sandbox.plugins.kubernetes.secret import Secret
from sandbox.plugins.kubernetes.service_account import ServiceAccount
from sandbox.plugins.kubernetes.volume_claim import VolumeClaim
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
    not_implemented,
)

_IDENTIFIER = "clusterIdentifier"
_CONNECTION = frozenset({"cluster", "context", "kubeconfig"})
_MUTABLE_SECRETS = "enableSecretMutable"
_SETTINGS = _CONNECTION | {_IDENTIFIER, _MUTABLE_SECRETS}


class KubernetesProvider(Provider):
    """Takes a kubeconfig, by path or contents, and a context or cluster of it."""

    name: ClassVar[str] = "kubernetes"
    # As the real plugin from 4.30 on (pulumi-kubernetes pull request 4293).
    keeps_nulls: ClassVar[bool] = True

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._resource_types: dict[str, ResourceType] = {}
        self._helm: Helm | None = None

    def check_configuration(self, inputs: PropertyMap) -> tuple[CheckFailure, ...]:
        """Require a kubeconfig, so that the ambient one is never used by accident; refuse other settings."""
        failures = self.refused(name for name in inputs if name not in _SETTINGS | {"version"})
        if inputs.get("kubeconfig", "") == "":
            failures.append(
                CheckFailure(
                    "kubeconfig", not_implemented("kubernetes", "a provider without the setting kubeconfig")
                )
            )
        return tuple(failures)

    @override
    def diff_configuration(self, old_inputs: PropertyMap, new_inputs: PropertyMap) -> Difference:
        """Compare: another active cluster replaces the provider, unless ``clusterIdentifier`` names it.

        Then only another identifier does (https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/).
        """
        changes = {path_of(steps[:1]): kind for steps, kind in differences(old_inputs, new_inputs)}
        unknown = {name for name in _CONNECTION | {_IDENTIFIER} if isinstance(new_inputs.get(name), Unknown)}
        replacing = frozenset(unknown)
        if new_inputs.get(_IDENTIFIER) and old_inputs.get(_IDENTIFIER):
            replacing = frozenset({_IDENTIFIER})
        elif changes.keys() & _CONNECTION and not unknown:
            old, new = _active_cluster(old_inputs), _active_cluster(new_inputs)
            if old is not None and new is not None and old != new:
                replacing = _CONNECTION
        return Difference({name: Change(kind, replaces=name in replacing) for name, kind in changes.items()})

    def configure(self, inputs: PropertyMap, log: EngineLog) -> None:
        """Take the settings; the cluster is first spoken to when there is a reason."""
        context, cluster = inputs.get("context"), inputs.get("cluster")
        settings = ClusterSettings(
            str(inputs["kubeconfig"]),
            context if isinstance(context, str) and context else None,
            cluster if isinstance(cluster, str) and cluster else None,
        )
        api = KubernetesApi(settings)
        self._helm = Helm(settings)
        mutable = inputs.get(_MUTABLE_SECRETS) in {"true", True}
        self._resource_types = {
            Certificate.token: Certificate(api, log, self._cancelled),
            ConfigMap.token: ConfigMap(api, log, self._cancelled),
            CronJob.token: CronJob(api, log, self._cancelled),
            Namespace.token: Namespace(api, log, self._cancelled),
            NetworkPolicy.token: NetworkPolicy(api, log, self._cancelled),
            PodMonitor.token: PodMonitor(api, log, self._cancelled),
            PrometheusRule.token: PrometheusRule(api, log, self._cancelled),
            Secret.token: Secret(api, log, self._cancelled, mutable=mutable),
            ServiceAccount.token: ServiceAccount(api, log, self._cancelled),
            VolumeClaim.token: VolumeClaim(api, log, self._cancelled),
            Release.token: Release(api, self._helm, log),
        }

    def resource_type(self, token: str) -> ResourceType | None:
        """Return the resource type, on the configured cluster."""
        return self._resource_types.get(token)

    @override
    def function(self, token: str) -> Function | None:
        """Find nothing: there are no functions."""
        return None

    def cancel(self) -> None:
        """End waiting, and what helm is doing."""
        self._cancelled.set()
        if self._helm is not None:
            self._helm.cancel()


def _active_cluster(inputs: PropertyMap) -> object:
    """Return the cluster that a configuration means; ``None`` where the kubeconfig (no longer) tells."""
    context, cluster = inputs.get("context"), inputs.get("cluster")
    settings = ClusterSettings(
        str(inputs.get("kubeconfig", "")),
        context if isinstance(context, str) else None,
        cluster if isinstance(cluster, str) else None,
    )
    try:
        return settings.active_cluster
    except KubeconfigError:
        return None
