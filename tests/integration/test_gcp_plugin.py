"""The stand-in for the provider plugin `gcp`, on the real engine and the sandbox's Google Cloud.

The tests are steps of one deployment and run in order.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sandbox.google.project import PROJECT_ID
from tests.integration.google.running_google import PROJECT, RunningGoogle, run_google
from tests.integration.plugin_stack import PluginStack

RING = f"{PROJECT}/locations/global/keyRings/vault"
KEY = f"{RING}/cryptoKeys/unseal"
CLUSTER = "vault-sandbox"
LOCATION = "europe-west3"
PROGRAM = """
import pulumi
import pulumi_gcp as gcp

provider = gcp.Provider("provider", project="{project}", add_pulumi_attribution_label=False)


def options(**more):
    return pulumi.ResourceOptions(provider=provider, **more)


lookup = pulumi.InvokeOptions(provider=provider)
apis = [
    gcp.projects.Service(name, service=name + ".googleapis.com", project="{project}", opts=options())
    for name in ("cloudkms", "iam", "secretmanager")
]
ring = gcp.kms.KeyRing("ring", name="vault", location="global", opts=options(depends_on=apis{adopt_ring}))
key = gcp.kms.CryptoKey(
    "key",
    name="unseal",
    key_ring=ring.id,
    rotation_period={rotation},
    destroy_scheduled_duration="2592000s",
    labels={{"team": pulumi.Output.secret("{team}")}},
    opts=options({adopt_key}),
)
account = gcp.serviceaccount.Account(
    "account", account_id="vault-unseal", display_name="{display_name}", opts=options(depends_on=apis)
)
role = gcp.projects.IAMCustomRole(
    "role",
    role_id="keyReader",
    title="Key reader",
    permissions={permissions},
    opts=options(depends_on=apis),
)
for name, granted in (("use", "roles/cloudkms.cryptoKeyEncrypterDecrypter"), ("look", role.name)):
    gcp.kms.CryptoKeyIAMMember(
        name, crypto_key_id=key.id, role=granted, member=account.member, opts=options()
    )
gcp.serviceaccount.IAMMember(
    "impersonate",
    service_account_id=account.name,
    role="roles/iam.workloadIdentityUser",
    member="serviceAccount:{project}.svc.id.goog[vault/vault]",
    opts=options(),
)
file = gcp.serviceaccount.Key(
    "file", service_account_id=account.name, keepers={{"rotation": "{key_rotation}"}}, opts=options()
)
rule = gcp.compute.Firewall(
    "rule",
    name="vault-webhook",
    network="default",
    allows=[{{"protocol": "tcp", "ports": ["{port}"]}}],
    source_ranges=["172.16.0.0/28"],
    opts=options(),
)
secret = gcp.secretmanager.Secret(
    "secret",
    secret_id="{secret_id}",
    replication={{"user_managed": {{"replicas": [{{"location": "europe-west3"}}]}}}},
    labels={{"team": "{team}"}},
    opts=options(depends_on=apis),
)
gcp.secretmanager.SecretIamMember(
    "reader",
    secret_id=secret.secret_id,
    role="roles/secretmanager.secretAccessor",
    member=account.member,
    opts=options(),
)
cluster = gcp.container.get_cluster(name="{cluster}", location="{location}", opts=lookup)
pulumi.export("endpoint", cluster.endpoint)
pulumi.export("pool", cluster.workload_identity_configs[0].workload_pool)
pulumi.export("cidr", cluster.private_cluster_configs[0].master_ipv4_cidr_block)
pulumi.export("network", cluster.network)
pulumi.export("certificate", cluster.master_auths[0].cluster_ca_certificate)
pulumi.export("email", account.email)
pulumi.export("file", file.private_key)
pulumi.export("effective", key.effective_labels)
"""
FACTS = {
    "adopt_key": "",
    "adopt_ring": "",
    "cluster": CLUSTER,
    "display_name": "Vault",
    "key_rotation": "1",
    "location": LOCATION,
    "permissions": '["cloudkms.cryptoKeys.get"]',
    "port": "8080",
    "project": PROJECT_ID,
    "rotation": '"7776000s"',
    "secret_id": "keys",
    "team": "one",
}
NAMES = (
    "account",
    "cloudkms",
    "file",
    "iam",
    "impersonate",
    "key",
    "look",
    "plugins-test",
    "provider",
    "reader",
    "ring",
    "role",
    "rule",
    "secret",
    "secretmanager",
    "use",
)


def program(**changes: str) -> str:
    """The program, with some of it changed."""
    return PROGRAM.format(**{**FACTS, **changes})


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGoogle]:
    """Google Cloud with a cluster, and no API on that a project doesn't have from the beginning."""
    with run_google(tmp_path_factory.mktemp("google")) as running:
        running.create_cluster("10.244.0.1:6443", b"certificate")
        yield running


