"""The table of requests in docs/permissions.md, against what the stand-in for the provider asks of Google.

Each resource type goes through its life alone, so that every request belongs to a resource and a step. The
log of calls tells the permissions that Google's IAM wanted for it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from components.custody.stores.gcp_secret_manager import Store
from sandbox.google.project import DEPLOYER, LOCATION, PROJECT_ID
from sandbox.plugins.gcp.functions import FUNCTIONS
from sandbox.plugins.gcp.provider import RESOURCE_TYPES, GcpProvider
from sandbox.plugins.property_values import PropertyMap
from sandbox.plugins.provider import ProviderError, Resource, ResourceType
from tests.integration.google.running_google import PROJECT, RunningGoogle, run_google
from tests.unit.docs.google_requests import Request, listed, shown
from tests.unit.fakes.key_records import TARGET, key_record

RING = f"{PROJECT}/locations/global/keyRings/vault"
KEY = f"{RING}/cryptoKeys/unseal"
EMAIL = f"vault-unseal@{PROJECT_ID}.iam.gserviceaccount.com"
ACCOUNT = f"{PROJECT}/serviceAccounts/{EMAIL}"
SECRET, REGIONAL = f"{PROJECT}/secrets/keys", f"{PROJECT}/locations/{LOCATION}/secrets/keys"
MEMBER = f"serviceAccount:{DEPLOYER}"
SECRET_ROLE = "roles/secretmanager.secretAccessor"


@dataclass(frozen=True)
class Life:
    """A resource with its inputs, and what changes of them in an update."""

    inputs: PropertyMap
    changes: PropertyMap = field(default_factory=dict)


LIVES: Mapping[str, Life] = {
    "gcp:projects/service:Service": Life({"service": "cloudkms.googleapis.com", "disableOnDestroy": False}),
    "gcp:kms/keyRing:KeyRing": Life({"name": "vault", "location": "global"}),
    "gcp:kms/cryptoKey:CryptoKey": Life(
        {"name": "unseal", "keyRing": RING, "rotationPeriod": "7776000s"}, {"labels": {"team": "one"}}
    ),
    "gcp:serviceaccount/account:Account": Life({"accountId": "vault-unseal"}, {"displayName": "Vault"}),
    "gcp:projects/iAMCustomRole:IAMCustomRole": Life(
        {"roleId": "keyReader", "title": "Key reader", "permissions": ["cloudkms.cryptoKeys.get"]},
        {"description": "of Vault's"},
    ),
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": Life(
        {"cryptoKeyId": KEY, "role": "roles/cloudkms.viewer", "member": MEMBER}
    ),
    "gcp:serviceaccount/iAMMember:IAMMember": Life(
        {"serviceAccountId": ACCOUNT, "role": "roles/iam.workloadIdentityUser", "member": MEMBER}
    ),
    "gcp:serviceaccount/key:Key": Life({"serviceAccountId": ACCOUNT}),
    "gcp:compute/firewall:Firewall": Life(
        {
            "name": "webhook",
            "network": "default",
            "allows": [{"protocol": "tcp", "ports": ["8080"]}],
            "sourceRanges": ["172.16.0.0/28"],
        },
        {"priority": 900},
    ),
    "gcp:secretmanager/secret:Secret": Life(
        {"secretId": "keys", "replication": {"auto": {}}}, {"labels": {"team": "one"}}
    ),
    "gcp:secretmanager/secretIamMember:SecretIamMember": Life(
        {"secretId": SECRET, "role": SECRET_ROLE, "member": MEMBER}
    ),
    "gcp:secretmanager/regionalSecret:RegionalSecret": Life(
        {"secretId": "keys", "location": LOCATION}, {"labels": {"team": "one"}}
    ),
    "gcp:secretmanager/regionalSecretIamMember:RegionalSecretIamMember": Life(
        {"secretId": REGIONAL, "role": SECRET_ROLE, "member": MEMBER}
    ),
    "gcp:storage/bucket:Bucket": Life(
        {"name": "snapshots-of-vault", "location": LOCATION, "uniformBucketLevelAccess": True},
        {"labels": {"team": "one"}},
    ),
    "gcp:storage/bucketIAMMember:BucketIAMMember": Life(
        {"bucket": "snapshots-of-vault", "role": "roles/storage.objectCreator", "member": MEMBER}
    ),
}
"""In an order in which each finds what it needs; they end in the opposite one."""

LOOKUPS: Mapping[str, PropertyMap] = {
    "gcp:container/getCluster:getCluster": {"name": "vault-sandbox", "location": LOCATION},
    "gcp:kms/getKeyRings:getKeyRings": {"location": "global", "filter": f"name={RING}"},
    "gcp:kms/getCryptoKeys:getCryptoKeys": {"keyRing": RING, "filter": f"name={KEY}"},
    "gcp:organizations/getClientOpenIdUserInfo:getClientOpenIdUserInfo": {},
    "gcp:projects/getIamCustomRoles:getIamCustomRoles": {},
}


_REGIONAL = f"secretmanager.{LOCATION}.rep.googleapis.com/v1/projects/*/locations/{LOCATION}/"
_CREDENTIALS = ("iamcredentials.googleapis.com", "oauth2.googleapis.com")
"""Where credentials become a token, which takes no permission."""


@dataclass
class Measurement:
    """What was asked of a running Google, by resource and step."""

    running: RunningGoogle
    provider: GcpProvider = field(default_factory=GcpProvider)
    found: dict[tuple[str, str], set[Request]] = field(default_factory=dict)
    _made: dict[str, tuple[str, PropertyMap]] = field(default_factory=dict)

    def create(self, token: str) -> None:
        """Create a resource."""
        kind, resource = self._kind(token), Resource(f"urn::{token}")
        inputs = kind.check(resource, {}, LIVES[token].inputs).inputs

        def create() -> None:
            created = kind.create(resource, inputs, preview=False)
            self._made[token] = created.identifier, created.state

        self._record(token, "create", create)

    def read(self, token: str) -> None:
        """Look at a resource, as a refresh does."""
        kind, (identifier, state) = self._kind(token), self._made[token]
        self._record(token, "read", lambda: kind.read(Resource(""), identifier, state, LIVES[token].inputs))

    def update(self, token: str) -> None:
        """Change a resource, if it has something that can change."""
        kind, (identifier, state) = self._kind(token), self._made[token]
        if changes := LIVES[token].changes:
            inputs = kind.check(Resource(""), {}, {**LIVES[token].inputs, **changes}).inputs
            self._record(
                token, "update", lambda: kind.update(Resource(""), identifier, state, inputs, preview=False)
            )

    def delete(self, token: str) -> None:
        """Delete a resource."""
        kind, (identifier, state) = self._kind(token), self._made[token]
        self._record(token, "delete", lambda: kind.delete(Resource(""), identifier, state))

    def look_up(self, token: str) -> None:
        """Call a function."""
        function = self.provider.function(token)
        assert function is not None
        self._record(token, "look-up", lambda: function(LOOKUPS[token]))

    def keep_keys(self) -> None:
        """Do what the store of the keys does: prove itself, write, and read."""
        store = Store(secret=SECRET, endpoint="")

        def keep() -> None:
            store.probe(TARGET)
            store.write(key_record(), TARGET)
            assert store.read(TARGET) == key_record()

        self._record("custody", "keys", keep)

    def _kind(self, token: str) -> ResourceType:
        kind = self.provider.resource_type(token)
        assert kind is not None
        return kind

    def _record(self, token: str, step: str, act: Callable[[], object]) -> None:
        self.running.forget_calls()
        act()
        self.found.setdefault((shown(token), step), set()).update(
            Request(
                # The table has both kinds of secrets in one line.
                str(call["request"]).replace(_REGIONAL, "secretmanager.googleapis.com/v1/projects/*/"),
                frozenset(call["permissions"]),
            )
            for call in self.running.calls()
            if call["host"] not in _CREDENTIALS
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGoogle]:
    """Google with a cluster, to which the provider in this process is led."""
    with (
        run_google(tmp_path_factory.mktemp("google")) as started,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in started.environment.items():
            environment.setenv(name, value)
        for name in ("https_proxy", "no_proxy"):
            environment.delenv(name, raising=False)
        started.create_cluster("10.244.0.1:6443", b"certificate")
        started.enable_apis("cloudresourcemanager.googleapis.com")
        yield started


@pytest.fixture(scope="module")
def measurement(running: RunningGoogle) -> Measurement:
    """What was asked in each step of each resource's life."""
    measured = Measurement(running)
    measured.provider.configure({"project": PROJECT_ID}, lambda *_: None)
    for token in LIVES:
        measured.create(token)
        measured.read(token)
        measured.update(token)
        # The first one is an API; the others need all.
        running.enable_apis()
    for token in LOOKUPS:
        measured.look_up(token)
    measured.keep_keys()
    for token in reversed(tuple(LIVES)):
        measured.delete(token)
    # Google keeps a deleted role, and creating it again undeletes it.
    measured.create("gcp:projects/iAMCustomRole:IAMCustomRole")
    return measured


