"""Says how a trust policy names Vault's pods, by the way in which the pods get the role's credentials."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from components.aws.policies import (
    POD_IDENTITY_ACTIONS,
    POD_IDENTITY_SERVICE,
    WEB_IDENTITY_ACTION,
    WEB_IDENTITY_AUDIENCE,
    Statement,
    document,
    pod_identity_tags,
    pod_identity_trust,
    service_account_trust,
)


@dataclass(frozen=True)
class Claim:
    """One fact about Vault's pods that a trust policy may have a condition on."""

    what: str
    condition_key: str
    value: str


class PodTrust(ABC):
    """The identity of Vault's pods, as a trust policy has to name it."""

    actions: ClassVar[Sequence[str]]
    """The actions that the policy has to allow, each of them."""
    principal_kind: ClassVar[Literal["Federated", "Service"]]

    @property
    @abstractmethod
    def principal(self) -> str:
        """Who assumes the role for the pods."""

    @property
    @abstractmethod
    def claims(self) -> Sequence[Claim]:
        """What is known of the pods when the role is assumed."""

    @property
    @abstractmethod
    def limiting_key(self) -> str:
        """The condition key without which pods of other service accounts may assume the role."""

    @abstractmethod
    def statement(self) -> Statement:
        """Return the statement that lets these pods, and no others, assume the role."""

    def policy(self) -> str:
        """Return the trust policy of a role for these pods alone."""
        return document(self.statement())


@dataclass(frozen=True)
class IrsaTrust(PodTrust):
    """Pods with a token of the cluster's OIDC issuer (IAM roles for service accounts)."""

    actions: ClassVar[Sequence[str]] = (WEB_IDENTITY_ACTION,)
    principal_kind: ClassVar[Literal["Federated", "Service"]] = "Federated"
    oidc_provider_arn: str
    """ARN of the OIDC provider that vouches for the pods."""
    issuer: str
    """URL of the cluster's OIDC issuer, whose name the conditions carry."""
    namespace: str
    service_account: str

    @property
    def principal(self) -> str:
        """The OIDC provider."""
        return self.oidc_provider_arn

    @property
    def claims(self) -> Sequence[Claim]:
        """Audience and subject of the pods' tokens."""
        subject = f"system:serviceaccount:{self.namespace}:{self.service_account}"
        return (
            Claim("audience", self.condition_key("aud"), WEB_IDENTITY_AUDIENCE),
            Claim("subject", self.condition_key("sub"), subject),
        )

    @property
    def limiting_key(self) -> str:
        """The condition key of the subject."""
        return self.condition_key("sub")

    def condition_key(self, claim: str) -> str:
        """Return the condition key of one claim of the tokens, such as `sub`."""
        return f"{self.issuer.removeprefix('https://')}:{claim}"

    def statement(self) -> Statement:
        """Return the statement for the one subject."""
        return service_account_trust(
            oidc_provider_arn=self.oidc_provider_arn,
            issuer=self.issuer,
            namespace=self.namespace,
            service_account=self.service_account,
        )


@dataclass(frozen=True)
class PodIdentityTrust(PodTrust):
    """Pods for which EKS assumes the role (EKS Pod Identity)."""

    actions: ClassVar[Sequence[str]] = POD_IDENTITY_ACTIONS
    principal_kind: ClassVar[Literal["Federated", "Service"]] = "Service"
    cluster_arn: str
    namespace: str
    service_account: str

    @property
    def principal(self) -> str:
        """The service of EKS Pod Identity."""
        return POD_IDENTITY_SERVICE

    @property
    def claims(self) -> Sequence[Claim]:
        """The tags that EKS gives to the session."""
        tags = pod_identity_tags(self.cluster_arn, self.namespace, self.service_account)
        return [
            Claim(what, key, value)
            for what, (key, value) in zip(
                ("cluster", "namespace", "service account"), tags.items(), strict=True
            )
        ]

    @property
    def limiting_key(self) -> str:
        """The condition key of the service account."""
        return self.claims[-1].condition_key

    def statement(self) -> Statement:
        """Return the statement for the one cluster, namespace and service account."""
        return pod_identity_trust(
            cluster_arn=self.cluster_arn, namespace=self.namespace, service_account=self.service_account
        )
