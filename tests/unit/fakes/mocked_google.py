"""A Google Cloud project with a GKE cluster on Pulumi's mocks: what look-ups answer and resources compute."""

from collections.abc import Mapping
from typing import Any

from pulumi.runtime import MockResourceArgs

from tests.unit.fakes.mocked_account import GET_STATE
from tests.unit.fakes.recorded_deployment import REFUSAL, Answer

PROJECT = "acme-prod"
LOCATION = "europe-west3"
NETWORK = f"projects/{PROJECT}/global/networks/default"
RING_ID = f"projects/{PROJECT}/locations/global/keyRings/vault-auto-unseal"
KEY_ID = f"{RING_ID}/cryptoKeys/unseal-key"
EMAIL = f"vault-auto-unseal@{PROJECT}.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{EMAIL}"
WORKLOAD_POOL = f"{PROJECT}.svc.id.goog"
READER_ROLE = f"projects/{PROJECT}/roles/vaultAutoUnsealKeyReader"
PRIVATE_KEY = "eyJ0eXBlIjoic2VydmljZV9hY2NvdW50In0="

PROVIDER = "pulumi:providers:gcp"
SERVICE = "gcp:projects/service:Service"
RING = "gcp:kms/keyRing:KeyRing"
KEY = "gcp:kms/cryptoKey:CryptoKey"
KEY_MEMBER = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"
CUSTOM_ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"
ACCOUNT = "gcp:serviceaccount/account:Account"
ACCOUNT_MEMBER = "gcp:serviceaccount/iAMMember:IAMMember"
ACCOUNT_KEY = "gcp:serviceaccount/key:Key"
KUBERNETES_SECRET = "kubernetes:core/v1:Secret"
FIREWALL = "gcp:compute/firewall:Firewall"
SECRET = "gcp:secretmanager/secret:Secret"
SECRET_MEMBER = "gcp:secretmanager/secretIamMember:SecretIamMember"
REGIONAL_SECRET = "gcp:secretmanager/regionalSecret:RegionalSecret"
REGIONAL_SECRET_MEMBER = "gcp:secretmanager/regionalSecretIamMember:RegionalSecretIamMember"
KEY_COMPONENT = "vault-autounseal:gcp:UnsealKey"
IDENTITY_COMPONENT = "vault-autounseal:gcp:Identity"

GET_CLUSTER = "gcp:container/getCluster:getCluster"
GET_KEY_RINGS = "gcp:kms/getKeyRings:getKeyRings"
GET_KEYS = "gcp:kms/getCryptoKeys:getCryptoKeys"
GET_USER = "gcp:organizations/getClientOpenIdUserInfo:getClientOpenIdUserInfo"
GET_ROLES = "gcp:projects/getIamCustomRoles:getIamCustomRoles"

CLUSTER: Answer = {
    "endpoint": "203.0.113.7",
    "masterAuths": [{"clusterCaCertificate": "Q0E="}],
    "workloadIdentityConfigs": [{"workloadPool": WORKLOAD_POOL}],
    "privateClusterConfigs": [{"enablePrivateNodes": True, "masterIpv4CidrBlock": "172.16.0.0/28"}],
    "network": NETWORK,
}
PUBLIC_CLUSTER: Answer = {**CLUSTER, "privateClusterConfigs": []}
RINGS: Answer = {"keyRings": [{"id": RING_ID, "name": "vault-auto-unseal"}]}
NOTHING_YET: Mapping[str, Answer] = {
    GET_CLUSTER: CLUSTER,
    GET_KEY_RINGS: {"keyRings": []},
    GET_KEYS: {"keys": []},
    GET_ROLES: {"roles": []},
    GET_USER: {"email": "ann@example.com"},
    GET_STATE: {"outputs": {}},
}


def key(**changed: Any) -> dict[str, Any]:
    """A key as the list of a ring has it."""
    return {
        "id": KEY_ID,
        "name": "unseal-key",
        "purpose": "ENCRYPT_DECRYPT",
        "destroyScheduledDuration": "2592000s",
        "primaries": [{"name": f"{KEY_ID}/cryptoKeyVersions/3", "state": "ENABLED"}],
        **changed,
    }


def api_off(service: str) -> Answer:
    """What the provider says of an API that isn't enabled."""
    return {
        REFUSAL: "Error retrieving the list: googleapi: Error 403: The API has not been used in project 123 "
        "before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/"
        f"{service}/overview?project=123 then retry.\nDetails:\n[\n  {{\n"
        '    "@type": "type.googleapis.com/google.rpc.ErrorInfo",\n    "domain": "googleapis.com",\n'
        f'    "metadata": {{\n      "consumer": "projects/123",\n      "service": "{service}"\n    }},\n'
        '    "reason": "SERVICE_DISABLED"\n  }\n]'
    }


def computed(args: MockResourceArgs) -> Mapping[str, Any]:
    """What the provider would answer beside the inputs."""
    inputs = args.inputs
    if args.typ == RING:
        return {
            "id": f"projects/{inputs['project']}/locations/{inputs['location']}/keyRings/{inputs['name']}"
        }
    if args.typ == KEY:
        return {"id": f"{inputs['keyRing']}/cryptoKeys/{inputs['name']}"}
    if args.typ == SECRET:
        return {"id": f"projects/{inputs['project']}/secrets/{inputs['secretId']}"}
    by_type: Mapping[str, Mapping[str, Any]] = {
        ACCOUNT: {"email": EMAIL, "name": f"projects/{PROJECT}/serviceAccounts/{EMAIL}"},
        ACCOUNT_KEY: {
            "name": f"projects/{PROJECT}/serviceAccounts/{EMAIL}/keys/id-of-{args.name}",
            "privateKey": PRIVATE_KEY,
        },
        CUSTOM_ROLE: {"name": READER_ROLE},
    }
    return by_type.get(args.typ, {})
