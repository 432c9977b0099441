"""A real Kubernetes of one node on this machine, standing for the EKS cluster that the program is given."""

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from pathlib import Path

from sandbox import processes
from sandbox.build.pinned_tools import KUBERNETES, OLDER_KUBERNETES
from sandbox.build.tools import Tools
from sandbox.cluster import control_plane, dns, node, storage
from sandbox.cluster.api_client import ApiRequestError, KubernetesApi
from sandbox.cluster.bridge import create_bridge
from sandbox.cluster.control_groups import create_node_group
from sandbox.cluster.credentials import (
    ADMINISTRATOR,
    CONTROLLER_MANAGER,
    administrator_api,
    create_credentials,
    ensure_service_account_keys,
    write_kubeconfig,
)
from sandbox.cluster.paths import ClusterPaths, write_record
from sandbox.cluster.requirements import check_requirements
from sandbox.cluster.teardown import CLUSTER_PROCESSES, remove_cluster
from sandbox.errors import SandboxError
from sandbox.layout import Layout

_NODE_DEADLINE_SECONDS = 60
_SERVICE_ACCOUNT_DEADLINE_SECONDS = 30


@dataclass(frozen=True)
class _Settings:
    """What a running cluster was started with; images by their archives, named after their contents."""

    service_account_issuer: str
    host_records: Mapping[str, str]
    images: Sequence[str]
    kubernetes: str = OLDER_KUBERNETES
    """Its version; a cluster whose record lacks it is of the time in which there was one only."""


def kubernetes_version(layout: Layout) -> str:
    """Return the version of Kubernetes that the cluster was started with, or the one that it would get."""
    path = ClusterPaths.of(layout).settings
    return _Settings(**json.loads(path.read_text())).kubernetes if path.exists() else KUBERNETES


def service_account_public_key(layout: Layout) -> Path:
    """PEM file of the key that checks service-account tokens; made now if there is no cluster yet."""
    paths = ClusterPaths.of(layout)
    ensure_service_account_keys(paths)
    return paths.service_account_public_key


def refuse_other_kubernetes(layout: Layout, wanted: str) -> None:
    """Raise SandboxError if a cluster runs that was started with another version of Kubernetes."""
    started = kubernetes_version(layout)
    if started != wanted and _serves(layout, ClusterPaths.of(layout)):
        raise SandboxError(
            f"the cluster runs Kubernetes {started}, and {wanted} is asked for now; "
            f"run `make down` first, or set KUBERNETES={started}"
        )


def start_cluster(
    layout: Layout,
    tools: Tools,
    *,
    service_account_issuer: str,
    images: Sequence[Path],
    host_records: Mapping[str, str],
    kubernetes: str = KUBERNETES,
) -> None:
    """Start the cluster, and return when it takes pods, answers DNS and has its storage classes.

    ``service_account_issuer`` is the https URL that tokens name as their issuer. ``images`` are OCI archives,
    the only images there are. ``host_records`` maps names outside of the cluster to IPv4 addresses, for pods.
    ``kubernetes`` is the version that ``tools`` has.
    The administrator's kubeconfig is written to ``layout.kubeconfig``.

    A cluster that runs already is left as it is, but for images that it lacks. One that was interrupted
    half-way is cleared away first.

    Raises SandboxError when the machine lacks something (before anything is started), when a part does not
    come up in time (with the end of its log, after clearing everything away), or when a cluster with another
    version, another issuer or other host records runs.
    """
    refuse_other_kubernetes(layout, kubernetes)
    paths = ClusterPaths.of(layout)
    wanted = _Settings(
        service_account_issuer, dict(host_records), [str(image) for image in images], kubernetes
    )
    if _serves(layout, paths):
        _adopt(layout, paths, wanted)
        return
    remove_cluster(layout, paths)
    check_requirements(layout)
    ensure_service_account_keys(paths)
    with ExitStack() as on_failure:
        on_failure.callback(remove_cluster, layout, paths)
        _start(layout, tools, paths, wanted)
        on_failure.pop_all()


def stop_cluster(layout: Layout) -> None:
    """End the cluster and all in it, restore the machine's network and settings, and remove ``layout.run``.

    It serves in every state: running, half-started, gone with the machine, never started.
    ``layout.run`` stays as long as another process of the sandbox is recorded there and runs.

    Raises SandboxError when a process cannot be ended or the machine's network cannot be restored.
    """
    remove_cluster(layout, ClusterPaths.of(layout))
    others_run = any(processes.running(layout, name) for name in processes.recorded_names(layout))
    if layout.run.exists() and not others_run:
        shutil.rmtree(layout.run)


def _serves(layout: Layout, paths: ClusterPaths) -> bool:
    return (
        paths.settings.exists()
        and all(processes.running(layout, name) for name in CLUSTER_PROCESSES)
        and administrator_api(paths).is_ready()
    )


def _adopt(layout: Layout, paths: ClusterPaths, wanted: _Settings) -> None:
    running = _Settings(**json.loads(paths.settings.read_text()))
    if replace(running, images=wanted.images) != wanted:
        raise SandboxError(
            "the cluster runs with another token issuer or other host records than are asked for now; "
            "run `make down` first"
        )
    missing = [image for image in wanted.images if image not in running.images]
    node.import_images(layout, [Path(image) for image in missing])
    write_record(paths.settings, asdict(replace(running, images=[*running.images, *missing])))


def _start(layout: Layout, tools: Tools, paths: ClusterPaths, wanted: _Settings) -> None:
    # Nobody else on this machine is to read volumes or the database.
    paths.root.mkdir(parents=True, mode=0o700)
    paths.configuration.mkdir()
    create_bridge(paths)
    create_node_group()
    credentials = create_credentials(paths)
    api = administrator_api(paths)

    control_plane.start_etcd(layout, paths, credentials)
    control_plane.start_api_server(
        layout, tools, paths, credentials, service_account_issuer=wanted.service_account_issuer
    )
    node.start_mount_namespace(layout, paths)
    node.start_containerd(layout, paths)
    # Unpacking images takes the disk, the API server's start the processor: they go well together.
    with ThreadPoolExecutor(max_workers=1) as executor:
        imported = executor.submit(node.import_images, layout, [Path(image) for image in wanted.images])
        control_plane.wait_for_api_server(layout, api)
        control_plane.start_controller_manager(layout, tools, paths, credentials)
        control_plane.start_scheduler(layout, tools, credentials)
        node.start_kube_proxy(layout, tools, paths, credentials)
        node.start_kubelet(layout, tools, paths, credentials)
        dns.start_dns(layout, tools, paths, credentials, api, wanted.host_records)
        storage.start_storage(layout, paths, credentials, api)
        imported.result()
    node.wait_for_node(layout, api, _NODE_DEADLINE_SECONDS)
    dns.wait_for_dns(layout)
    _wait_for_service_account(layout, api)

    write_kubeconfig(layout.kubeconfig, credentials.authority, credentials.clients[ADMINISTRATOR])
    write_record(paths.settings, asdict(wanted))


def _wait_for_service_account(layout: Layout, api: KubernetesApi) -> None:
    """Wait for what the controller manager makes in every namespace; without it no pod is admitted."""

    def exists() -> bool:
        try:
            api.get("/api/v1/namespaces/default/serviceaccounts/default")
        except ApiRequestError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True

    processes.wait_until_serving(
        layout,
        CONTROLLER_MANAGER,
        _SERVICE_ACCOUNT_DEADLINE_SECONDS,
        exists,
        description="the namespace default has its service account",
    )
