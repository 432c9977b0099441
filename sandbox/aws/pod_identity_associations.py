"""EKS as far as moto lacks it: add-ons, and the associations of EKS Pod Identity.

Sources: the EKS API reference, https://docs.aws.amazon.com/eks/latest/APIReference/Welcome.html (the
operations, their errors and status codes), and the EKS guide, "Learn how EKS Pod Identity works".
"""

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sandbox.aws import moto_state
from sandbox.aws.account import regional_arn
from sandbox.aws.error_responses import AwsError, not_implemented
from sandbox.aws.request_context import ServiceRequest

AGENT_ADDON = "eks-pod-identity-agent"
OPERATIONS = frozenset(
    {
        "CreateAddon",
        "CreatePodIdentityAssociation",
        "DeleteAddon",
        "DeletePodIdentityAssociation",
        "DescribeAddon",
        "DescribePodIdentityAssociation",
        "ListPodIdentityAssociations",
        "UpdatePodIdentityAssociation",
    }
)
TAGGING = frozenset({"TagResource", "UntagResource"})
_NOT_IMPLEMENTED = ("disableSessionTags", "policy", "targetRoleArn")
_ID_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Association:
    """A role that EKS assumes for the pods of one service account."""

    identifier: str
    region: str
    cluster: str
    namespace: str
    service_account: str
    role_arn: str
    tags: Mapping[str, str]

    @property
    def arn(self) -> str:
        """Its ARN."""
        return regional_arn("eks", self.region, f"podidentityassociation/{self.cluster}/{self.identifier}")

    def described(self) -> Mapping[str, object]:
        """Return it as the API describes it."""
        return {**self.listed(), "roleArn": self.role_arn, "tags": self.tags, "disableSessionTags": False}

    def listed(self) -> Mapping[str, object]:
        """Return it as a list of associations has it."""
        return {
            "clusterName": self.cluster,
            "namespace": self.namespace,
            "serviceAccount": self.service_account,
            "associationArn": self.arn,
            "associationId": self.identifier,
        }


class EksAdditions:
    """The add-ons and associations of the account's clusters."""

    def __init__(self) -> None:
        self._associations: dict[str, Association] = {}
        self._addons: dict[tuple[str, str, str], str] = {}

    def find(self, region: str, cluster: str, namespace: str, service_account: str) -> Association | None:
        """Find the association of a service account."""
        wanted = (region, cluster, namespace, service_account)
        for found in self._associations.values():
            if (found.region, found.cluster, found.namespace, found.service_account) == wanted:
                return found
        return None

    def has_agent(self, region: str, cluster: str) -> bool:
        """Whether the cluster has the add-on that gives credentials to pods."""
        return (region, cluster, AGENT_ADDON) in self._addons

    def answers(self, call: ServiceRequest) -> bool:
        """Whether a request of EKS is for what is kept here."""
        tagged = call.operation in TAGGING and ":podidentityassociation/" in (call.text("resourceArn") or "")
        return call.operation in OPERATIONS or tagged

    def answer(self, call: ServiceRequest) -> Mapping[str, object]:
        """Do what an authorized request asks for; raises AwsError where EKS refuses it."""
        for name in _NOT_IMPLEMENTED:
            if call.parameters.get(name):
                raise not_implemented(call.protocol, f"The parameter {name} of {call.operation}")
        if call.operation in TAGGING:
            return self._tag(call)
        cluster = call.required_text("name")
        if moto_state.find_cluster(call.region, cluster) is None:
            raise _not_found(f"No cluster found for name: {cluster}.")
        if call.operation.endswith("Addon"):
            return {"addon": self._addon(call, cluster)}
        if call.operation == "CreatePodIdentityAssociation":
            return {"association": self._create(call, cluster).described()}
        if call.operation == "ListPodIdentityAssociations":
            return {"associations": [each.listed() for each in self._listed(call, cluster)]}
        found = self._associations.get(call.required_text("associationId"))
        if found is None or (found.region, found.cluster) != (call.region, cluster):
            raise _not_found(
                f"The association ID provided in the request does not exist: {call.text('associationId')}"
            )
        if call.operation == "DeletePodIdentityAssociation":
            del self._associations[found.identifier]
        elif call.operation == "UpdatePodIdentityAssociation":
            found = replace(found, role_arn=_existing_role(call))
            self._associations[found.identifier] = found
        return {"association": found.described()}

    def _create(self, call: ServiceRequest, cluster: str) -> Association:
        namespace, account = call.required_text("namespace"), call.required_text("serviceAccount")
        present = self.find(call.region, cluster, namespace, account)
        if present is not None:
            raise AwsError("ResourceInUseException", f"Association already exists: {present.identifier}", 409)
        identifier = "a-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(17))
        made = Association(
            identifier, call.region, cluster, namespace, account, _existing_role(call), call.tags()
        )
        self._associations[identifier] = made
        return made

    def _listed(self, call: ServiceRequest, cluster: str) -> list[Association]:
        wanted = {"namespace": call.text("namespace"), "service_account": call.text("serviceAccount")}
        return [
            each
            for each in self._associations.values()
            if (each.region, each.cluster) == (call.region, cluster)
            and all(value in (None, getattr(each, name)) for name, value in wanted.items())
        ]

    def _tag(self, call: ServiceRequest) -> Mapping[str, object]:
        arn = call.required_text("resourceArn")
        found = next((each for each in self._associations.values() if each.arn == arn), None)
        if found is None:
            raise AwsError("NotFoundException", f"Resource {arn} does not exist.", 404)
        removed = call.texts("tagKeys")
        kept = {key: value for key, value in found.tags.items() if key not in removed}
        self._associations[found.identifier] = replace(found, tags={**kept, **call.tags()})
        return {}

    def _addon(self, call: ServiceRequest, cluster: str) -> Mapping[str, object]:
        name = call.required_text("addonName")
        key = (call.region, cluster, name)
        if call.operation == "CreateAddon":
            if name != AGENT_ADDON:
                raise not_implemented(call.protocol, f"The add-on {name}")
            if key in self._addons:
                raise AwsError("ResourceInUseException", "Addon already exists.", 409)
            self._addons[key] = secrets.token_hex(16)
        elif key not in self._addons:
            raise _not_found(f"No addon: {name} found in cluster: {cluster}")
        number = self._addons.pop(key) if call.operation == "DeleteAddon" else self._addons[key]
        return {
            "addonName": name,
            "clusterName": cluster,
            "status": "DELETING" if call.operation == "DeleteAddon" else "ACTIVE",
            "addonArn": regional_arn("eks", call.region, f"addon/{cluster}/{name}/{number}"),
            "addonVersion": "v1.3.4-eksbuild.1",
            "tags": {},
        }


def _existing_role(call: ServiceRequest) -> str:
    arn = call.required_text("roleArn")
    role = moto_state.find_role(arn.rpartition("/")[2])
    if role is None or role.arn != arn:
        raise AwsError("InvalidParameterException", "Role provided in the request does not exist.")
    return arn


def _not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, 404)
