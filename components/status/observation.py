"""Observes a stack's Vault within seconds, whoever doesn't answer. It changes nothing."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

from cryptography import x509

from components.errors import DeploymentError
from components.kubernetes.kubectl import OWNER, OWNER_LABEL, KubectlError
from components.kubernetes.pod_state import stateful_set_pods_among
from components.status.facts import (
    CertificateSecret,
    Facts,
    ObservedPod,
    RecordedStack,
    Release,
    SeenCertificate,
)
from components.status.snapshots import seen_snapshots
from components.status.token_answers import Credentials, token_answers
from components.time_limit import TimeLimit
from components.vault.answers import Leader
from components.vault.client import VaultClient, VaultUnavailableError
from components.vault.pod_access import PodAccess
from components.vault.seal_health import SealHealth, seal_health
from components.vault.served_certificate import served_certificate
from components.vault.server_identity import VOLUME
from components.vault.stateful_set import Server, StatefulSetError, servers_among, template_origin

EACH_SECONDS = 5.0
"""How long each question may take."""
TOGETHER_SECONDS = 9.0
_CERTIFICATE_NAME = "cert-manager.io/certificate-name"
"""Annotation of a Secret that cert-manager keeps."""


def observe(
    stack: RecordedStack, now: datetime, credentials: Callable[[], Credentials] | None = None
) -> Facts:
    """Return what can be seen of the Vault within :data:`TOGETHER_SECONDS`.

    With ``credentials`` Vault is also asked for what it tells to a token alone.
    """
    limit = TimeLimit.starting_now(each=EACH_SECONDS, together=TOGETHER_SECONDS)
    access = replace(stack.access, limit=limit)
    try:
        objects = json.loads(access.kubectl.run(["get", "statefulset,pod", "--output=json"]))["items"]
    except KubectlError as error:
        pods = _without_kubernetes(stack, access)
        answers = token_answers(stack, access, pods, credentials) if credentials is not None else None
        return Facts(now, stack, _short(error), None, pods, None, answers)
    stateful_set = next(
        (
            item
            for item in objects
            if (item["kind"], item["metadata"]["name"]) == ("StatefulSet", access.statefulset)
        ),
        None,
    )
    servers, unsettled = _servers(stack, access, objects)
    with ThreadPoolExecutor() as pool:
        secret = pool.submit(_certificate_secret, access, stateful_set)
        snapshots = pool.submit(seen_snapshots, stack, access)
        problems = pool.submit(_problems, access, objects)
        asked = list(pool.map(lambda server: _asked(stack, access, server), servers))
        pods = [replace(pod, kubernetes=problems.result().get(pod.name, "")) for pod in asked]
    answers = token_answers(stack, access, pods, credentials) if credentials is not None else None
    release = None
    if stateful_set is not None:
        replicas = int(stateful_set["spec"]["replicas"])
        release = Release(replicas, template_origin(stateful_set), unsettled)
    return Facts(now, stack, "", release, pods, secret.result(), answers, snapshots.result())


def _without_kubernetes(stack: RecordedStack, access: PodAccess) -> Sequence[ObservedPod]:
    """Return the pods as their Vaults have them, if the way to them isn't through Kubernetes."""
    servers = [Server.absent(access, ordinal) for ordinal in range(stack.replicas)]
    if not access.address:
        return [ObservedPod(server, problem="not asked, as the way to it is cut") for server in servers]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda server: _asked(stack, access, server), servers))


def _servers(
    stack: RecordedStack, access: PodAccess, objects: Sequence[Mapping[str, Any]]
) -> tuple[Sequence[Server], str]:
    """Return a server for each ordinal of the stack and each beyond, and why none is known as outdated."""
    unsettled = ""
    try:
        found = servers_among(access, objects)
    except StatefulSetError as error:
        unsettled = str(error)
        found = servers_among(access, objects, settled=False)
    present = {server.ordinal: server for server in found}
    ordinals = sorted({*range(stack.replicas), *present})
    return [present.get(ordinal) or Server.absent(access, ordinal) for ordinal in ordinals], unsettled


