import pytest

from sandbox.google.api_errors import GoogleError, JsonObject
from tests.unit.sandbox.google.google_clock import PROJECT, Parts

ENCRYPTER_DECRYPTER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
SOMEONE = "user:someone@example.com"
PLAINTEXT = {"plaintext": "b25l"}


def refused(parts: Parts, resource: str, binding: JsonObject) -> str:
    with pytest.raises(GoogleError) as raised:
        parts.call("POST", f"{resource}:setIamPolicy", {"policy": {"bindings": [binding]}})
    return f"{raised.value.status}: {raised.value.message}"


def test_encrypter_decrypter_may_use_a_key_and_not_look_at_it(parts: Parts) -> None:
    key = parts.create_key()
    parts.bind(key, ENCRYPTER_DECRYPTER, SOMEONE)
    parts.call("POST", f"{key}:encrypt", PLAINTEXT, member=SOMEONE)
    with pytest.raises(GoogleError, match=r"'cloudkms\.cryptoKeys\.get' denied"):
        parts.call("GET", key, member=SOMEONE)


def test_viewer_may_look_at_a_key_and_not_use_it(parts: Parts) -> None:
    key = parts.create_key()
    parts.bind(key, "roles/cloudkms.viewer", SOMEONE)
    parts.call("GET", key, member=SOMEONE)
    with pytest.raises(GoogleError, match=r"'cloudkms\.cryptoKeyVersions\.useToEncrypt' denied"):
        parts.call("POST", f"{key}:encrypt", PLAINTEXT, member=SOMEONE)


def test_a_binding_on_the_ring_holds_for_its_keys(parts: Parts) -> None:
    key = parts.create_key()
    ring = key.partition("/cryptoKeys/")[0]
    parts.bind(ring, "roles/cloudkms.viewer", SOMEONE)
    parts.call("GET", key, member=SOMEONE)
    parts.call("GET", f"{key}/cryptoKeyVersions/1", member=SOMEONE)


def test_a_policy_is_replaced_only_by_who_has_read_it(parts: Parts) -> None:
    key = parts.create_key()
    policy = parts.call("GET", f"{key}:getIamPolicy")
    policy["bindings"] = [{"role": ENCRYPTER_DECRYPTER, "members": [SOMEONE]}]
    answer = parts.call("POST", f"{key}:setIamPolicy", {"policy": policy})
    assert answer["etag"] != policy["etag"]
    with pytest.raises(GoogleError, match="There were concurrent policy changes") as raised:
        parts.call("POST", f"{key}:setIamPolicy", {"policy": policy})
    assert (raised.value.status, raised.value.code) == ("ABORTED", 409)
    # Without an etag the last one wins, as on Google.
    parts.call("POST", f"{key}:setIamPolicy", {"policy": {}})
    assert "bindings" not in parts.call("GET", f"{key}:getIamPolicy")


def test_bindings_that_google_refuses(parts: Parts) -> None:
    key = parts.create_key()
    nobody = "serviceAccount:nobody@sandbox-project.iam.gserviceaccount.com"
    assert refused(parts, key, {"role": ENCRYPTER_DECRYPTER, "members": [nobody]}) == (
        f"INVALID_ARGUMENT: Service account {nobody.partition(':')[2]} does not exist."
    )
    pool = "serviceAccount:other.svc.id.goog[vault/vault]"
    assert "Identity Pool does not exist (other.svc.id.goog)" in refused(
        parts, key, {"role": ENCRYPTER_DECRYPTER, "members": [pool]}
    )
    assert refused(parts, key, {"role": "roles/container.viewer", "members": [SOMEONE]}) == (
        "INVALID_ARGUMENT: Role roles/container.viewer is not supported for this resource."
    )
    missing = f"{PROJECT}/roles/missing"
    assert f"Role {missing} is not supported" in refused(parts, key, {"role": missing, "members": [SOMEONE]})
    assert "unknown type" in refused(parts, key, {"role": ENCRYPTER_DECRYPTER, "members": ["someone"]})
    conditional = {"role": ENCRYPTER_DECRYPTER, "members": [SOMEONE], "condition": {"expression": "true"}}
    assert refused(parts, key, conditional).startswith("UNIMPLEMENTED")
    assert refused(parts, key, {"role": "roles/editor", "members": [SOMEONE]}).startswith("UNIMPLEMENTED")


BEGINS = {"title": "some", "expression": 'resource.name.startsWith("projects/_/buckets/b/objects/vault/")'}
BUCKET = f"{PROJECT}/buckets/b"


def conditional(parts: Parts, condition: dict[str, str], version: int = 3) -> None:
    """Give somebody the right to create objects on a bucket, under a condition."""
    binding = {"role": "roles/storage.objectCreator", "members": [SOMEONE], "condition": condition}
    parts.policies.replace(BUCKET, {"version": version, "bindings": [binding]})


def test_a_condition_is_asked_about_the_name_of_what_is_used(parts: Parts) -> None:
    conditional(parts, BEGINS)
    creating = (SOMEONE, "storage.objects.create", BUCKET)
    assert parts.policies.allows(*creating, "projects/_/buckets/b/objects/vault/x")
    assert not parts.policies.allows(*creating, "projects/_/buckets/b/objects/other")
    assert not parts.policies.allows(*creating)
    told = parts.policies.get(BUCKET).to_json()
    assert (told["version"], told["bindings"][0]["condition"]) == (3, BEGINS)


