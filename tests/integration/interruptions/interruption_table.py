"""The table of interrupted runs before the init: one for each type of resource.

`docs/faults.md` shows it as its last part; `test_interrupted_run.py` of each cloud and of Kubernetes runs it.
"""

from functools import partial

from components.resource_types import (
    AWS_SECRET,
    FIREWALL,
    GOOGLE_ACCOUNT,
    GOOGLE_SECRET,
    IAM_POLICY,
    IAM_ROLE,
    INGRESS_RULE,
    KMS_ALIAS,
    KMS_KEY,
    KUBERNETES_SECRET,
    NAMESPACE,
    NETWORK_POLICY,
    POD_IDENTITY_ASSOCIATION,
    RELEASE,
)
from tests.integration.interruptions.interruption import Interruption, Settled

_REPEATED = "Nothing of it: it does the same again."


def _taken(resource_type: str) -> str:
    return f"`({resource_type}) exists already`, and how to take it over."


def _row(
    where: str,
    done: str,
    action: str,
    resource_type: str,
    seen: str = "",
    settled: Settled = Settled.RESUME,
) -> Interruption:
    return Interruption(
        done=done,
        where=where,
        action=action,
        resource_type=resource_type,
        seen=seen or _taken(resource_type),
        settled=settled,
    )


_aws = partial(_row, "AWS")
_google = partial(_row, "Google Cloud")
_kubernetes = partial(_row, "Kubernetes")

AWS_KEY = _aws(
    "The KMS key is created.",
    "CreateKey",
    KMS_KEY,
    "`An interrupted run of this stack was creating this KMS key`; it creates no second one.",
)
AWS_ROLE = _aws("Vault's role is created.", "CreateRole", IAM_ROLE)
AWS_RULE = _aws(
    "The security group's rule is created.",
    "AuthorizeSecurityGroupIngress",
    INGRESS_RULE,
    "Nothing of it: an equal rule counts as somebody else's, and it goes on without one of its own.",
)
AWS_ALIAS = _aws("The key's alias is created.", "CreateAlias", KMS_ALIAS)
AWS_POLICY = _aws("The role's policy is created.", "CreatePolicy", IAM_POLICY)
AWS_SECRET_ROW = _aws("The secret for the keys is created.", "CreateSecret", AWS_SECRET)
AWS_ATTACHMENT = _aws(
    "The policy is attached to the role.",
    "AttachRolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    _REPEATED,
    Settled.NEXT_RUN,
)
AWS_SECRET_POLICY = _aws(
    "The secret has its policy.",
    "PutResourcePolicy",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    _REPEATED,
    Settled.NEXT_RUN,
)
AWS_ASSOCIATION = _aws(
    "EKS Pod Identity has the association of Vault's service account.",
    "CreatePodIdentityAssociation",
    POD_IDENTITY_ASSOCIATION,
)

_IMPORTED = "Nothing of it: it imports what exists."
GOOGLE_RING = _google(
    "The key ring is created.", "keyRings", "gcp:kms/keyRing:KeyRing", _IMPORTED, Settled.NEXT_RUN
)
GOOGLE_KEY = _google(
    "The key is created.", "cryptoKeys", "gcp:kms/cryptoKey:CryptoKey", _IMPORTED, Settled.NEXT_RUN
)
GOOGLE_READER_ROLE = _google(
    "The custom role to look at the key is created.",
    "roles",
    "gcp:projects/iAMCustomRole:IAMCustomRole",
    _IMPORTED,
    Settled.NEXT_RUN,
)
GOOGLE_ACCOUNT_ROW = _google("Vault's service account is created.", "serviceAccounts", GOOGLE_ACCOUNT)
GOOGLE_RULE = _google("The firewall rule is created.", "firewalls", FIREWALL)
GOOGLE_SECRET_ROW = _google("The secret for the keys is created.", "secrets", GOOGLE_SECRET)
GOOGLE_IDENTITY = _google(
    "The pods' identity is bound to the service account.",
    "serviceAccounts:setIamPolicy",
    "gcp:serviceaccount/iAMMember:IAMMember",
    _REPEATED,
    Settled.NEXT_RUN,
)
GOOGLE_KEY_GRANT = _google(
    "A role on the key is granted to the service account.",
    "cryptoKeys:setIamPolicy",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    _REPEATED,
    Settled.NEXT_RUN,
)
GOOGLE_SECRET_GRANT = _google(
    "A role on the secret is granted to a reader.",
    "secrets:setIamPolicy",
    "gcp:secretmanager/secretIamMember:SecretIamMember",
    _REPEATED,
    Settled.NEXT_RUN,
)
GOOGLE_ACCOUNT_KEY = _google(
    "A key file is created for the service account.",
    "keys",
    "gcp:serviceaccount/key:Key",
    "Nothing of it: it creates another one. Nobody has the first, which is deleted with the account.",
    Settled.NEXT_RUN,
)

KUBERNETES_NAMESPACE = _kubernetes("The namespace is created.", "namespaces", NAMESPACE)
KUBERNETES_SECRET_ROW = _kubernetes("The Secret with the key file is created.", "secrets", KUBERNETES_SECRET)
KUBERNETES_NETWORK_POLICY = _kubernetes(
    "The NetworkPolicy of Vault's pods is created.", "networkpolicies", NETWORK_POLICY
)
HELM_INSTALL = _kubernetes(
    "Helm has begun to install the release.",
    "secrets pending-install",
    RELEASE,
    "`is pending-install: a run was killed while Helm installed it`, and what ends that.",
)
HELM_UPGRADE = _kubernetes(
    "Helm has begun to upgrade the release.",
    "secrets pending-upgrade",
    RELEASE,
    "`is pending-upgrade: a run was killed while Helm upgraded it`, and what ends that.",
)

INTERRUPTIONS = (
    AWS_KEY,
    AWS_ROLE,
    AWS_RULE,
    AWS_ALIAS,
    AWS_POLICY,
    AWS_SECRET_ROW,
    AWS_ATTACHMENT,
    AWS_SECRET_POLICY,
    AWS_ASSOCIATION,
    GOOGLE_RING,
    GOOGLE_KEY,
    GOOGLE_READER_ROLE,
    GOOGLE_ACCOUNT_ROW,
    GOOGLE_RULE,
    GOOGLE_SECRET_ROW,
    GOOGLE_IDENTITY,
    GOOGLE_KEY_GRANT,
    GOOGLE_SECRET_GRANT,
    GOOGLE_ACCOUNT_KEY,
    KUBERNETES_NAMESPACE,
    KUBERNETES_SECRET_ROW,
    KUBERNETES_NETWORK_POLICY,
    HELM_INSTALL,
    HELM_UPGRADE,
)