@pytest.fixture(scope="module")
def stack(google: RunningGoogle, tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    """The stack that all steps share."""
    return PluginStack(tmp_path_factory.mktemp("stack"), google.environment)


def get(google: RunningGoogle, service: str, path: str) -> dict[str, Any]:
    """What is at a path of an API."""
    return google.call("GET", f"{service}.googleapis.com/v1/{path}").result


def members(policy: Mapping[str, Any]) -> dict[str, list[str]]:
    """The members of a policy by role."""
    return {binding["role"]: binding["members"] for binding in policy.get("bindings", [])}


def test_a_preview_shows_every_resource_and_makes_none(stack: PluginStack, google: RunningGoogle) -> None:
    stack.program(program())

    assert stack.foretold() == dict.fromkeys(NAMES, "create")
    rings = google.call("GET", f"cloudkms.googleapis.com/v1/{PROJECT}/locations/global/keyRings")
    assert "has not been used in project" in rings.error


def test_no_api_is_enabled_without_resource_manager(stack: PluginStack, google: RunningGoogle) -> None:
    shown = stack.up(fails=True)

    assert "Error when reading or editing Project Service" in shown
    assert "Cloud Resource Manager API has not been used in project" in shown
    google.enable_apis("cloudresourcemanager.googleapis.com")


def test_a_deployment_makes_what_was_asked_for(stack: PluginStack, google: RunningGoogle) -> None:
    stack.up()
    outputs = stack.outputs()
    member = f"serviceAccount:{outputs['email']}"

    assert outputs["endpoint"] == "10.244.0.1:6443"
    assert outputs["pool"] == f"{PROJECT_ID}.svc.id.goog"
    assert outputs["cidr"] == "172.16.0.0/28"
    assert outputs["network"] == f"{PROJECT}/global/networks/default"
    assert base64.b64decode(outputs["certificate"]) == b"certificate"
    key = get(google, "cloudkms", KEY)
    assert (key["rotationPeriod"], key["labels"]) == ("7776000s", {"team": "one"})
    assert key["primary"]["state"] == "ENABLED"
    assert members(get(google, "cloudkms", f"{KEY}:getIamPolicy")) == {
        "roles/cloudkms.cryptoKeyEncrypterDecrypter": [member],
        f"{PROJECT}/roles/keyReader": [member],
    }
    account = f"iam.googleapis.com/v1/{PROJECT}/serviceAccounts/{outputs['email']}"
    assert members(google.call("POST", f"{account}:getIamPolicy", {}).result) == {
        "roles/iam.workloadIdentityUser": [f"serviceAccount:{PROJECT_ID}.svc.id.goog[vault/vault]"]
    }
    credentials = json.loads(base64.b64decode(outputs["file"]))
    assert (credentials["type"], credentials["client_email"]) == ("service_account", outputs["email"])
    rule = google.call(
        "GET", f"compute.googleapis.com/compute/v1/{PROJECT}/global/firewalls/vault-webhook"
    ).result
    assert rule["allowed"] == [{"IPProtocol": "tcp", "ports": ["8080"]}]
    secret = get(google, "secretmanager", f"{PROJECT}/secrets/keys")
    assert secret["replication"] == {"userManaged": {"replicas": [{"location": "europe-west3"}]}}
    assert members(get(google, "secretmanager", f"{PROJECT}/secrets/keys:getIamPolicy")) == {
        "roles/secretmanager.secretAccessor": [member]
    }


def test_what_is_secret_stays_secret_in_the_state(stack: PluginStack) -> None:
    exported = stack.pulumi("stack", "export")
    state = stack.state()

    assert str(stack.outputs()["file"]) not in exported
    assert "ciphertext" in json.dumps(state["file"]["outputs"]["privateKey"])
    assert "ciphertext" in json.dumps(state["key"]["outputs"]["labels"])


def test_nothing_is_to_do_afterwards(stack: PluginStack) -> None:
    assert stack.foretold() == {}
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {}


def test_changes_update_or_replace(stack: PluginStack, google: RunningGoogle) -> None:
    old = stack.outputs()["file"]
    changed = {
        "display_name": "Vault's unseal",
        "key_rotation": "2",
        "permissions": '["cloudkms.cryptoKeys.get", "cloudkms.cryptoKeys.list"]',
        "port": "8443",
        "rotation": "None",
        "secret_id": "other-keys",
        "team": "two",
    }
    stack.program(program(**changed))

    assert stack.foretold() == {
        "account": "update",
        "file": "replace",
        "key": "update",
        "reader": "replace",
        "role": "update",
        "rule": "update",
        "secret": "replace",
    }

    stack.up()
    outputs = stack.outputs()
    assert outputs["file"] != old
    key = get(google, "cloudkms", KEY)
    assert "rotationPeriod" not in key
    assert (key["labels"], outputs["effective"]) == ({"team": "two"}, {"team": "two"})
    account = f"{PROJECT}/serviceAccounts/{outputs['email']}"
    assert get(google, "iam", account)["displayName"] == "Vault's unseal"
    listed = get(google, "iam", f"{account}/keys?keyTypes=USER_MANAGED")["keys"]
    identifier = json.loads(base64.b64decode(outputs["file"]))["private_key_id"]
    assert [one["name"].rpartition("/")[2] for one in listed] == [identifier]
    gone = google.call("GET", f"secretmanager.googleapis.com/v1/{PROJECT}/secrets/keys")
    assert gone.code == 404
    assert stack.foretold() == {}


def test_what_others_have_changed_is_put_right(stack: PluginStack, google: RunningGoogle) -> None:
    email = stack.outputs()["email"]
    google.bind(f"cloudkms.googleapis.com/v1/{KEY}", {"roles/cloudkms.viewer": ["user:auditor@example.com"]})
    google.call("PATCH", f"cloudkms.googleapis.com/v1/{KEY}?updateMask=labels", {"labels": {"other": "one"}})
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {"key": "update", "look": "create", "use": "create"}

    stack.up()
    member = f"serviceAccount:{email}"
    assert get(google, "cloudkms", KEY)["labels"] == {"other": "one", "team": "two"}
    policy = members(get(google, "cloudkms", f"{KEY}:getIamPolicy"))
    assert policy["roles/cloudkms.viewer"] == ["user:auditor@example.com"]
    assert policy["roles/cloudkms.cryptoKeyEncrypterDecrypter"] == [member]
    assert stack.foretold() == {}


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (f'name="{CLUSTER}"', 'name="missing"', f"{PROJECT}/locations/{LOCATION}/clusters/missing not found"),
        ("labels={", "import_only=True, labels={", "needs the real plugin"),
        ("get_cluster(name", "get_cluster(skip_node_pool_refresh=True, name", "needs the real plugin"),
        ("cluster.endpoint", "gcp.organizations.get_project(opts=lookup).number", "needs the real plugin"),
        ("add_pulumi_attribution_label=False", "scopes=['a']", "needs the real plugin"),
        ("source_ranges", "source_tags", "one of source_tags, source_ranges"),
    ],
)
def test_trouble_is_said_before_anything_is_done(stack: PluginStack, old: str, new: str, text: str) -> None:
    assert old in program()
    stack.program(program().replace(old, new, 1))

    assert text in stack.pulumi("preview", fails=True)


