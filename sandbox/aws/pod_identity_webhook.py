"""EKS's pod identity webhook: gives pods a token for their role and tells the SDK about it.

It does what https://github.com/aws/amazon-eks-pod-identity-webhook documents for Linux pods: for service
accounts with the annotations role-arn, audience, token-expiration, sts-regional-endpoints and
skip-containers, and for those with an association of EKS Pod Identity, which comes first.
"""

import base64
import json
import logging
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, cast
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from sandbox.aws.account import STS_AUDIENCE
from sandbox.aws.pod_identity import AUDIENCE
from sandbox.aws.pod_identity_agent import ADDRESS, CREDENTIALS_PATH
from sandbox.aws.service_accounts import ServiceAccountError
from sandbox.certificates import CertificateAuthority
from sandbox.errors import SandboxError
from sandbox.network import BRIDGE_ADDRESS, POD_IDENTITY_WEBHOOK_PORT, REGION

LOGGER = logging.getLogger(__name__)

ANNOTATION_DOMAIN = "eks.amazonaws.com"
DEFAULT_TOKEN_SECONDS = 86400
SHORTEST_TOKEN_SECONDS = 3600
WEBHOOK_PATH = "/mutate"

AGENT_MOUNT_PATH = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
AGENT_TOKEN = "eks-pod-identity-token"  # noqa: S105 no password

ReadAnnotations = Callable[[str, str], Mapping[str, str]]
"""Reads the annotations of a service account by namespace and name; raises ServiceAccountError."""
HasAssociation = Callable[[str, str], bool]
"""Tells if a service account, by namespace and name, has an association of EKS Pod Identity."""


@dataclass(frozen=True)
class _Injection:
    """What a pod's containers get: a token and the variables by which the SDK finds it and its role."""

    volume: str
    mount_path: str
    token: Mapping[str, object]
    """The token as a projected volume has it."""
    variables: Mapping[str, str]
    regional: bool


class EnvironmentVariable(TypedDict):
    """A variable of a container; those that a pod brings along may have ``valueFrom`` instead."""

    name: str
    value: NotRequired[str]


class VolumeMount(TypedDict):
    """A mount of a container."""

    name: str
    mountPath: str
    readOnly: NotRequired[bool]


class Container(TypedDict):
    """What the webhook looks at in a container; the rest of it is passed on as it is."""

    name: str
    env: NotRequired[list[EnvironmentVariable]]
    volumeMounts: NotRequired[list[VolumeMount]]


class PodSpec(TypedDict):
    """What the webhook looks at in a pod's spec."""

    containers: list[Container]
    initContainers: NotRequired[list[Container]]
    volumes: NotRequired[list[Mapping[str, object]]]
    serviceAccountName: NotRequired[str]


class PatchOperation(TypedDict):
    """One operation of a JSON patch (RFC 6902)."""

    op: Literal["add"]
    path: str
    value: object


def pod_patch(
    spec: PodSpec,
    pod_annotations: Mapping[str, str],
    service_account_annotations: Mapping[str, str],
    *,
    associated: bool = False,
) -> list[PatchOperation]:
    """Return what to change in a pod; nothing if its service account has neither annotation nor association.

    Variables and mounts that a container has stay as they are, as do containers that the pod's
    ``skip-containers`` annotation names.
    """
    injection = _agent(pod_annotations) if associated else _role(pod_annotations, service_account_annotations)
    if injection is None:
        return []
    skipped = pod_annotations.get(f"{ANNOTATION_DOMAIN}/skip-containers", "").split(",")

    def changed(containers: Sequence[Container]) -> list[Container]:
        return [
            container if container["name"] in skipped else _with(container, injection)
            for container in containers
        ]

    patch: list[PatchOperation] = []
    volumes = spec.get("volumes")
    source = {"sources": [{"serviceAccountToken": injection.token}]}
    volume = {"name": injection.volume, "projected": source}
    if volumes is None:
        patch.append({"op": "add", "path": "/spec/volumes", "value": [volume]})
    elif all(existing.get("name") != injection.volume for existing in volumes):
        patch.append({"op": "add", "path": "/spec/volumes/0", "value": volume})
    patch.append({"op": "add", "path": "/spec/containers", "value": changed(spec["containers"])})
    if initial := spec.get("initContainers"):
        patch.append({"op": "add", "path": "/spec/initContainers", "value": changed(initial)})
    return patch


