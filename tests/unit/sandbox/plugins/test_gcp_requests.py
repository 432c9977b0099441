"""What the Google Cloud resource types ask of Google, which is played by a script here."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sandbox.plugins.gcp import api, iam_member
from sandbox.plugins.gcp.api import Google, GoogleApiError, JsonObject, Method, error_text
from sandbox.plugins.gcp.functions import FUNCTIONS
from sandbox.plugins.gcp.iam_member import CryptoKeyIamMember
from sandbox.plugins.gcp.projects import IamCustomRole, Service
from sandbox.plugins.gcp.provider import GcpProvider
from sandbox.plugins.gcp.service_account import Key
from sandbox.plugins.property_values import UNKNOWN, PropertyMap, Secret
from sandbox.plugins.provider import PartialFailureError, ProviderError, Resource, Severity

RESOURCE = Resource("urn:pulumi:dev::project::type::thing")
KEY = "projects/acme/locations/global/keyRings/vault/cryptoKeys/unseal"
ACCOUNT = "projects/acme/serviceAccounts/vault@acme.iam.gserviceaccount.com"
ROLE = "projects/acme/roles/reader"
Answer = Callable[[Mapping[str, Any]], JsonObject]


class ScriptedGoogle(Google):
    """Answers by method and path, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__("acme")
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []

    def request(
        self,
        method: Method,
        service: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,  # noqa: ARG002 - as it is inherited
        body: JsonObject | None = None,
    ) -> JsonObject:
        asked = f"{method} {service} {path}"
        self.asked.append(asked)
        if asked not in self.answers:
            raise GoogleApiError(404, "googleapi: Error 404: nothing there, notFound")
        return self.answers[asked](body or {})


def no_log(_severity: Severity, _message: str, _urn: str) -> None:
    """Nobody reads it."""


def answering(answer: JsonObject) -> Answer:
    """The same answer at each time."""
    return lambda _body: json.loads(json.dumps(answer))


def failing(status: int) -> Answer:
    """A refusal."""

    def answer(_body: Mapping[str, Any]) -> JsonObject:
        raise GoogleApiError(status, f"googleapi: Error {status}: no")

    return answer


def policy_of(google: ScriptedGoogle, conflicts: int) -> dict[str, Any]:
    """A key's policy, with a member; writing it meets that many conflicts first."""
    policy: dict[str, Any] = {"etag": "1", "bindings": [{"role": "roles/viewer", "members": ["user:a@b.c"]}]}
    left = [409] * conflicts

    def write(body: Mapping[str, Any]) -> JsonObject:
        if left:
            raise GoogleApiError(left.pop(), "googleapi: Error 409: changed, aborted")
        policy.clear()
        policy.update(body["policy"], etag="2")
        return {}

    google.answers[f"GET cloudkms v1/{KEY}:getIamPolicy"] = lambda _body: json.loads(json.dumps(policy))
    google.answers[f"POST cloudkms v1/{KEY}:setIamPolicy"] = write
    return policy


def member(google: Google) -> tuple[CryptoKeyIamMember, PropertyMap]:
    """A resource type, and inputs of its."""
    inputs: PropertyMap = {"cryptoKeyId": KEY, "role": "roles/viewer", "member": "user:d@e.f"}
    return CryptoKeyIamMember(google), inputs


def test_a_member_is_added_beside_the_others_and_taken_out_alone() -> None:
    google = ScriptedGoogle()
    policy = policy_of(google, conflicts=0)
    kind, inputs = member(google)
    created = kind.create(RESOURCE, inputs, preview=False)

    assert created.identifier == f"{KEY}/roles/viewer/user:d@e.f"
    assert created.state["etag"] == "2"
    assert policy["bindings"] == [{"role": "roles/viewer", "members": ["user:a@b.c", "user:d@e.f"]}]
    kind.delete(RESOURCE, created.identifier, created.state)
    assert policy["bindings"] == [{"role": "roles/viewer", "members": ["user:a@b.c"]}]
    assert kind.read(RESOURCE, created.identifier, created.state, inputs) is None


def test_a_policy_that_others_change_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam_member, "_CONFLICT_SECONDS", (0.0, 0.0))
    google = ScriptedGoogle()
    policy = policy_of(google, conflicts=2)
    kind, inputs = member(google)
    kind.create(RESOURCE, inputs, preview=False)

    assert "user:d@e.f" in policy["bindings"][0]["members"]
    policy_of(google, conflicts=3)
    with pytest.raises(ProviderError, match="Too many conflicts"):
        kind.create(RESOURCE, inputs, preview=False)


