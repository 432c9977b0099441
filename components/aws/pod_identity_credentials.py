"""Gets the credentials of Vault's role as the EKS Pod Identity Agent gets them for Vault's pods.

The agent sends a pod's token to EKS, signed with the node's own credentials. Here whoever runs the update
sends one that is bound to pod 0, which takes the right to `eks-auth:AssumeRoleForPodIdentity`.
Sources: aws/eks-pod-identity-agent and the EKS Auth API, `AssumeRoleForPodIdentity`.
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from components.aws.credentials import CredentialSource
from components.aws.policies import POD_IDENTITY_SERVICE
from components.aws.vault_credentials import (
    DENIED,
    AwsCallError,
    Credentials,
    RoleCredentials,
    VaultIdentity,
    call_config,
    call_error,
)
from components.kubernetes.kubectl import Kubectl, KubectlError

ACTION = "eks-auth:AssumeRoleForPodIdentity"
AGENT_VARIABLE = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
"""Environment variable by which the AWS SDK finds the agent; EKS sets it when a pod is created."""


class PodIdentityCredentials(RoleCredentials):
    """Gets the credentials from EKS, which assumes the role that is associated with the service account."""

    def __init__(
        self, identity: VaultIdentity, deployer: CredentialSource, *, cluster: str, region: str, pod: str
    ) -> None:
        super().__init__(identity)
        self._deployer = deployer
        self._cluster = cluster
        self._region = region
        self._pod = pod

    def credentials(self) -> Credentials:
        """Let EKS assume the role for pod 0, which has to have been created with the association."""
        self._require_agent_variable()
        token = self.service_account_token(POD_IDENTITY_SERVICE, self._pod)
        try:
            eks = self._deployer.session(self._region).client("eks-auth", config=call_config())
            got = eks.assume_role_for_pod_identity(clusterName=self._cluster, token=token)["credentials"]
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            raise call_error(ACTION, error, region=self._region, fixes=self._fixes()) from None
        return Credentials(got["accessKeyId"], got["secretAccessKey"], got["sessionToken"], got["expiration"])

    def _fixes(self) -> Mapping[str, str]:
        identity = self.identity
        place = f"{identity.service_account!r} in namespace {identity.target.namespace!r}"
        denied = (
            f"If whoever runs pulumi up may not perform {ACTION} on cluster {self._cluster!r}, allow that "
            "(or set init.preflight to false). Otherwise the trust policy of "
            f"{identity.role_arn} has to let {POD_IDENTITY_SERVICE} perform sts:AssumeRole and "
            f"sts:TagSession for service account {place}."
        )
        missing = (
            f"Cluster {self._cluster!r} has to have a pod identity association for service account {place}: "
            "pulumi up --refresh creates it again."
        )
        return {**dict.fromkeys(DENIED, denied), "ResourceNotFoundException": missing}

    def _require_agent_variable(self) -> None:
        what = f"Reading pod {self._pod}"
        reach = "Check that this machine reaches the cluster, and that its user may get pods."
        try:
            pod = Kubectl(self.identity.target).get("pod", self._pod)
        except KubectlError as error:
            settling = error.reason != "Forbidden"
            raise AwsCallError(what, str(error), reach, settling=settling) from None
        if pod is None:
            fix = f"kubectl --namespace {self.identity.target.namespace} describe statefulset says why."
            raise AwsCallError(what, "it isn't there", fix, settling=True)
        if not _has_agent_variable(pod):
            raise AwsCallError(
                f"The identity of pod {self._pod}",
                f"EKS didn't give it {AGENT_VARIABLE}, as a new association takes some seconds to be seen",
                f"Delete Vault's pods, which are created again with it: kubectl --namespace "
                f"{self.identity.target.namespace} delete pods --selector component=server",
                settling=False,
            )


def _has_agent_variable(pod: Mapping[str, Any]) -> bool:
    return any(
        variable["name"] == AGENT_VARIABLE
        for container in pod["spec"]["containers"]
        for variable in container.get("env") or ()
    )
