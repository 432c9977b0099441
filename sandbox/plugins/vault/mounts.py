"""Resource types of Vault that are enabled at a path: secrets engines and auth methods.

Source: hashicorp/terraform-provider-vault, vault/resource_mount.go, resource_auth_backend.go,
resource_jwt_auth_backend.go.
"""

from typing import ClassVar

from typing_extensions import override

from sandbox.plugins.bridged_schema import Property, Schema
from sandbox.plugins.json_values import Json
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import Resource
from sandbox.plugins.vault.api import JsonObject
from sandbox.plugins.vault.resource_type import VaultResourceType


class _Mounted(VaultResourceType):
    """Something that is enabled at a path, and listed with the others of its kind."""

    listed: ClassVar[str]
    """Path below which it is enabled, and at which all are listed."""

    @override
    def place(self, inputs: PropertyMap) -> str:
        return str(inputs.get("path") or inputs["type"]).strip("/")

    @override
    def make(self, identifier: str, inputs: PropertyMap) -> None:
        body: dict[str, Json] = {
            **self.body(inputs, "path"),
            "config": {"default_lease_ttl": "0s", "max_lease_ttl": "0s"},
        }
        self.vault.write(f"{self.listed}/{identifier}", body, method="POST")

    @override
    def look(self, identifier: str, state: PropertyMap) -> PropertyMap | None:
        entry = self.entry(identifier)
        return None if entry is None else {**self.told(entry), **self.of_entry(identifier, entry)}

    def entry(self, identifier: str) -> JsonObject | None:
        """Return what the list has at the path."""
        listed = self.vault.read(self.listed) or {}
        entry = listed.get(f"{identifier}/")
        return entry if isinstance(entry, dict) else None

    def of_entry(self, identifier: str, entry: JsonObject) -> PropertyMap:
        """Return the outputs that follow from an entry."""
        return {"path": identifier, "accessor": str(entry.get("accessor", ""))}

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        tuned = {
            name: value for name, value in self.body(inputs).items() if name in ("description", "options")
        }
        self.vault.write(f"{self.listed}/{identifier}/tune", tuned, method="POST")

    @override
    def delete(self, resource: Resource, identifier: str, state: PropertyMap) -> None:
        self.vault.delete(f"{self.listed}/{identifier}")


class Mount(_Mounted):
    """A secrets engine."""

    token = "vault:index/mount:Mount"  # noqa: S105 - a type's name
    listed: ClassVar[str] = "sys/mounts"
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("description"),
            Property("options", "map"),
            Property("path", required=True, replaces=True),
            Property("type", required=True, replaces=True),
        ),
        outputs=("accessor",),
        not_implemented=frozenset({"defaultLeaseTtlSeconds", "maxLeaseTtlSeconds", "local", "sealWrap"}),
    )


class AuthBackend(_Mounted):
    """An auth method without a configuration."""

    token = "vault:index/authBackend:AuthBackend"  # noqa: S105 - a type's name
    listed: ClassVar[str] = "sys/auth"
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("description"),
            Property("path", replaces=True, computed=True),
            Property("type", required=True, replaces=True),
        ),
        outputs=("accessor",),
        not_implemented=frozenset({"local", "tune", "disableRemount"}),
    )


class JwtAuthBackend(_Mounted):
    """The auth method `jwt` or `oidc`, with its configuration."""

    token = "vault:jwt/authBackend:AuthBackend"  # noqa: S105 - a type's name
    listed: ClassVar[str] = "sys/auth"
    schema: ClassVar[Schema] = Schema(
        inputs=(
            Property("boundIssuer"),
            Property("defaultRole"),
            Property("description"),
            Property("oidcClientId"),
            Property("oidcClientSecret", read_back=False),
            Property("oidcDiscoveryCaPem"),
            Property("oidcDiscoveryUrl", required=True),
            Property("path", default="jwt", replaces=True),
            Property("type", default="jwt", replaces=True),
        ),
        outputs=("accessor",),
        not_implemented=frozenset({"jwksUrl", "jwtValidationPubkeys", "providerConfig", "tune", "local"}),
        secret_outputs=frozenset({"oidcClientSecret"}),
    )

    @override
    def make(self, identifier: str, inputs: PropertyMap) -> None:
        enabled = {
            name: value for name, value in self.body(inputs).items() if name in ("type", "description")
        }
        self.vault.write(f"{self.listed}/{identifier}", enabled, method="POST")
        self._configure(identifier, inputs)

    @override
    def change(self, identifier: str, state: PropertyMap, inputs: PropertyMap) -> None:
        self._configure(identifier, inputs)

    @override
    def of_entry(self, identifier: str, entry: JsonObject) -> PropertyMap:
        configuration = self.vault.read(f"auth/{identifier}/config") or {}
        return {**super().of_entry(identifier, entry), **self.told(configuration)}

    def _configure(self, identifier: str, inputs: PropertyMap) -> None:
        self.vault.write(f"auth/{identifier}/config", self.body(inputs, "type", "description", "path"))
