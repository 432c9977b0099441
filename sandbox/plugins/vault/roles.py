"""``vault:index/policy:Policy``, and the configuration and roles of auth methods.

Source: hashicorp/terraform-provider-vault, vault/resource_policy.go,
resource_kubernetes_auth_backend_config.go, resource_kubernetes_auth_backend_role.go,
resource_jwt_auth_backend_role.go.
"""

from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.json_values import Json
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import Resource
from sandbox.plugins.vault.api import JsonObject
from sandbox.plugins.vault.resource_type import WrittenResourceType

_TOKEN_INPUTS = (
    Property("tokenMaxTtl", "integer"),
    Property("tokenPolicies", "set"),
    Property("tokenTtl", "integer"),
)
_OTHER_TOKEN_INPUTS = frozenset(
    {
        "tokenBoundCidrs",
        "tokenExplicitMaxTtl",
        "tokenNoDefaultPolicy",
        "tokenNumUses",
        "tokenPeriod",
        "tokenType",
        "aliasMetadata",
        "namespace",
    }
)


class Policy(WrittenResourceType):
    """A policy; its id is its name."""

    token = "vault:index/policy:Policy"  # noqa: S105 - a type's name
    form: ClassVar[str] = "{name}"
    prefix: ClassVar[str] = "sys/policies/acl/"
    schema: ClassVar[Schema] = Schema(
        inputs=(Property("name", required=True, replaces=True), Property("policy", required=True)),
        outputs=(),
        not_implemented=frozenset({"namespace"}),
    )


class KubernetesConfig(WrittenResourceType):
    """How Vault asks Kubernetes whose a token is; it goes with its auth method."""

    token = "vault:kubernetes/authBackendConfig:AuthBackendConfig"  # noqa: S105 - a type's name
    form: ClassVar[str] = "auth/{backend}/config"
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("backend", default="kubernetes", replaces=True),
            Property("kubernetesCaCert", computed=True),
            Property("kubernetesHost", required=True),
            Property("tokenReviewerJwt", read_back=False),
            Property("disableLocalCaJwt", "boolean", computed=True),
        ),
        outputs=(),
        not_implemented=frozenset({"issuer", "pemKeys", "disableIssValidation", "namespace"}),
        secret_outputs=frozenset({"tokenReviewerJwt"}),
    )

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        """Do nothing, as the real plugin."""


class KubernetesRole(WrittenResourceType):
    """Which service accounts get which policies."""

    token = "vault:kubernetes/authBackendRole:AuthBackendRole"  # noqa: S105 - a type's name
    form: ClassVar[str] = "auth/{backend}/role/{roleName}"
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("audience"),
            Property("backend", default="kubernetes", replaces=True),
            Property("boundServiceAccountNames", "set", required=True),
            Property("boundServiceAccountNamespaces", "set", required=True),
            Property("roleName", required=True, replaces=True),
            *_TOKEN_INPUTS,
        ),
        outputs=(),
        not_implemented=_OTHER_TOKEN_INPUTS | {"aliasNameSource", "boundServiceAccountNamespaceSelector"},
    )


class JwtRole(WrittenResourceType):
    """Which people get which policies."""

    token = "vault:jwt/authBackendRole:AuthBackendRole"  # noqa: S105 - a type's name
    form: ClassVar[str] = "auth/{backend}/role/{roleName}"
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("allowedRedirectUris", "set"),
            Property("backend", default="jwt", replaces=True),
            Property("boundAudiences", "set"),
            Property("boundClaims", "map"),
            Property("oidcScopes", "set"),
            Property("roleName", required=True, replaces=True),
            Property("roleType", computed=True, replaces=True),
            *_TOKEN_INPUTS,
            Property("userClaim", required=True),
        ),
        outputs=(),
        not_implemented=_OTHER_TOKEN_INPUTS
        | {"boundSubject", "claimMappings", "groupsClaim", "boundClaimsType"},
    )

    @override
    def body(self, inputs: PropertyMap, *left_out: str) -> JsonObject:
        """Split the values of claims at commas, as the real plugin."""
        body = super().body(inputs, *left_out)
        claims = inputs.get("boundClaims")
        if not isinstance(claims, dict):
            return body
        lists: dict[str, Json] = {claim: list[Json](str(value).split(",")) for claim, value in claims.items()}
        return {**body, "bound_claims": lists}

    @override
    def told(self, data: JsonObject) -> PropertyMap:
        """Join the values of claims again."""
        claims = data.get("bound_claims")
        told = super().told(data)
        if isinstance(claims, dict):
            told["boundClaims"] = {
                claim: ",".join(map(str, value)) if isinstance(value, list) else str(value)
                for claim, value in claims.items()
            }
        return told