def _problems(access: PodAccess, objects: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return why pods don't run, by their names."""
    states = stateful_set_pods_among(access.kubectl, access.statefulset, objects)
    return {state.name: state.problem for state in states}


def _asked(stack: RecordedStack, access: PodAccess, server: Server) -> ObservedPod:
    if not server.pod_uid and not access.address:
        return ObservedPod(server)
    pod = ObservedPod(server)
    try:
        with access.reach(server.ordinal) as client:
            pod = replace(pod, speaks_tls=client.address.startswith("https:"))
            if pod.speaks_tls:
                pod = replace(pod, served=_served(access, client))
            pod = replace(pod, status=client.seal_status())
            if pod.status is None or pod.status.sealed:
                return pod
            leader = _leader(stack, client)
            return replace(pod, leader=leader, seal_health=_seal_health(stack, client, leader))
    # Of each kind: one pod that can't be asked must not keep the others from the page.
    except DeploymentError as error:
        reached = "has no connection to a leader: " if pod.status is not None else ""
        return replace(pod, problem=f"{reached}{_short(error)}")


def _leader(stack: RecordedStack, client: VaultClient) -> Leader:
    if stack.highly_available:
        return client.proven_leader()
    # Without HA, Vault reports no leader; this server is the active one.
    return replace(client.leader(), is_self=True)


def _seal_health(stack: RecordedStack, client: VaultClient, leader: Leader) -> SealHealth | None:
    """Return what the active server says of the seal's key; None from others, which don't test it."""
    if not (stack.unseals_itself and leader.is_self):
        return None
    try:
        return seal_health(client)
    # The pod has said all that matters more, and must not count as one that can't be asked.
    except VaultUnavailableError:
        return None


def _served(access: PodAccess, client: VaultClient) -> SeenCertificate | None:
    seconds = access.limit.seconds(EACH_SECONDS) if access.limit is not None else EACH_SECONDS
    encoded = served_certificate(client.address, "" if access.address else access.server_name, seconds)
    return seen_certificate(x509.load_der_x509_certificate(encoded)) if encoded is not None else None


def seen_certificate(certificate: x509.Certificate) -> SeenCertificate:
    """Return what is shown of a certificate."""
    return SeenCertificate(
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _certificate_secret(
    access: PodAccess, stateful_set: Mapping[str, Any] | None
) -> CertificateSecret | None:
    """Return the Secret that new pods have their certificate from; None without TLS."""
    pods = stateful_set["spec"]["template"]["spec"] if stateful_set is not None else {}
    name = next(
        (one["secret"]["secretName"] for one in pods.get("volumes") or () if one["name"] == VOLUME), ""
    )
    if not name:
        return None
    # Never the whole of it, which has the key; nor all annotations, in which kubectl apply repeats it.
    parts = (
        f"{{.metadata.labels.{_escaped(OWNER_LABEL)}}}|"
        f"{{.metadata.annotations.{_escaped(_CERTIFICATE_NAME)}}}|{{.data.tls\\.crt}}"
    )
    try:
        text = access.kubectl.run(["get", "secret", name, "--ignore-not-found", f"--output=jsonpath={parts}"])
    except KubectlError as error:
        return CertificateSecret(name, problem=_short(error), unasked=True)
    if not text:
        return CertificateSecret(name, problem="it isn't there")
    owner, request, encoded = text.split("|")
    secret = CertificateSecret(name, by_stack=owner == OWNER, request=request)
    try:
        chain = x509.load_pem_x509_certificates(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return replace(secret, problem="its entry tls.crt has no readable certificate (PEM)")
    return replace(secret, certificate=seen_certificate(chain[0]))


def _escaped(key: str) -> str:
    return key.replace(".", r"\.")


def _short(error: Exception) -> str:
    """Return the first line of an error that says something; kubectl repeats itself before the last one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
