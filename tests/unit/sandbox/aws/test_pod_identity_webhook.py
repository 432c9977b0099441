"""What the pod identity webhook changes in a pod, and how it is installed."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.aws.pod_identity_webhook import (
    Container,
    EnvironmentVariable,
    PatchOperation,
    PodSpec,
    install_pod_identity_webhook,
    pod_patch,
)
from sandbox.certificates import CertificateAuthority
from sandbox.errors import SandboxError
from sandbox.network import BRIDGE_ADDRESS, POD_IDENTITY_WEBHOOK_PORT, REGION

ROLE = "arn:aws:iam::123456789012:role/vault"
ANNOTATED = {"eks.amazonaws.com/role-arn": ROLE}
VARIABLES: list[EnvironmentVariable] = [
    {"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"},
    {"name": "AWS_DEFAULT_REGION", "value": REGION},
    {"name": "AWS_REGION", "value": REGION},
    {"name": "AWS_ROLE_ARN", "value": ROLE},
    {
        "name": "AWS_WEB_IDENTITY_TOKEN_FILE",
        "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
    },
]
MOUNT = {
    "name": "aws-iam-token",
    "readOnly": True,
    "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount",
}


def volume(audience: str = "sts.amazonaws.com", seconds: int = 86400) -> dict[str, object]:
    token = {"audience": audience, "expirationSeconds": seconds, "path": "token"}
    return {"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken": token}]}}


def containers(patch: list[PatchOperation], path: str = "/spec/containers") -> list[Container]:
    (value,) = (operation["value"] for operation in patch if operation["path"] == path)
    assert isinstance(value, list)
    return value


def patched_volume(patch: list[PatchOperation]) -> object:
    return next(operation for operation in patch if operation["path"] == "/spec/volumes/0")["value"]


def pod(*names: str) -> PodSpec:
    return {"containers": [{"name": name} for name in names], "volumes": [{"name": "data"}]}


def test_an_annotated_pod_gets_token_and_environment() -> None:
    spec: PodSpec = {"containers": [{"name": "vault"}], "initContainers": [{"name": "first"}]}
    assert pod_patch(spec, {}, ANNOTATED) == [
        {"op": "add", "path": "/spec/volumes", "value": [volume()]},
        {
            "op": "add",
            "path": "/spec/containers",
            "value": [{"name": "vault", "env": VARIABLES, "volumeMounts": [MOUNT]}],
        },
        {
            "op": "add",
            "path": "/spec/initContainers",
            "value": [{"name": "first", "env": VARIABLES, "volumeMounts": [MOUNT]}],
        },
    ]


def test_without_a_role_a_pod_stays_as_it_is() -> None:
    assert pod_patch(pod("vault"), {}, {}) == []
    assert pod_patch(pod("vault"), {}, {"eks.amazonaws.com/audience": "a"}) == []


def test_volumes_of_the_pod_stay() -> None:
    assert patched_volume(pod_patch(pod("vault"), {}, ANNOTATED)) == volume()


def test_what_a_container_has_is_not_changed() -> None:
    own: list[EnvironmentVariable] = [
        {"name": "AWS_REGION", "value": "us-east-1"},
        {"name": "AWS_ROLE_ARN", "value": "own"},
    ]
    spec: PodSpec = {
        "containers": [
            {
                "name": "vault",
                "env": own,
                "volumeMounts": [{"name": "aws-iam-token", "mountPath": "/own"}],
            }
        ]
    }
    (container,) = containers(pod_patch(spec, {}, ANNOTATED))
    assert container["env"] == [*own, {"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"}]
    assert container["volumeMounts"] == [{"name": "aws-iam-token", "mountPath": "/own"}]


def test_a_second_look_changes_nothing() -> None:
    first = pod_patch(pod("vault"), {}, ANNOTATED)
    again: PodSpec = {"containers": containers(first), "volumes": [volume(), {"name": "data"}]}
    assert pod_patch(again, {}, ANNOTATED) == [
        {"op": "add", "path": "/spec/containers", "value": containers(first)}
    ]


def test_skipped_containers_stay_as_they_are() -> None:
    patch = pod_patch(
        pod("vault", "sidecar"), {"eks.amazonaws.com/skip-containers": "sidecar,other"}, ANNOTATED
    )
    vault, sidecar = containers(patch)
    assert "env" in vault
    assert sidecar == {"name": "sidecar"}


def test_annotations_set_audience_endpoints_and_lifetime() -> None:
    def lifetime(pod_annotations: Mapping[str, str], **annotations: str) -> object:
        given = {f"eks.amazonaws.com/{name.replace('_', '-')}": value for name, value in annotations.items()}
        return patched_volume(pod_patch(pod("vault"), pod_annotations, ANNOTATED | given))

    assert lifetime({}, audience="other") == volume(audience="other")
    assert lifetime({}, token_expiration="7200") == volume(seconds=7200)
    assert lifetime({}, token_expiration="60") == volume(seconds=3600)
    assert lifetime({}, token_expiration="soon") == volume()
    on_pod = {"eks.amazonaws.com/token-expiration": "9000"}
    assert lifetime(on_pod, token_expiration="7200") == volume(seconds=9000)
    (container,) = containers(
        pod_patch(pod("vault"), {}, ANNOTATED | {"eks.amazonaws.com/sts-regional-endpoints": "false"})
    )
    assert container["env"] == VARIABLES[1:]


# Installing it


def kubectl(folder: Path, exit_code: int) -> Path:
    """A kubectl that keeps what it was given and complains."""
    script = folder / "kubectl"
    script.write_text(
        f'#!/bin/sh\necho "$@" > {folder}/arguments\ncat > {folder}/manifest\n'
        f"echo no cluster >&2\nexit {exit_code}\n"
    )
    script.chmod(0o700)
    return script


def test_the_configuration_is_that_of_eks(tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path / "authority", "cloud")
    install_pod_identity_webhook(kubectl(tmp_path, 0), tmp_path / "kubeconfig", authority)
    assert f"--kubeconfig {tmp_path}/kubeconfig apply" in (tmp_path / "arguments").read_text()
    manifest = json.loads((tmp_path / "manifest").read_text())
    (webhook,) = manifest["webhooks"]
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["reinvocationPolicy"] == "IfNeeded"
    assert webhook["clientConfig"]["url"] == f"https://{BRIDGE_ADDRESS}:{POD_IDENTITY_WEBHOOK_PORT}/mutate"
    assert base64.b64decode(webhook["clientConfig"]["caBundle"]) == authority.certificate.read_bytes()


def test_a_failure_to_install_says_why(tmp_path: Path) -> None:
    authority = CertificateAuthority.load_or_create(tmp_path / "authority", "cloud")
    with pytest.raises(SandboxError, match="no cluster"):
        install_pod_identity_webhook(kubectl(tmp_path, 1), tmp_path / "kubeconfig", authority)


def test_an_association_gives_the_agent_and_comes_before_the_annotation() -> None:
    patch = pod_patch(pod("vault"), {}, ANNOTATED, associated=True)
    (container,) = containers(patch)
    path = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
    assert container["env"] == [
        *VARIABLES[:3],
        {
            "name": "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "value": "http://169.254.170.23/v1/credentials",
        },
        {"name": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "value": f"{path}/eks-pod-identity-token"},
    ]
    assert container["volumeMounts"] == [
        {"name": "eks-pod-identity-token", "readOnly": True, "mountPath": path}
    ]
    token = {
        "audience": "pods.eks.amazonaws.com",
        "expirationSeconds": 86400,
        "path": "eks-pod-identity-token",
    }
    assert patched_volume(patch) == {
        "name": "eks-pod-identity-token",
        "projected": {"sources": [{"serviceAccountToken": token}]},
    }
