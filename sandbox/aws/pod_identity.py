"""EKS Auth AssumeRoleForPodIdentity: a pod's token for the credentials of its service account's role.

Sources: https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html and the
EKS guide, "Grant Pods access to AWS resources based on tags".
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from joserfc.jwk import RSAKey

from sandbox.aws import moto_state
from sandbox.aws.account import regional_arn
from sandbox.aws.callers import Callers, TemporaryCredentials, session_arn
from sandbox.aws.error_responses import AwsError
from sandbox.aws.moto_state import IdentityProvider
from sandbox.aws.pod_identity_associations import Association, EksAdditions
from sandbox.aws.policy_conditions import REQUEST_TAG
from sandbox.aws.policy_document import parse_policy
from sandbox.aws.policy_evaluation import service_allowed
from sandbox.aws.web_identity import WebIdentityClaims, verify_token

LOGGER = logging.getLogger(__name__)

AUDIENCE = SERVICE = "pods.eks.amazonaws.com"
_SESSION = timedelta(hours=6)


def assume_role_for_pod(
    additions: EksAdditions,
    region: str,
    cluster: str,
    token: str,
    issuer_keys: Mapping[str, RSAKey],
    callers: Callers,
    now: datetime,
) -> tuple[Association, TemporaryCredentials]:
    """Verify the token of a pod, find its association, and assume the role if that trusts EKS for it.

    ``issuer_keys`` are the public keys of token issuers by URL. Raises AwsError with the codes of EKS.
    """
    found = moto_state.find_cluster(region, cluster)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"No cluster found for name: {cluster}.", 404)
    issuer = str(found.identity["oidc"]["issuer"])
    try:
        provider = IdentityProvider("", issuer, (AUDIENCE,))
        claims = verify_token(token, provider, issuer_keys.get(issuer), now)
    except AwsError as error:
        if error.code == "ExpiredTokenException":
            raise
        raise AwsError("InvalidTokenException", f"Invalid token: {error.message}") from error
    if claims.pod_name is None or claims.pod_uid is None:
        raise AwsError("InvalidTokenException", "Invalid token: it is bound to no pod.")
    association = additions.find(region, cluster, *claims.service_account)
    if association is None:
        raise AwsError(
            "ResourceNotFoundException", f"No association found for {'/'.join(claims.service_account)}.", 404
        )
    role = moto_state.find_role(association.role_arn.rpartition("/")[2])
    if (
        role is None
        or role.arn != association.role_arn
        or not service_allowed(
            parse_policy(role.assume_role_policy_document),
            SERVICE,
            ("sts:AssumeRole", "sts:TagSession"),
            _session_tags(claims, region, cluster),
        )
    ):
        LOGGER.warning("%s trusts no pod of %s", association.role_arn, "/".join(claims.service_account))
        raise AwsError(
            "AccessDeniedException",
            "Unauthorized Exception! EKS does not have permissions to assume the associated role.",
            403,
        )
    session_name = f"eks-{cluster}-{claims.pod_name}-{uuid4()}"[:64]
    return association, callers.issue(role, session_name, _SESSION, now)


def answer_of_eks_auth(association: Association, credentials: TemporaryCredentials) -> Mapping[str, object]:
    """Return the answer of a successful call, on the wire."""
    return {
        "subject": {
            "namespace": association.namespace,
            "serviceAccount": association.service_account,
        },
        "audience": AUDIENCE,
        "podIdentityAssociation": {
            "associationArn": association.arn,
            "associationId": association.identifier,
        },
        "assumedRoleUser": {
            "arn": session_arn(credentials.role_name, credentials.session_name),
            "assumeRoleId": f"{credentials.role_id}:{credentials.session_name}",
        },
        "credentials": {
            "accessKeyId": credentials.access_key_id,
            "secretAccessKey": credentials.secret_access_key,
            "sessionToken": credentials.session_token,
            "expiration": credentials.expiration.timestamp(),
        },
    }


def _session_tags(claims: WebIdentityClaims, region: str, cluster: str) -> Mapping[str, str]:
    namespace, service_account = claims.service_account
    tags = {
        "eks-cluster-arn": regional_arn("eks", region, f"cluster/{cluster}"),
        "eks-cluster-name": cluster,
        "kubernetes-namespace": namespace,
        "kubernetes-service-account": service_account,
        "kubernetes-pod-name": str(claims.pod_name),
        "kubernetes-pod-uid": str(claims.pod_uid),
    }
    return {f"{REQUEST_TAG}{name}": value for name, value in tags.items()}