def test_a_binding_with_a_condition_is_left_alone() -> None:
    google = ScriptedGoogle()
    policy = policy_of(google, conflicts=0)
    conditional = {"role": "roles/viewer", "members": ["user:d@e.f"], "condition": {"title": "t"}}
    policy["bindings"] = [conditional]
    kind, inputs = member(google)

    assert kind.read(RESOURCE, f"{KEY}/roles/viewer/user:d@e.f", inputs, inputs) is None
    kind.create(RESOURCE, inputs, preview=False)
    assert policy["bindings"] == [conditional, {"role": "roles/viewer", "members": ["user:d@e.f"]}]


def test_a_deleted_role_is_undeleted_and_one_that_is_there_is_an_error() -> None:
    google = ScriptedGoogle()
    google.answers[f"GET iam v1/{ROLE}"] = answering({"name": ROLE, "deleted": True})
    google.answers[f"POST iam v1/{ROLE}:undelete"] = answering({})
    google.answers[f"PATCH iam v1/{ROLE}"] = answering({})
    inputs: PropertyMap = {"roleId": "reader", "title": "R", "permissions": ["a.b.get"], "stage": "GA"}
    IamCustomRole(google).create(RESOURCE, inputs, preview=False)
    assert f"POST iam v1/{ROLE}:undelete" in google.asked

    google.answers[f"GET iam v1/{ROLE}"] = answering({"name": ROLE})
    with pytest.raises(ProviderError, match="already exists and must be imported"):
        IamCustomRole(google).create(RESOURCE, inputs, preview=False)


def test_the_private_half_of_a_key_is_kept_as_a_secret_and_never_imported() -> None:
    google = ScriptedGoogle()
    name = f"{ACCOUNT}/keys/1"
    google.answers[f"POST iam v1/{ACCOUNT}/keys"] = answering({"name": name, "privateKeyData": "private"})
    google.answers[f"GET iam v1/{name}"] = answering({"name": name, "publicKeyData": "public"})
    kind = Key(google)
    inputs = kind.check(RESOURCE, {}, {"serviceAccountId": ACCOUNT}).inputs
    created = kind.create(RESOURCE, inputs, preview=False)

    assert created.state["privateKey"] == Secret("private")
    assert created.state["publicKey"] == "public"
    plain = {**created.state, "privateKey": "private"}
    found = kind.read(RESOURCE, name, plain, inputs)
    assert found is not None
    assert found.state["privateKey"] == Secret("private")
    google.answers[f"GET iam v1/{name}"] = failing(403)
    assert kind.read(RESOURCE, name, plain, inputs) is None
    with pytest.raises(ProviderError, match="does not support import"):
        kind.read(RESOURCE, name, {}, {})


def test_what_was_made_and_cannot_be_read_is_recorded() -> None:
    google = ScriptedGoogle()
    name = f"{ACCOUNT}/keys/1"
    google.answers[f"POST iam v1/{ACCOUNT}/keys"] = answering({"name": name, "privateKeyData": "private"})
    google.answers[f"GET iam v1/{name}"] = failing(500)
    kind = Key(google)
    inputs = kind.check(RESOURCE, {}, {"serviceAccountId": ACCOUNT}).inputs

    with pytest.raises(PartialFailureError) as raised:
        kind.create(RESOURCE, inputs, preview=False)
    assert raised.value.identifier == name
    assert raised.value.state["privateKey"] == Secret("private")


def test_an_api_is_turned_on_once_and_off_only_when_asked() -> None:
    google = ScriptedGoogle()
    services: list[Any] = []
    name = "projects/acme/services/cloudkms.googleapis.com"

    def enable(_body: Mapping[str, Any]) -> JsonObject:
        services.append({"name": name})
        return {"name": "operations/1"}

    google.answers["GET serviceusage v1/projects/acme/services"] = lambda _body: {"services": list(services)}
    google.answers["GET cloudresourcemanager v1/projects/acme"] = answering({"lifecycleState": "ACTIVE"})
    google.answers[f"POST serviceusage v1/{name}:enable"] = enable
    google.answers["GET serviceusage v1beta1/operations/1"] = answering(
        {"name": "operations/1", "done": True}
    )
    kind = Service(google)
    inputs: PropertyMap = {"service": "cloudkms.googleapis.com"}
    created = kind.create(RESOURCE, inputs, preview=False)

    assert created.identifier == "acme/cloudkms.googleapis.com"
    assert google.asked == [
        "GET serviceusage v1/projects/acme/services",
        f"POST serviceusage v1/{name}:enable",
        "GET serviceusage v1beta1/operations/1",
        "GET serviceusage v1/projects/acme/services",
        "GET cloudresourcemanager v1/projects/acme",
        "GET serviceusage v1/projects/acme/services",
    ]
    kind.create(RESOURCE, inputs, preview=False)
    assert google.asked.count(f"POST serviceusage v1/{name}:enable") == 1
    kind.delete(RESOURCE, created.identifier, created.state)
    google.answers[f"POST serviceusage v1/{name}:disable"] = answering(
        {"name": "operations/2", "done": True, "error": {"message": "others need it"}}
    )
    with pytest.raises(ProviderError, match=r"Error disabling service .* others need it"):
        kind.delete(RESOURCE, created.identifier, {**created.state, "disableOnDestroy": True})


