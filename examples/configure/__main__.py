"""Gives people and workloads their ways into a Vault that another stack has deployed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_vault as vault

MOUNT = "secret"
ADMINISTRATOR_SECONDS = 4 * 60 * 60
WORKLOAD_SECONDS = 60 * 60

config = pulumi.Config()
deployed = pulumi.StackReference(config.require("vaultStack"))
administrators: Mapping[str, Any] = config.require_object("administrators")
cluster: Mapping[str, Any] = config.get_object("cluster") or {}
workloads: Mapping[str, Mapping[str, Any]] = config.get_object("workloads") or {}

if not {"serviceAccount", "issuer"} & administrators.keys():
    raise pulumi.RunError(
        "administrators has neither a serviceAccount nor an issuer, so nobody would get in once the root "
        "token is revoked. Set one of them."
    )

# Deleting the mount deletes every secret in it.
secrets = vault.Mount(
    "secrets",
    path=MOUNT,
    type="kv",
    options={"version": "2"},
    description=deployed.require_output("deployment").apply(
        lambda name: f"Secrets of the workloads ({name})"
    ),
    opts=pulumi.ResourceOptions(protect=True),
)
administrator = vault.Policy(
    "administrator", name="administrator", policy=Path("administrator.hcl").read_text(encoding="utf-8")
)

path: pulumi.Input[str] = cluster.get("path", "kubernetes")
configured: list[pulumi.Resource] = []
if cluster.get("existing"):
    # The one that the snapshots of Vault's stack have, which has enabled and configured it.
    if {"host", "certificates"} & cluster.keys():
        raise pulumi.RunError(
            "cluster.existing is for an auth method that is there and configured: remove host and "
            "certificates, or let this stack make one at another path."
        )
else:
    # By default Vault asks the cluster that it runs in, with the token of its own service account. Of another
    # cluster it asks with the token of whoever logs in.
    kubernetes = vault.AuthBackend("kubernetes", type="kubernetes", path=path)
    path = kubernetes.path
    reviewer = vault.kubernetes.AuthBackendConfig(
        "kubernetes",
        backend=path,
        kubernetes_host=cluster.get("host", "https://kubernetes.default.svc"),
        kubernetes_ca_cert=cluster.get("certificates"),
        disable_local_ca_jwt="certificates" in cluster,
    )
    configured.append(reviewer)


def let_in(name: str, account: Mapping[str, Any], policy: vault.Policy, seconds: int) -> None:
    """Give the policy to the pods of one service account, for tokens that live that long."""
    vault.kubernetes.AuthBackendRole(
        name,
        backend=path,
        role_name=name,
        bound_service_account_names=[account["serviceAccount"]],
        bound_service_account_namespaces=[account["namespace"]],
        token_policies=[policy.name],
        token_ttl=seconds,
        token_max_ttl=seconds,
        opts=pulumi.ResourceOptions(depends_on=configured),
    )


for name, account in workloads.items():
    rules = (
        f'path "{MOUNT}/data/{name}/*" {{ capabilities = ["read"] }}\n'
        f'path "{MOUNT}/metadata/{name}/*" {{ capabilities = ["list"] }}\n'
    )
    let_in(name, account, vault.Policy(name, name=name, policy=rules), WORKLOAD_SECONDS)

if "serviceAccount" in administrators:
    let_in("administrator", administrators, administrator, ADMINISTRATOR_SECONDS)

if "issuer" in administrators:
    oidc = vault.jwt.AuthBackend(
        "oidc",
        type="oidc",
        path="oidc",
        oidc_discovery_url=administrators["issuer"],
        oidc_discovery_ca_pem=administrators.get("issuerCertificates"),
        oidc_client_id=administrators["clientId"],
        oidc_client_secret=config.require_secret("oidcClientSecret"),
        default_role="administrator",
    )
    vault.jwt.AuthBackendRole(
        "oidc-administrator",
        backend=oidc.path,
        role_name="administrator",
        role_type="oidc",
        bound_audiences=[administrators["clientId"]],
        bound_claims={administrators.get("groupsClaim", "groups"): administrators["group"]},
        user_claim="sub",
        oidc_scopes=administrators.get("scopes", ["profile"]),
        allowed_redirect_uris=administrators["redirectUris"],
        token_policies=[administrator.name],
        token_ttl=ADMINISTRATOR_SECONDS,
        token_max_ttl=ADMINISTRATOR_SECONDS,
    )

pulumi.export("kubernetes_path", path)
pulumi.export("secrets_path", secrets.path)