def _agent(pod_annotations: Mapping[str, str]) -> _Injection:
    return _Injection(
        volume=AGENT_TOKEN,
        mount_path=AGENT_MOUNT_PATH,
        token={
            "audience": AUDIENCE,
            "expirationSeconds": _token_seconds(pod_annotations, None),
            "path": AGENT_TOKEN,
        },
        variables={
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{ADDRESS}{CREDENTIALS_PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{AGENT_MOUNT_PATH}/{AGENT_TOKEN}",
        },
        regional=True,
    )


def _role(
    pod_annotations: Mapping[str, str], service_account_annotations: Mapping[str, str]
) -> _Injection | None:
    role_arn = service_account_annotations.get(f"{ANNOTATION_DOMAIN}/role-arn")
    if not role_arn:
        return None
    mount_path = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
    return _Injection(
        volume="aws-iam-token",
        mount_path=mount_path,
        token={
            "audience": service_account_annotations.get(f"{ANNOTATION_DOMAIN}/audience", STS_AUDIENCE),
            "expirationSeconds": _token_seconds(
                pod_annotations, _token_seconds(service_account_annotations, None)
            ),
            "path": "token",
        },
        variables={"AWS_ROLE_ARN": role_arn, "AWS_WEB_IDENTITY_TOKEN_FILE": f"{mount_path}/token"},
        regional=service_account_annotations.get(f"{ANNOTATION_DOMAIN}/sts-regional-endpoints", "true")
        != "false",
    )


def _with(container: Container, injection: _Injection) -> Container:
    environment = list(container.get("env", []))
    present = {variable["name"] for variable in environment}
    if injection.regional and "AWS_STS_REGIONAL_ENDPOINTS" not in present:
        environment.append({"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"})
    if not present & {"AWS_REGION", "AWS_DEFAULT_REGION"}:
        environment.append({"name": "AWS_DEFAULT_REGION", "value": REGION})
        environment.append({"name": "AWS_REGION", "value": REGION})
    if not present & injection.variables.keys():
        environment += [{"name": name, "value": value} for name, value in injection.variables.items()]
    mounts = list(container.get("volumeMounts", []))
    if all(mount["name"] != injection.volume for mount in mounts):
        mounts.append({"name": injection.volume, "readOnly": True, "mountPath": injection.mount_path})
    changed = container.copy()
    changed["env"] = environment
    changed["volumeMounts"] = mounts
    return changed


def _token_seconds(annotations: Mapping[str, str], otherwise: int | None) -> int:
    """Return the token's lifetime by annotation; text that is no number counts as none."""
    text = annotations.get(f"{ANNOTATION_DOMAIN}/token-expiration", "")
    if not text.isdecimal():
        return otherwise if otherwise is not None else DEFAULT_TOKEN_SECONDS
    return max(int(text), SHORTEST_TOKEN_SECONDS)


class PodIdentityWebhook:
    """The webhook as a WSGI application: admission reviews (admission.k8s.io/v1) in, JSON patches out."""

    def __init__(self, read_annotations: ReadAnnotations, has_association: HasAssociation) -> None:
        self._read_annotations = read_annotations
        self._has_association = has_association

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.method != "POST" or request.path != WEBHOOK_PATH:
            return Response(f"nothing at {request.method} {request.path}\n", 404)
        review = json.loads(request.get_data())["request"]
        pod = review["object"]
        spec = cast(PodSpec, pod["spec"])
        namespace, account = str(review["namespace"]), spec.get("serviceAccountName", "default")
        try:
            annotations = self._read_annotations(namespace, account)
        except ServiceAccountError as error:
            # The API server admits the pod unchanged (failurePolicy Ignore) and logs this answer.
            LOGGER.error("pod of %s/%s is not changed: %s", namespace, account, error)
            return Response(f"{error}\n", 500)
        patch = pod_patch(
            spec,
            pod["metadata"].get("annotations", {}),
            annotations,
            associated=self._has_association(namespace, account),
        )
        answer: dict[str, object] = {"uid": review["uid"], "allowed": True}
        if patch:
            LOGGER.info("pod of %s/%s gets its role", namespace, account)
            answer["patchType"] = "JSONPatch"
            answer["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}
        return Response(json.dumps(body), content_type="application/json")


def install_pod_identity_webhook(
    kubectl: Path, kubeconfig: Path, cloud_authority: CertificateAuthority
) -> None:
    """Make the cluster ask the webhook about every new pod. Idempotent.

    Raises SandboxError with kubectl's own words if it fails.
    """
    authority = base64.b64encode(cloud_authority.certificate.read_bytes()).decode()
    manifest = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "pod-identity-webhook"},
        "webhooks": [
            {
                "name": "iam-for-pods.amazonaws.com",
                "clientConfig": {
                    "url": f"https://{BRIDGE_ADDRESS}:{POD_IDENTITY_WEBHOOK_PORT}{WEBHOOK_PATH}",
                    "caBundle": authority,
                },
                "rules": [
                    {
                        "operations": ["CREATE"],
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["pods"],
                    }
                ],
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "reinvocationPolicy": "IfNeeded",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 10,
            }
        ],
    }
    applied = subprocess.run(
        [kubectl, "--kubeconfig", kubeconfig, "apply", "--filename", "-"],
        input=json.dumps(manifest),
        capture_output=True,
        text=True,
        check=False,
    )
    if applied.returncode != 0:
        raise SandboxError(f"the pod identity webhook could not be installed: {applied.stderr.strip()}")