@pytest.mark.parametrize(
    ("condition", "version", "status"),
    [
        (BEGINS, 1, "INVALID_ARGUMENT"),
        ({"expression": BEGINS["expression"]}, 3, "INVALID_ARGUMENT"),
        ({"title": "soon", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')"}, 3, "UNIMPL"),
        ({"title": "two", "expression": f"{BEGINS['expression']} || true"}, 3, "UNIMPL"),
    ],
)
def test_conditions_that_are_not_taken(
    parts: Parts, condition: dict[str, str], version: int, status: str
) -> None:
    with pytest.raises(GoogleError) as raised:
        conditional(parts, condition, version)
    assert raised.value.status.startswith(status)


def test_a_custom_role_gives_its_permissions_until_it_is_deleted(parts: Parts) -> None:
    key = parts.create_key()
    role = {"title": "Key reader", "includedPermissions": ["cloudkms.cryptoKeys.get"]}
    name = parts.call("POST", f"{PROJECT}/roles", {"roleId": "keyReader", "role": role})["name"]
    parts.bind(key, name, SOMEONE)
    parts.call("GET", key, member=SOMEONE)
    assert parts.call("DELETE", name)["deleted"] is True
    with pytest.raises(GoogleError, match="denied"):
        parts.call("GET", key, member=SOMEONE)
    assert parts.call("GET", name)["deleted"] is True
    assert parts.call("GET", f"{PROJECT}/roles") == {}
    with pytest.raises(GoogleError, match="in a deleted state") as raised:
        parts.call("POST", f"{PROJECT}/roles", {"roleId": "keyReader", "role": role})
    assert raised.value.status == "FAILED_PRECONDITION"
    parts.call("POST", f"{name}:undelete")
    parts.call("GET", key, member=SOMEONE)
    with pytest.raises(GoogleError, match="already exists"):
        parts.call("POST", f"{PROJECT}/roles", {"roleId": "keyReader", "role": role})


def test_a_custom_role_changes_as_its_mask_says(parts: Parts) -> None:
    role = {"title": "One", "includedPermissions": ["cloudkms.cryptoKeys.get"]}
    name = parts.call("POST", f"{PROJECT}/roles", {"roleId": "one", "role": role})["name"]
    changed = parts.call("PATCH", name, {"title": "Two", "includedPermissions": []}, updateMask="title")
    assert (changed["title"], changed["includedPermissions"]) == ("Two", ["cloudkms.cryptoKeys.get"])
    with pytest.raises(GoogleError, match=r"Permission cloudkms\.nothing is not valid"):
        parts.call(
            "PATCH", name, {"includedPermissions": ["cloudkms.nothing"]}, updateMask="includedPermissions"
        )


def test_a_service_account_made_again_gets_nothing_of_the_deleted_one(parts: Parts) -> None:
    key = parts.create_key()
    email = parts.create_account("vault-unseal")
    first = parts.call("GET", f"{PROJECT}/serviceAccounts/{email}")["uniqueId"]
    parts.bind(key, "roles/cloudkms.viewer", f"serviceAccount:{email}")
    parts.call("GET", key, member=f"serviceAccount:{email}")
    parts.call("DELETE", f"{PROJECT}/serviceAccounts/{email}")
    (binding,) = parts.call("GET", f"{key}:getIamPolicy")["bindings"]
    assert binding["members"] == [f"deleted:serviceAccount:{email}?uid={first}"]
    assert parts.create_account("vault-unseal") == email
    assert parts.call("GET", f"{PROJECT}/serviceAccounts/{email}")["uniqueId"] != first
    with pytest.raises(GoogleError, match="denied"):
        parts.call("GET", key, member=f"serviceAccount:{email}")


def test_an_undeleted_service_account_gets_its_bindings_back(parts: Parts) -> None:
    key = parts.create_key()
    email = parts.create_account("vault-unseal")
    unique_id = parts.call("GET", f"{PROJECT}/serviceAccounts/{email}")["uniqueId"]
    parts.bind(key, "roles/cloudkms.viewer", f"serviceAccount:{email}")
    parts.call("DELETE", f"{PROJECT}/serviceAccounts/{email}")
    restored = parts.call("POST", f"{PROJECT}/serviceAccounts/{unique_id}:undelete")["restoredAccount"]
    assert restored["uniqueId"] == unique_id
    parts.call("GET", key, member=f"serviceAccount:{email}")


def test_permissions_are_tested_without_one(parts: Parts) -> None:
    key = parts.create_key()
    wanted = {"permissions": ["cloudkms.cryptoKeys.get", "cloudkms.cryptoKeyVersions.useToEncrypt"]}
    assert parts.call("POST", f"{key}:testIamPermissions", wanted, member=SOMEONE) == {}
    parts.bind(key, "roles/cloudkms.viewer", SOMEONE)
    answer = parts.call("POST", f"{key}:testIamPermissions", wanted, member=SOMEONE)
    assert answer == {"permissions": ["cloudkms.cryptoKeys.get"]}


def test_an_owner_may_not_impersonate_by_being_owner(parts: Parts) -> None:
    email = parts.create_account("vault-unseal")
    resource = f"{PROJECT}/serviceAccounts/{email}"
    wanted = {"permissions": ["iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.get"]}
    answer = parts.call("POST", f"{resource}:testIamPermissions", wanted)
    assert answer == {"permissions": ["iam.serviceAccounts.get"]}
