"""Google's APIs over their real names and the proxy: what the program and its provider ask of them."""

import base64
import json
from uuid import uuid4

import pytest
import requests
from google.auth import default
from google.auth.transport.requests import AuthorizedSession

from sandbox.google.project import CLUSTER_PATH, NETWORK
from tests.integration.google.running_google import PROJECT, RunningGoogle

COMPUTE = f"compute.googleapis.com/compute/v1/{PROJECT}/global"
CLUSTER_CA = b"-----BEGIN CERTIFICATE-----\nof the cluster\n-----END CERTIFICATE-----\n"


def test_googles_own_library_finds_its_way(google: RunningGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in google.environment.items():
        monkeypatch.setenv(name, value)
    credentials, project = default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    with AuthorizedSession(credentials) as session:  # type: ignore[no-untyped-call]
        answer = session.get(f"https://cloudkms.googleapis.com/v1/{PROJECT}/locations/global/keyRings")
    assert (answer.status_code, project) == (200, "sandbox-project")
    assert {"host": "oauth2.googleapis.com", "method": "token"}.items() <= _merged(google, "token").items()


def _merged(google: RunningGoogle, method: str) -> dict[str, object]:
    return dict(next(call for call in google.calls() if call["method"] == method))


@pytest.mark.parametrize("url", ["https://www.googleapis.com/", "https://example.com/"])
def test_the_proxy_leads_nowhere_else(google: RunningGoogle, url: str) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match="403 Forbidden"):
        requests.get(url, proxies={"https": google.url}, timeout=5)


def test_an_api_that_is_off_says_so_until_it_is_enabled(google: RunningGoogle) -> None:
    services = f"serviceusage.googleapis.com/v1/{PROJECT}/services"
    name = "secretmanager.googleapis.com"
    url = f"{name}/v1/{PROJECT}/secrets/none"
    google.wait_for(google.call("POST", f"{services}/{name}:disable", {}).result)
    off = google.call("GET", url)
    assert off.code == 403
    assert off.error.startswith(
        "Secret Manager API has not been used in project sandbox-project before or it is disabled. Enable it "
        "by visiting https://console.developers.google.com/apis/api/secretmanager.googleapis.com/overview"
    )
    assert off.body["error"]["details"][0]["reason"] == "SERVICE_DISABLED"
    assert google.call("GET", f"{services}/{name}").result["state"] == "DISABLED"
    operation = google.call("POST", f"{services}/{name}:enable", {}).result
    assert google.call("GET", url).code == 403
    assert google.wait_for(operation)["response"]["service"]["state"] == "ENABLED"
    assert google.call("GET", url).code == 404


def test_a_list_of_services_is_told_in_part(google: RunningGoogle) -> None:
    url = f"serviceusage.googleapis.com/v1/{PROJECT}/services?filter=state:ENABLED&fields=services/name"
    for service in google.call("GET", url).result["services"]:
        assert service.keys() == {"name"}


def test_the_log_has_each_calls_permissions(google: RunningGoogle) -> None:
    google.forget_calls()
    google.call(
        "POST", f"cloudkms.googleapis.com/v1/{PROJECT}/locations/global/keyRings?keyRingId=logged", {}
    )
    (call,) = google.calls()
    assert call["request"] == "POST cloudkms.googleapis.com/v1/projects/*/locations/*/keyRings"
    assert call["permissions"] == ["cloudkms.keyRings.create"]


def test_a_service_that_google_does_not_have(google: RunningGoogle) -> None:
    url = f"serviceusage.googleapis.com/v1/{PROJECT}/services/none.googleapis.com:enable"
    assert google.call("POST", url, {}).error == (
        "Not found or permission denied for service(s): none.googleapis.com."
    )


def test_what_is_not_implemented_says_so(google: RunningGoogle) -> None:
    answer = google.call("DELETE", f"container.googleapis.com/v1/{CLUSTER_PATH}")
    assert (answer.code, "not implemented by the sandbox" in answer.error) == (501, True)


def test_the_project_in_both_versions(google: RunningGoogle) -> None:
    host = "cloudresourcemanager.googleapis.com"
    assert google.call("GET", f"{host}/v1/{PROJECT}").result["projectNumber"] == "481516234200"
    assert google.call("GET", f"{host}/v3/{PROJECT}").result["name"] == "projects/481516234200"
    stranger = google.owner_token("user:stranger@example.com")
    assert google.call("GET", f"{host}/v1/{PROJECT}", token=stranger).error == (
        "The caller does not have permission"
    )
    policy = google.call("POST", f"{host}/v1/{PROJECT}:getIamPolicy", {}, token=google.owner_token()).result
    assert {"role": "roles/owner", "members": ["user:owner@example.com"]} in policy["bindings"]


