"""The cluster's DNS server: CoreDNS on the bridge's address, outside of any pod."""

import urllib.request
from collections.abc import Mapping
from pathlib import Path

from sandbox import processes
from sandbox.build.tools import Tools
from sandbox.cluster.api_client import JsonObject, KubernetesApi
from sandbox.cluster.credentials import COREDNS, Credentials
from sandbox.cluster.paths import ClusterPaths
from sandbox.cluster.ports import DNS_PORT, DNS_READINESS_PORT, LOOPBACK
from sandbox.layout import Layout
from sandbox.network import BRIDGE_ADDRESS

_READINESS_URL = f"http://{LOOPBACK}:{DNS_READINESS_PORT}/ready"
_DEADLINE_SECONDS = 30

# An answer lives five seconds, and so does "no such name". For names of the cluster it comes to the same on
# EKS: its Corefile says "cache 30", but the plugin "kubernetes" gives its records five seconds, also the one
# that says how long a name's absence holds (https://coredns.io/plugins/kubernetes/). How soon Vault's nodes
# find each other depends on it.
_TTL_SECONDS = 5
_ANY_LABEL = "*."


def start_dns(
    layout: Layout,
    tools: Tools,
    paths: ClusterPaths,
    credentials: Credentials,
    api: KubernetesApi,
    host_records: Mapping[str, str],
) -> None:
    """Start CoreDNS and grant it what it reads.

    ``host_records`` are names outside of the cluster with their IPv4 addresses; ``*.`` in front of one stands
    for any label.
    """
    for path, body in _access():
        api.create(path, body)
    corefile = paths.configuration / "Corefile"
    corefile.write_text(render_corefile(credentials.kubeconfigs[COREDNS], host_records))
    processes.start(layout, COREDNS, [str(tools.coredns), "-conf", str(corefile)])


def wait_for_dns(layout: Layout) -> None:
    """Wait until CoreDNS knows the cluster's services. Raises SandboxError with the end of its log."""

    def ready() -> bool:
        try:
            with urllib.request.urlopen(_READINESS_URL, timeout=2):
                return True
        except OSError:
            return False

    processes.wait_until_serving(
        layout, COREDNS, _DEADLINE_SECONDS, ready, description="CoreDNS knows the cluster's services"
    )


def render_corefile(kubeconfig: Path, host_records: Mapping[str, str]) -> str:
    """CoreDNS's configuration: the cluster's names, ``host_records``, and "no such name" for all others.

    No other server is asked. In the root zone the plugin "kubernetes" is there for that answer only: told of
    a namespace that does not exist, it answers NXDOMAIN to everything, where "hosts" alone would answer
    SERVFAIL, which clients take for a fault and ask again (https://coredns.io/plugins/hosts/).
    """
    records = "\n".join(
        f"    {address} {name}"
        for name, address in sorted(host_records.items())
        if not name.startswith(_ANY_LABEL)
    )
    templates = "".join(
        _template(name.removeprefix(_ANY_LABEL), address)
        for name, address in sorted(host_records.items())
        if name.startswith(_ANY_LABEL)
    )
    return f"""\
cluster.local:{DNS_PORT} in-addr.arpa:{DNS_PORT} ip6.arpa:{DNS_PORT} {{
  bind {BRIDGE_ADDRESS}
  ready {LOOPBACK}:{DNS_READINESS_PORT}
  errors
  cache {_TTL_SECONDS}
  kubernetes {{
    kubeconfig "{kubeconfig}"
    pods insecure
    ttl {_TTL_SECONDS}
  }}
}}

.:{DNS_PORT} {{
  bind {BRIDGE_ADDRESS}
  ready {LOOPBACK}:{DNS_READINESS_PORT}
  errors
  cache {_TTL_SECONDS}
{templates}  hosts {{
{records}
    ttl {_TTL_SECONDS}
    no_reverse
    fallthrough
  }}
  kubernetes . {{
    kubeconfig "{kubeconfig}"
    namespaces none-of-this-cluster
    noendpoints
    ttl {_TTL_SECONDS}
  }}
}}
"""


def _template(zone: str, address: str) -> str:
    """Return the part of the configuration that answers for every name of one label below a zone.

    It has no other address than that (https://coredns.io/plugins/template/).
    """
    match = f"^[^.]+[.]{zone.replace('.', '[.]')}[.]$"
    return f"""\
  template IN A {zone} {{
    match "{match}"
    answer "{{{{ .Name }}}} {_TTL_SECONDS} IN A {address}"
    fallthrough
  }}
  template IN AAAA {zone} {{
    match "{match}"
    rcode NOERROR
    fallthrough
  }}
"""


def _access() -> list[tuple[str, JsonObject]]:
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "system:coredns"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:coredns"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "system:coredns"}],
    }
    return [(f"/apis/{group}/v1/clusterroles", role), (f"/apis/{group}/v1/clusterrolebindings", binding)]
