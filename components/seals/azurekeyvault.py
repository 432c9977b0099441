"""Auto-unseals with a key of Azure Key Vault, as a service principal or with AKS workload identity.

Sources: Vault's documents on the `seal "azurekeyvault"` stanza, its wrapper
(go-kms-wrapping/wrappers/azurekeyvault) and the credentials of azidentity which that uses: the client secret
if tenant, client and secret are all given, else whatever DefaultAzureCredential finds, workload identity
among it (Vault 1.18 does; before 1.15.5 the wrapper only had managed identities). Environment variables
AZURE_... take precedence over the stanza. The stanza's environment selects the key vault only;
AZURE_AUTHORITY_HOST selects the host that issues tokens, by default that of Azure's public cloud.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from components.config.reader import ConfigReader
from components.seals import seal

# https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates
_VAULT_NAME = r"[A-Za-z](-?[A-Za-z0-9]){2,23}"
_KEY_NAME = r"[A-Za-z0-9-]{1,127}"
_GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


@dataclass(frozen=True)
class AzureCloud:
    """The endpoints of one of Azure's clouds that a seal needs."""

    authority: str
    """Host that issues tokens."""
    vault_suffix: str
    """DNS suffix of key vaults."""


# go-autorest, autorest/azure/environments.go; the German cloud is closed.
CLOUDS: Mapping[str, AzureCloud] = {
    "AZUREPUBLICCLOUD": AzureCloud("login.microsoftonline.com", "vault.azure.net"),
    "AZUREUSGOVERNMENTCLOUD": AzureCloud("login.microsoftonline.us", "vault.usgovcloudapi.net"),
    "AZURECHINACLOUD": AzureCloud("login.chinacloudapi.cn", "vault.azure.cn"),
}
_PUBLIC = "AZUREPUBLICCLOUD"


@dataclass(frozen=True)
class Seal(seal.Seal):
    """An RSA key of an existing key vault."""

    type: ClassVar[str] = "azurekeyvault"
    purpose: ClassVar[str] = "unseals by itself with a key of Azure Key Vault"
    preflight_module: ClassVar[str] = "components.azure.preflight"
    sections: ClassVar[Sequence[str]] = ("azureKeyVault",)
    vault_name: str
    key_name: str
    tenant_id: str
    client_id: str
    """Client id of the app registration or of the user-assigned managed identity."""
    environment: str
    client_secret: seal.SecretEntry | None
    """The service principal's; None for AKS workload identity."""

    @classmethod
    def from_settings(cls, reader: ConfigReader, cluster_name: str | None) -> Self:  # noqa: ARG003
        """Read `azureKeyVault`; with a client secret any cluster will do."""
        section = reader.section("azureKeyVault")
        guid = "give its GUID, such as 00000000-0000-0000-0000-000000000000"
        found = cls(
            vault_name=section.required_text(
                "vaultName", _VAULT_NAME, "give the name of the key vault, without its domain"
            ),
            key_name=section.required_text("keyName", _KEY_NAME, "name a key of the key vault"),
            tenant_id=section.required_text("tenantId", _GUID, guid),
            client_id=section.required_text("clientId", _GUID, guid),
            environment=section.choice(
                "environment", _PUBLIC, tuple(CLOUDS), "it's Azure's name of its cloud"
            ),
            client_secret=seal.SecretEntry.from_settings(
                section.section("clientSecret"), None, "client-secret"
            )
            if section.has("clientSecret")
            else None,
        )
        section.skip("clientSecret")
        section.unknown_keys()
        return found

    @property
    def cloud_of_azure(self) -> AzureCloud:
        """The Azure cloud of this seal's key vault and tokens."""
        return CLOUDS.get(self.environment, CLOUDS[_PUBLIC])

    @property
    def key_url(self) -> str:
        """The key's URL, which is globally unique."""
        return f"https://{self.vault_name}.{self.cloud_of_azure.vault_suffix}/keys/{self.key_name}"

    def provision(self, args: seal.SealArgs) -> seal.ProvisionedSeal:
        """Create nothing: key vault, key, identity and role assignment must exist."""
        import pulumi

        secret = self.client_secret
        return seal.ProvisionedSeal(
            stanza=pulumi.Output.from_input(self.stanza()),
            pods=self.pod_requirements(),
            key=self.key_url,
            preflight={
                "seal": self.type,
                "key_url": self.key_url,
                "tenant_id": self.tenant_id,
                "client_id": self.client_id,
                "authority": self.cloud_of_azure.authority,
                "service_account": args.service_account,
                "secret_name": secret.name if secret is not None else "",
                "secret_key": secret.key if secret is not None else "",
            },
        )

    def stanza(self) -> seal.SealStanza:
        """Return Vault's stanza, without the client secret: the chart puts the stanza into a ConfigMap."""
        return seal.SealStanza(
            self.type,
            {
                "tenant_id": self.tenant_id,
                "client_id": self.client_id,
                "vault_name": self.vault_name,
                "key_name": self.key_name,
                "environment": self.environment,
            },
        )

    def pod_requirements(self) -> seal.PodRequirements:
        """Return the client secret's environment variable, or the labels of the workload identity webhook."""
        environment = {}
        if self.environment != _PUBLIC:
            environment["AZURE_AUTHORITY_HOST"] = f"https://{self.cloud_of_azure.authority}/"
        if self.client_secret is not None:
            return seal.PodRequirements(
                environment=environment,
                secret_environment=(
                    seal.SecretVariable(
                        name="AZURE_CLIENT_SECRET",
                        secret=self.client_secret.name,
                        key=self.client_secret.key,
                    ),
                ),
            )
        # https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
        return seal.PodRequirements(
            environment=environment,
            service_account_annotations={
                "azure.workload.identity/client-id": self.client_id,
                "azure.workload.identity/tenant-id": self.tenant_id,
            },
            pod_labels={"azure.workload.identity/use": "true"},
        )