def test_the_cluster_is_there_once_its_facts_are_known(google: RunningGoogle) -> None:
    url = f"container.googleapis.com/v1/{CLUSTER_PATH}"
    google.create_cluster("10.0.0.1:6443", CLUSTER_CA)
    cluster = google.call("GET", url).result
    assert cluster["endpoint"] == "10.0.0.1:6443"
    assert base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]) == CLUSTER_CA
    assert cluster["workloadIdentityConfig"]["workloadPool"] == "sandbox-project.svc.id.goog"
    assert cluster["privateClusterConfig"]["masterIpv4CidrBlock"] == "172.16.0.0/28"
    assert google.call("GET", f"{url}-other").error == f"Not found: {CLUSTER_PATH}-other."
    stranger = google.owner_token("user:stranger@example.com")
    assert google.call("GET", url, token=stranger).error == (
        f'Required "container.clusters.get" permission(s) for "{CLUSTER_PATH}".'
    )


def test_a_firewall_rule_from_its_making_to_its_end(google: RunningGoogle) -> None:
    rule = {
        "name": f"webhook-{uuid4().hex[:8]}",
        "network": f"projects/sandbox-project/global/networks/{NETWORK}",
        "sourceRanges": ["172.16.0.0/28"],
        "allowed": [{"IPProtocol": "tcp", "ports": ["8080"]}],
    }
    name = f"{PROJECT}/global/firewalls/{rule['name']}"
    operation = google.call("POST", f"{COMPUTE}/firewalls", rule).result
    assert operation["status"] == "RUNNING"
    assert google.wait_for_compute(operation)["name"] == operation["name"]
    made = google.call("GET", f"{COMPUTE}/firewalls/{rule['name']}").result
    assert made["allowed"] == rule["allowed"]
    assert (made["direction"], made["priority"], made["disabled"]) == ("INGRESS", 1000, False)
    again = google.call("POST", f"{COMPUTE}/firewalls", rule)
    assert (again.code, again.error) == (409, f"The resource '{name}' already exists")
    url = f"{COMPUTE}/firewalls/{rule['name']}"
    google.wait_for_compute(google.call("PATCH", url, {"priority": 900}).result)
    assert google.call("GET", f"{COMPUTE}/firewalls/{rule['name']}").result["priority"] == 900
    google.wait_for_compute(google.call("DELETE", url).result)
    gone = google.call("GET", f"{COMPUTE}/firewalls/{rule['name']}")
    assert (gone.code, gone.error) == (404, f"The resource '{name}' was not found")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Upper"}, "Invalid value for field 'resource.name'"),
        ({"network": "global/networks/other"}, "was not found"),
        ({"denied": [{"IPProtocol": "all"}]}, "Invalid value for field 'resource.allowed'"),
        ({"unknown": 1}, "unknown fields"),
    ],
)
def test_firewall_rules_that_are_refused(google: RunningGoogle, change: dict[str, object], said: str) -> None:
    rule = {"name": "refused", "allowed": [{"IPProtocol": "tcp"}], **change}
    assert said in google.call("POST", f"{COMPUTE}/firewalls", rule).error


