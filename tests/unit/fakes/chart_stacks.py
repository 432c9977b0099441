"""Stacks of every kind and what each seal needs in the pods, for tests of the chart's values."""

from collections.abc import Mapping
from typing import Any

from components.seals import azurekeyvault, gcpckms, transit
from components.seals.seal import PodRequirements, SecretMount, TokenMount
from components.settings.deployed_vault import DeployedVault
from components.vault.chart_values import chart_values
from tests.unit.fakes.stack_settings import EKS, GKE, SHAMIR, parse

AUTHORITY = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
CONFIGURATION = 'ui = true\n\nstorage "raft" {}\n'

INGRESS = {
    "host": "vault.example.com",
    "className": "nginx",
    "path": "/",
    "pathType": "Exact",
    "tlsSecret": "vault-tls",
    "annotations": {"example.com/a": "b"},
    "backendTls": "none",
}
AFFINITY = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"component": "server"}}, "topologyKey": "kubernetes.io/zone"}
        ]
    }
}
STACKS: Mapping[str, Mapping[str, Any]] = {
    "awskms": EKS,
    "shamir": SHAMIR,
    "one replica": {**SHAMIR, "replicas": 1},
    "seven replicas": {**EKS, "replicas": 7},
    "ingress": {**EKS, "ingress": INGRESS},
    "ingress with the least": {**EKS, "ingress": {"host": "vault.example.com", "backendTls": "none"}},
    "injector off": {**EKS, "injector": {"enabled": False}},
    "injector port": {**EKS, "injector": {"port": 9443}},
    "injector on its node's network": {**EKS, "injector": {"hostNetwork": True}},
    "no user interface": {**EKS, "ui": False},
    "no affinity": {**EKS, "affinity": {}},
    "affinity": {**EKS, "affinity": AFFINITY},
    "resources": {
        **EKS,
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
    },
    "environment": {**EKS, "extraEnvironment": {"VAULT_LOG_LEVEL": "debug", "AN_EMPTY_ONE": ""}},
    "storage": {
        **EKS,
        "dataStorage": {"size": "100Gi", "storageClass": "gp3"},
        "auditStorage": {"size": "5Gi", "storageClass": "gp3"},
    },
    "TLS and an audit log": {
        **EKS,
        "tls": {"source": "own"},
        "audit": {"devices": ["file", "stdout"], "rotate": {"size": "10Mi", "keep": 3}},
    },
    "no audit storage": {**EKS, "auditStorage": {"enabled": False}},
    "other names": {**EKS, "releaseName": "blue", "namespace": "secrets", "serviceAccount": "unsealer"},
    "licence": {**EKS, "image": {"tag": "1.18.1-ent"}, "license": {"secret": "paid", "key": "v.hclic"}},
    "TLS": {**EKS, "tls": {"source": "secret"}},
    "TLS of one server alone": {**EKS, "mode": "standalone", "tls": {"source": "secret"}},
    **{
        f"TLS through {controller}": {
            **EKS,
            "tls": {"source": "own"},
            "ingress": {"host": "vault.example.com", "backendTls": controller},
        }
        for controller in ("nginx", "alb", "gce")
    },
    "image": {**EKS, "image": {"repository": "registry.example.com/vault", "tag": "1.19.0"}},
}

TRANSIT: Mapping[str, Any] = {
    "seal": "transit",
    "kubeContext": "here",
    "transit": {
        "address": "https://vault.example.com:8200",
        "key": "autounseal",
        "tls": {"caSecret": {"name": "vault-transit-ca"}},
    },
}
AZURE: Mapping[str, Any] = {
    "seal": "azurekeyvault",
    "kubeContext": "here",
    "azureKeyVault": {
        "vaultName": "acme-unseal",
        "keyName": "vault-unseal",
        "tenantId": "11111111-2222-3333-4444-555555555555",
        "clientId": "66666666-7777-8888-9999-aaaaaaaaaaaa",
    },
}
AZURE_WITH_SECRET: Mapping[str, Any] = {
    **AZURE,
    "azureKeyVault": {
        **AZURE["azureKeyVault"],
        "environment": "AZURECHINACLOUD",
        "clientSecret": {"name": "azure-unseal"},
    },
}


def _pod_needs(stack: Mapping[str, Any]) -> PodRequirements:
    """What a seal that makes nothing needs in the pods."""
    seal = parse(stack).seal
    assert isinstance(seal, azurekeyvault.Seal | transit.Seal)
    return seal.pod_requirements()


# What the seals of the two clouds need follows from resources: this is what it comes to.
SEALS: Mapping[str, tuple[Mapping[str, Any], PodRequirements]] = {
    "awskms": (
        EKS,
        PodRequirements(
            service_account_annotations={"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/vault"}
        ),
    ),
    "gcpckms with workload identity": (
        GKE,
        PodRequirements(
            service_account_annotations={
                "iam.gke.io/gcp-service-account": "vault@acme.iam.gserviceaccount.com"
            }
        ),
    ),
    "gcpckms with a key file": (
        {"project": "acme-prod", "kubeContext": "here"},
        PodRequirements(
            pod_annotations={gcpckms.KEY_ANNOTATION: "0123456789abcdef"},
            environment={"GOOGLE_APPLICATION_CREDENTIALS": gcpckms.CREDENTIALS_FILE},
            secret_mounts=(
                SecretMount(gcpckms.CREDENTIALS_VOLUME, "gcp-kms-sa", gcpckms.CREDENTIALS_FOLDER),
            ),
        ),
    ),
    "gcpckms with federation": (
        {"project": "acme-prod", "kubeContext": "here"},
        PodRequirements(
            environment={"GOOGLE_APPLICATION_CREDENTIALS": gcpckms.CREDENTIALS_FILE},
            secret_mounts=(SecretMount(gcpckms.CREDENTIALS_VOLUME, "given", gcpckms.CREDENTIALS_FOLDER),),
            token_mounts=(
                TokenMount(gcpckms.TOKEN_VOLUME, "https://pool.example.com", "/vault/google-token"),
            ),
        ),
    ),
    "transit": (TRANSIT, _pod_needs(TRANSIT)),
    "azurekeyvault with workload identity": (AZURE, _pod_needs(AZURE)),
    "azurekeyvault with a secret": (AZURE_WITH_SECRET, _pod_needs(AZURE_WITH_SECRET)),
    "shamir": (SHAMIR, PodRequirements()),
}


def values(configuration: Mapping[str, Any], deployed: DeployedVault | None = None) -> dict[str, Any]:
    settings = parse(configuration, deployed=deployed)
    return chart_values(
        settings,
        configuration=CONFIGURATION,
        pods=PodRequirements(
            service_account_annotations={"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/vault"}
        ),
        authority=AUTHORITY if settings.tls.enabled else None,
    )