def test_no_credentials_are_taken_from_elsewhere(stack: PluginStack) -> None:
    stack.program(program())
    token = stack.variables.pop("GOOGLE_OAUTH_ACCESS_TOKEN")

    assert "authentication without GOOGLE_OAUTH_ACCESS_TOKEN" in stack.pulumi("preview", fails=True)
    stack.variables["GOOGLE_OAUTH_ACCESS_TOKEN"] = token


def test_destruction_leaves_ring_and_key_without_a_usable_version(
    stack: PluginStack, google: RunningGoogle
) -> None:
    email = stack.outputs()["email"]
    shown = stack.pulumi("destroy", "--yes", "--skip-preview")

    # The real plugin's warning of it is only in the plugin's own log.
    assert "cannot be deleted" not in shown
    versions = get(google, "cloudkms", f"{KEY}/cryptoKeyVersions")["cryptoKeyVersions"]
    assert {version["state"] for version in versions} == {"DESTROY_SCHEDULED"}
    assert "rotationPeriod" not in get(google, "cloudkms", KEY)
    assert members(get(google, "cloudkms", f"{KEY}:getIamPolicy")) == {
        "roles/cloudkms.viewer": ["user:auditor@example.com"]
    }
    account = google.call("GET", f"iam.googleapis.com/v1/{PROJECT}/serviceAccounts/{email}")
    assert account.code == 404
    assert get(google, "iam", f"{PROJECT}/roles/keyReader")["deleted"] is True


def test_a_ring_that_is_there_is_no_new_one(stack: PluginStack) -> None:
    stack.program(program(team="three"))

    shown = stack.up(fails=True)
    assert "Error creating KeyRing: googleapi: Error 409: " in shown


def test_ring_and_key_are_adopted(stack: PluginStack, google: RunningGoogle) -> None:
    url = f"cloudkms.googleapis.com/v1/{KEY}/cryptoKeyVersions/1"
    google.call("POST", f"{url}:restore", {})
    google.call("PATCH", f"{url}?updateMask=state", {"state": "ENABLED"})
    stack.program(program(team="three", adopt_ring=f', import_="{RING}"', adopt_key=f'import_="{KEY}"'))

    foretold = stack.foretold()
    # What is taken over is brought to the settings at once.
    assert (foretold["ring"], foretold["key"]) == ("import", "update")
    stack.up()
    key = get(google, "cloudkms", KEY)
    assert key["labels"] == {"other": "one", "team": "three"}
    assert key["rotationPeriod"] == "7776000s"
    assert stack.state()["ring"]["id"] == RING
    # A role that was deleted is there again.
    assert "deleted" not in get(google, "iam", f"{PROJECT}/roles/keyReader")
    stack.program(program(team="three"))
    assert stack.foretold() == {}
    stack.pulumi("destroy", "--yes", "--skip-preview")