def test_a_secret_with_its_versions_and_rights(google: RunningGoogle) -> None:
    name = f"secret-{uuid4().hex[:8]}"
    secrets = f"secretmanager.googleapis.com/v1/{PROJECT}/secrets"
    body: dict[str, object] = {"replication": {"automatic": {}}}
    made = google.call("POST", f"{secrets}?secretId={name}", body).result
    assert made["name"] == f"projects/481516234200/secrets/{name}"
    assert google.call("POST", f"{secrets}?secretId={name}", body).code == 409
    refused = google.call("POST", f"{secrets}?secretId={name}-2", {"replication": {"auto": {}}})
    assert "Unknown name \"auto\" at 'secret.replication'" in refused.error
    payload = {"payload": {"data": base64.b64encode(b"content").decode()}}
    version = google.call("POST", f"{secrets}/{name}:addVersion", payload).result["name"]
    assert version == f"projects/481516234200/secrets/{name}/versions/1"
    read = google.call("GET", f"{secrets}/{name}/versions/latest:access").result
    assert base64.b64decode(read["payload"]["data"]) == b"content"
    someone = "user:someone@example.com"
    token = google.owner_token(someone)
    denied = google.call("GET", f"{secrets}/{name}/versions/1:access", token=token)
    assert denied.error == (
        f"Permission 'secretmanager.versions.access' denied for resource '{version}' (or it may not exist)."
    )
    google.bind(f"{secrets}/{name}", {"roles/secretmanager.secretAccessor": [someone]})
    assert google.call("GET", f"{secrets}/{name}/versions/1:access", token=token).code == 200
    assert google.call("GET", f"{secrets}/{name}/versions", token=token).code == 403
    assert google.call("POST", f"{secrets}/{name}/versions/1:destroy", {}).result["state"] == "DESTROYED"
    assert "is in DESTROYED state" in google.call("GET", f"{secrets}/{name}/versions/1:access").error
    assert google.call("GET", f"{secrets}/{name}/versions").result["totalSize"] == 1
    assert google.call("DELETE", f"{secrets}/{name}").code == 200


def test_a_regional_secret_is_at_its_regions_host(google: RunningGoogle) -> None:
    name = f"{PROJECT}/locations/europe-west3/secrets/regional-{uuid4().hex[:8]}"
    parent, _, secret_id = name.rpartition("/")
    here, elsewhere = "secretmanager.europe-west3.rep.googleapis.com", "secretmanager.googleapis.com"
    assert google.call("POST", f"{here}/v1/{parent}?secretId={secret_id}", {}).code == 200
    changed = google.call("PATCH", f"{here}/v1/{name}?updateMask=labels", {"labels": {"a": "b"}})
    assert changed.result["labels"] == {"a": "b"}
    payload = {"payload": {"data": base64.b64encode(b"content").decode()}}
    assert google.call("POST", f"{here}/v1/{name}:addVersion", payload).code == 200
    assert google.call("GET", f"{here}/v1/{name}/versions/1:access").code == 200
    assert google.call("GET", f"{elsewhere}/v1/{name}").code == 501


def test_a_damaged_secret_is_not_taken(google: RunningGoogle) -> None:
    name = f"secret-{uuid4().hex[:8]}"
    secrets = f"secretmanager.googleapis.com/v1/{PROJECT}/secrets"
    assert google.call("POST", f"{secrets}?secretId={name}", {"replication": {"automatic": {}}}).code == 200
    data = base64.b64encode(b"content").decode()
    add = f"{secrets}/{name}:addVersion"
    assert "data_crc32c" in google.call("POST", add, {"payload": {"data": data, "dataCrc32c": "1"}}).error
    assert google.call("POST", add, {"payload": {"data": "no base64"}}).code == 400
    assert google.call("GET", f"{secrets}/{name}/versions").result == {"totalSize": 0}


def test_an_outage_ends(google: RunningGoogle) -> None:
    url = f"cloudkms.googleapis.com/v1/{PROJECT}/locations/global/keyRings"
    google.begin_outage(["cloudkms.googleapis.com"], 60)
    try:
        assert (google.call("GET", url).code, google.call("GET", url).error) == (
            503,
            "The service is currently unavailable.",
        )
    finally:
        google.begin_outage(["cloudkms.googleapis.com"], 0)
    assert google.call("GET", url).code == 200


def test_a_key_files_parts_are_the_ones_that_googles_libraries_read(
    google: RunningGoogle, account: str
) -> None:
    keys = f"iam.googleapis.com/v1/{PROJECT}/serviceAccounts/{account}/keys"
    made = google.call("POST", keys, {}).result
    credentials = json.loads(base64.b64decode(made["privateKeyData"]))
    assert (credentials["type"], credentials["client_email"]) == ("service_account", account)
    assert made["name"].endswith(credentials["private_key_id"])
    url = f"iam.googleapis.com/v1/{made['name']}?publicKeyType=TYPE_X509_PEM_FILE"
    public = base64.b64decode(google.call("GET", url).result["publicKeyData"])
    assert public.startswith(b"-----BEGIN CERTIFICATE-----")
    assert [key["name"] for key in google.call("GET", keys).result["keys"]] == [made["name"]]
    assert google.call("DELETE", f"iam.googleapis.com/v1/{made['name']}").code == 200
    assert google.call("GET", keys).result == {}
