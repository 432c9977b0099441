"""Files of the running cluster."""

import json
from dataclasses import dataclass
from pathlib import Path

from sandbox.layout import Layout


@dataclass(frozen=True)
class ClusterPaths:
    """Files and folders of the cluster, all below ``root``, except for the service-account key pair.

    That pair exists before the cluster does, because AWS's side checks tokens with it, and it stays
    when a half-started cluster is cleared away.
    """

    root: Path
    service_accounts: Path

    @classmethod
    def of(cls, layout: Layout) -> "ClusterPaths":
        """Return the paths of the cluster that belongs to ``layout``."""
        return cls(root=layout.run / "cluster", service_accounts=layout.run / "service-accounts")

    @property
    def service_account_key(self) -> Path:
        """Private key that the API server signs service-account tokens with."""
        return self.service_accounts / "signing.key"

    @property
    def service_account_public_key(self) -> Path:
        """Public key that checks them."""
        return self.service_accounts / "signing.pub"

    @property
    def certificates(self) -> Path:
        """Authorities and certificates of the cluster's parts."""
        return self.root / "certificates"

    @property
    def kubeconfigs(self) -> Path:
        """One kubeconfig for each part that calls the API server."""
        return self.root / "kubeconfigs"

    @property
    def configuration(self) -> Path:
        """Configuration files of the cluster's parts."""
        return self.root / "configuration"

    @property
    def etcd(self) -> Path:
        """The cluster's database."""
        return self.root / "etcd"

    @property
    def kubelet(self) -> Path:
        """What the node's processes see as /var/lib/kubelet."""
        return self.root / "kubelet"

    @property
    def containerd(self) -> Path:
        """Images and container file systems."""
        return self.root / "containerd"

    @property
    def pod_addresses(self) -> Path:
        """The CNI plugin's record of which pod has which address."""
        return self.root / "pod-addresses"

    @property
    def pod_logs(self) -> Path:
        """What the node's processes see as /var/log/pods."""
        return self.root / "pod-logs"

    @property
    def container_logs(self) -> Path:
        """What the node's processes see as /var/log/containers: links into the pods' logs."""
        return self.root / "container-logs"

    @property
    def volumes(self) -> Path:
        """Contents of the persistent volumes, one folder each."""
        return self.root / "volumes"

    @property
    def saved_sysctls(self) -> Path:
        """Kernel settings as they were before the cluster changed them."""
        return self.root / "saved-sysctls.json"

    @property
    def kernel_settings(self) -> Path:
        """What the node's processes see of /proc/sys in place of the machine's own values, by its paths."""
        return self.root / "kernel-settings"

    @property
    def settings(self) -> Path:
        """What the cluster was started with; written when it was found ready."""
        return self.root / "settings.json"


def write_record(path: Path, value: object) -> None:
    """Write ``value`` as JSON, whole or not at all: it is read again after an interrupted start, too."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)
