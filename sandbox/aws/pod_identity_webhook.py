"""EKS's pod identity webhook: gives pods of annotated service accounts a token and tells the SDK about it.

It does what https://github.com/aws/amazon-eks-pod-identity-webhook documents for role-arn, audience,
token-expiration, sts-regional-endpoints and skip-containers annotations (Linux pods; no EKS Pod Identity
associations).
"""

import base64
import json
import logging
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, cast
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from sandbox.aws.account import STS_AUDIENCE
from sandbox.aws.service_accounts import ServiceAccountError
from sandbox.certificates import CertificateAuthority
from sandbox.errors import SandboxError
from sandbox.network import BRIDGE_ADDRESS, POD_IDENTITY_WEBHOOK_PORT, REGION

LOGGER = logging.getLogger(__name__)

ANNOTATION_DOMAIN = "eks.amazonaws.com"
VOLUME = "aws-iam-token"
MOUNT_PATH = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
DEFAULT_TOKEN_SECONDS = 86400
SHORTEST_TOKEN_SECONDS = 3600
WEBHOOK_PATH = "/mutate"

ReadAnnotations = Callable[[str, str], Mapping[str, str]]
"""Reads the annotations of a service account by namespace and name; raises ServiceAccountError."""


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
    spec: PodSpec, pod_annotations: Mapping[str, str], service_account_annotations: Mapping[str, str]
) -> list[PatchOperation]:
    """Return what to change in a pod; nothing if its service account is not annotated with a role.

    Variables and mounts that a container has stay as they are, as do containers that the pod's
    ``skip-containers`` annotation names.
    """
    role_arn = service_account_annotations.get(f"{ANNOTATION_DOMAIN}/role-arn")
    if not role_arn:
        return []
    regional = (
        service_account_annotations.get(f"{ANNOTATION_DOMAIN}/sts-regional-endpoints", "true") != "false"
    )
    skipped = pod_annotations.get(f"{ANNOTATION_DOMAIN}/skip-containers", "").split(",")

    def changed(containers: Sequence[Container]) -> list[Container]:
        return [
            container if container["name"] in skipped else _with_role(container, role_arn, regional)
            for container in containers
        ]

    patch: list[PatchOperation] = []
    volumes = spec.get("volumes")
    volume = _token_volume(pod_annotations, service_account_annotations)
    if volumes is None:
        patch.append({"op": "add", "path": "/spec/volumes", "value": [volume]})
    elif all(existing.get("name") != VOLUME for existing in volumes):
        patch.append({"op": "add", "path": "/spec/volumes/0", "value": volume})
    patch.append({"op": "add", "path": "/spec/containers", "value": changed(spec["containers"])})
    if initial := spec.get("initContainers"):
        patch.append({"op": "add", "path": "/spec/initContainers", "value": changed(initial)})
    return patch


def _with_role(container: Container, role_arn: str, regional: bool) -> Container:
    environment = list(container.get("env", []))
    present = {variable["name"] for variable in environment}
    if regional and "AWS_STS_REGIONAL_ENDPOINTS" not in present:
        environment.append({"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"})
    if not present & {"AWS_REGION", "AWS_DEFAULT_REGION"}:
        environment.append({"name": "AWS_DEFAULT_REGION", "value": REGION})
        environment.append({"name": "AWS_REGION", "value": REGION})
    if not present & {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}:
        environment.append({"name": "AWS_ROLE_ARN", "value": role_arn})
        environment.append({"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{MOUNT_PATH}/token"})
    mounts = list(container.get("volumeMounts", []))
    if all(mount["name"] != VOLUME for mount in mounts):
        mounts.append({"name": VOLUME, "readOnly": True, "mountPath": MOUNT_PATH})
    changed = container.copy()
    changed["env"] = environment
    changed["volumeMounts"] = mounts
    return changed


def _token_volume(
    pod_annotations: Mapping[str, str], service_account_annotations: Mapping[str, str]
) -> Mapping[str, object]:
    token = {
        "audience": service_account_annotations.get(f"{ANNOTATION_DOMAIN}/audience", STS_AUDIENCE),
        "expirationSeconds": _token_seconds(
            pod_annotations, _token_seconds(service_account_annotations, None)
        ),
        "path": "token",
    }
    return {"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}


def _token_seconds(annotations: Mapping[str, str], otherwise: int | None) -> int:
    """Return the token's lifetime by annotation; text that is no number counts as none."""
    text = annotations.get(f"{ANNOTATION_DOMAIN}/token-expiration", "")
    if not text.isdecimal():
        return otherwise if otherwise is not None else DEFAULT_TOKEN_SECONDS
    return max(int(text), SHORTEST_TOKEN_SECONDS)


class PodIdentityWebhook:
    """The webhook as a WSGI application: admission reviews (admission.k8s.io/v1) in, JSON patches out."""

    def __init__(self, read_annotations: ReadAnnotations) -> None:
        self._read_annotations = read_annotations

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
        patch = pod_patch(spec, pod["metadata"].get("annotations", {}), annotations)
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