def test_every_type_and_function_of_the_stand_in_is_measured() -> None:
    assert (LIVES.keys(), LOOKUPS.keys()) == (RESOURCE_TYPES.keys(), FUNCTIONS.keys())


@pytest.mark.parametrize("resource", [*map(shown, (*LIVES, *LOOKUPS)), "custody"])
def test_the_page_lists_the_requests_of_a_resource(measurement: Measurement, resource: str) -> None:
    steps = {step: requests for (name, step), requests in measurement.found.items() if name == resource}
    table = {step: requests for (name, step), requests in listed().items() if name == resource}
    # What is created or updated is read afterwards, which the table doesn't repeat.
    if "create" in steps:
        table["create"] |= table["read"]
    if "update" in steps:
        steps["update"] |= table["read"]
        table["update"] |= table["read"]
    assert table == {step: requests for step, requests in steps.items() if requests}


PERMISSIONS = {
    permission: token
    for token in LOOKUPS
    for request in listed()[shown(token), "look-up"]
    for permission in request.permissions
}
"""What look-ups need, and which needs it."""


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
def test_a_look_up_without_a_permission_of_its_own_names_it(
    measurement: Measurement, monkeypatch: pytest.MonkeyPatch, permission: str
) -> None:
    google, name = measurement.running, permission.replace(".", "_")
    others = [other for other in PERMISSIONS if other != permission]
    role = google.call(
        "POST",
        f"iam.googleapis.com/v1/{PROJECT}/roles",
        {"roleId": f"without_{name}", "role": {"includedPermissions": others}},
    ).result["name"]
    member = f"user:{name}@example.com"
    project = f"cloudresourcemanager.googleapis.com/v1/{PROJECT}"
    policy = google.call("POST", f"{project}:getIamPolicy", {}, token=google.owner_token()).result
    policy["bindings"].append({"role": role, "members": [member]})
    google.call("POST", f"{project}:setIamPolicy", {"policy": policy}, token=google.owner_token())
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", google.owner_token(member))

    for token in LOOKUPS:
        if token != PERMISSIONS[permission]:
            measurement.look_up(token)
    with pytest.raises(ProviderError, match=re.escape(permission)):
        measurement.look_up(PERMISSIONS[permission])