def test_an_api_is_on_when_its_operation_is_done_and_the_list_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api, "_POLL_SECONDS", 0.0)
    google = ScriptedGoogle()
    name = "projects/acme/services/cloudkms.googleapis.com"
    lists: list[JsonObject] = [{}, {}, {"services": [{"name": name}]}, {"services": [{"name": name}]}]
    states: list[JsonObject] = [{"name": "operations/1"}, {"name": "operations/1", "done": True}]
    google.answers["GET serviceusage v1/projects/acme/services"] = lambda _body: lists.pop(0)
    google.answers[f"POST serviceusage v1/{name}:enable"] = answering({"name": "operations/1"})
    google.answers["GET serviceusage v1beta1/operations/1"] = lambda _body: states.pop(0)
    google.answers["GET cloudresourcemanager v1/projects/acme"] = answering({"lifecycleState": "ACTIVE"})
    Service(google).create(RESOURCE, {"service": "cloudkms.googleapis.com"}, preview=False)

    assert (lists, states) == ([], [])


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({}, "googleapi: got HTTP response code 409 with body: raw"),
        ({"error": {"message": "no"}}, "googleapi: Error 409: no"),
        (
            {"error": {"message": "no", "errors": [{"message": "no", "reason": "conflict"}]}},
            "googleapi: Error 409: no, conflict",
        ),
        (
            {"error": {"message": "no", "details": [{"reason": "SERVICE_DISABLED"}]}},
            'googleapi: Error 409: no\nDetails:\n[\n  {\n    "reason": "SERVICE_DISABLED"\n  }\n]',
        ),
    ],
)
def test_errors_read_as_those_of_the_real_plugin(answer: JsonObject, text: str) -> None:
    assert error_text(409, answer, "raw") == text


@pytest.mark.parametrize(
    ("token", "arguments", "text"),
    [
        ("gcp:container/getCluster:getCluster", {"name": "a"}, '"location" is required'),
        ("gcp:container/getCluster:getCluster", {"name": "a", "location": "b"}, "clusters/a not found"),
        ("gcp:container/getCluster:getCluster", {"skipNodePoolRefresh": True}, "needs the real plugin"),
        ("gcp:kms/getKeyRings:getKeyRings", {"place": "b"}, "Invalid or unknown key"),
        ("gcp:kms/getCryptoKeys:getCryptoKeys", {"keyRing": "vault"}, "accepted formats"),
        ("gcp:projects/getIamCustomRoles:getIamCustomRoles", {"view": "ALL"}, "either 'BASIC' or 'FULL'"),
        ("gcp:projects/getIamCustomRoles:getIamCustomRoles", {}, "Error retrieving project custom roles"),
        ("gcp:organizations/getClientOpenIdUserInfo:getClientOpenIdUserInfo", {}, "have you enabled the"),
    ],
)
def test_functions_say_what_is_wrong(token: str, arguments: PropertyMap, text: str) -> None:
    with pytest.raises(ProviderError, match=text) as raised:
        FUNCTIONS[token].invoke(token, ScriptedGoogle(), arguments)
    assert str(raised.value).startswith(f"invoking {token}: ")


CLUSTER = "projects/acme/locations/europe-west3/clusters/prod"
GROUPS = "GET compute compute/beta/projects/acme/zones/europe-west3-{zone}/instanceGroupManagers"


def cluster_with_pools(google: ScriptedGoogle) -> None:
    """A cluster whose one pool is in two zones, with two groups in the first."""
    compute = "https://www.googleapis.com/compute/v1/projects/acme/zones"
    zones = ("a", "a", "b")
    urls = [f"{compute}/europe-west3-{zone}/instanceGroupManagers/{n}" for n, zone in enumerate(zones)]
    google.answers[f"GET container v1beta1/{CLUSTER}"] = answering(
        {
            "nodePools": [
                {
                    "name": "pool",
                    "config": {"workloadMetadataConfig": {"mode": "GKE_METADATA"}},
                    "instanceGroupUrls": list(urls),
                }
            ],
            "networkConfig": {"network": "n", "defaultEnablePrivateNodes": True},
            "controlPlaneEndpointsConfig": {
                "dnsEndpointConfig": {"endpoint": "gke-1.example.goog", "allowExternalTraffic": True},
                "ipEndpointsConfig": {"enablePublicEndpoint": True, "publicEndpoint": "203.0.113.7"},
            },
            "privateClusterConfig": {
                "enablePrivateNodes": False,
                "masterIpv4CidrBlock": "172.16.0.0/28",
                "publicEndpoint": "198.51.100.1",
            },
        }
    )


