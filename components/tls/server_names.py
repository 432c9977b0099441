"""Lists the names by which Vault's servers are called over TLS, and so have to be in their certificate."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

_CLUSTER_DOMAIN = "cluster.local"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServerNames:
    """The names of one Vault's servers, by which the chart's Services and Vault's pods are reached."""

    fullname: str
    """Name of the chart's objects: StatefulSet and Services."""
    namespace: str
    replicas: int
    highly_available: bool
    """Whether the chart creates Services of the active Vault and of the standbys."""
    injector: bool
    """Whether injected agents call Vault."""
    extra: Sequence[str] = ()
    """Names and addresses by which others call it."""

    @property
    def verified(self) -> str:
        """The name that the program, joining pods and proxies verify a server by, whichever pod it is."""
        service = f"{self.fullname}-active" if self.highly_available else self.fullname
        return self._in_cluster(service)

    def pod(self, pod: str) -> str:
        """Return the name of one pod, by which clients in every namespace reach it."""
        return self._in_cluster(f"{pod}.{self._headless}")

    @property
    def all(self) -> Sequence[str]:
        """Every name and address by which a server may be called."""
        services = [self.fullname]
        if self.highly_available:
            services += [f"{self.fullname}-active", f"{self.fullname}-standby"]
        names = [
            form
            for name in (*services, f"*.{self._headless}")
            for form in (
                name,
                f"{name}.{self.namespace}",
                self._in_cluster(name),
                f"{self._in_cluster(name)}.{_CLUSTER_DOMAIN}",
            )
        ]
        return tuple(dict.fromkeys((*names, *_LOOPBACK, *self.extra)))

    @property
    def needed(self) -> Sequence[str]:
        """The names without which this stack, its pods or the injector's agents couldn't call a server."""
        agents = [self._in_cluster(self.fullname)] if self.injector else []
        pods = [self.pod(f"{self.fullname}-{ordinal}") for ordinal in range(self.replicas)]
        others = pods if self.highly_available else []
        return tuple(dict.fromkeys((self.verified, *agents, *others, *self.extra)))

    @property
    def _headless(self) -> str:
        return f"{self.fullname}-internal"

    def _in_cluster(self, name: str) -> str:
        return f"{name}.{self.namespace}.svc"


def is_address(name: str) -> bool:
    """Return whether a name in a certificate is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