def get_cluster(google: ScriptedGoogle) -> PropertyMap:
    """The cluster as a program gets it."""
    token = "gcp:container/getCluster:getCluster"
    return FUNCTIONS[token].invoke(token, google, {"name": "prod", "location": "europe-west3"})


def test_a_clusters_instance_groups_are_listed_once_a_zone() -> None:
    google = ScriptedGoogle()
    cluster_with_pools(google)
    google.answers[GROUPS.format(zone="a")] = answering({})
    cluster = get_cluster(google)
    # A zone without any is no mistake.
    assert google.asked[1:] == [GROUPS.format(zone="a"), GROUPS.format(zone="b")]
    assert cluster["privateClusterConfigs"] == [
        {
            "enablePrivateEndpoint": False,
            "enablePrivateNodes": True,
            "masterGlobalAccessConfigs": [{"enabled": False}],
            "masterIpv4CidrBlock": "172.16.0.0/28",
            "peeringName": "",
            "privateEndpoint": "",
            "privateEndpointSubnetwork": "",
            "publicEndpoint": "203.0.113.7",
        }
    ]


def test_how_a_cluster_is_reached_and_whose_identity_its_pods_have() -> None:
    google = ScriptedGoogle()
    cluster_with_pools(google)
    cluster: Any = get_cluster(google)
    (endpoints,) = cluster["controlPlaneEndpointsConfigs"]
    (dns,) = endpoints["dnsEndpointConfigs"]
    assert (dns["endpoint"], dns["allowExternalTraffic"]) == ("gke-1.example.goog", True)
    metadata = [{"workloadMetadataConfigs": [{"mode": "GKE_METADATA"}]}]
    assert cluster["nodePools"] == [{"name": "pool", "nodeConfigs": metadata}]


def test_who_may_not_list_the_instance_groups_gets_no_cluster() -> None:
    google = ScriptedGoogle()
    cluster_with_pools(google)
    google.answers[GROUPS.format(zone="a")] = failing(403)
    said = 'Error when reading or editing InstanceGroupManagers for node pool "pool": googleapi: Error 403'
    with pytest.raises(ProviderError, match=said):
        get_cluster(google)


def test_lists_are_read_to_their_last_page() -> None:
    google = ScriptedGoogle()
    ring = KEY.rpartition("/cryptoKeys/")[0]
    pages: list[JsonObject] = [
        {"cryptoKeys": [{"name": f"{ring}/cryptoKeys/a"}], "nextPageToken": "2"},
        {"cryptoKeys": [{"name": f"{ring}/cryptoKeys/b", "primary": {"name": "v", "state": "ENABLED"}}]},
    ]
    google.answers[f"GET cloudkms v1/{ring}/cryptoKeys"] = lambda _body: pages.pop(0)
    token = "gcp:kms/getCryptoKeys:getCryptoKeys"
    keys = FUNCTIONS[token].invoke(token, google, {"keyRing": ring})["keys"]

    assert isinstance(keys, list)
    found = [key for key in keys if isinstance(key, dict)]
    assert [key["name"] for key in found] == ["a", "b"]
    assert found[1]["primaries"] == [{"name": "v", "state": "ENABLED"}]


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        ({"project": "acme", "addPulumiAttributionLabel": "false"}, []),
        ({"project": UNKNOWN, "addPulumiAttributionLabel": "false"}, []),
        ({"project": "acme"}, ["addPulumiAttributionLabel"]),
        ({"addPulumiAttributionLabel": "false"}, ["project"]),
        ({"project": "acme", "addPulumiAttributionLabel": "false", "region": "a", "zone": "a-b"}, []),
        ({"project": "acme", "addPulumiAttributionLabel": "false", "scopes": "[]"}, ["scopes"]),
    ],
)
def test_what_the_provider_takes(inputs: PropertyMap, wrong: list[str]) -> None:
    failures = GcpProvider().check_configuration(inputs)

    assert [failure.property_path for failure in failures] == wrong


def test_no_credentials_are_taken_but_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN", raising=False)

    with pytest.raises(ProviderError, match="without GOOGLE_OAUTH_ACCESS_TOKEN"):
        GcpProvider().configure({"project": "acme"}, no_log)


def test_types_and_functions_that_are_not_implemented_are_absent() -> None:
    provider = GcpProvider()

    assert provider.resource_type("gcp:pubsub/topic:Topic") is None
    assert provider.function("gcp:storage/getBucket:getBucket") is None
    assert provider.resource_type("gcp:kms/cryptoKey:CryptoKey") is not None
