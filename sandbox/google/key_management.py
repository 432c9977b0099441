"""Cloud KMS (v1): https://cloud.google.com/kms/docs/reference/rest.

Key rings can't be deleted, and neither can keys: only versions end. A name is taken for ever.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.google import key_cipher
from sandbox.google.accounts import timestamp
from sandbox.google.api_errors import GoogleError, JsonObject, not_implemented, text
from sandbox.google.key_rings import CryptoKey, KeyVersion, check_id, new_key
from sandbox.google.policies import Policies
from sandbox.google.rest_routes import Call, PolicyMethods, Route, policy_routes

_LOCATION = re.compile(r"global|us|eur[3-6]|europe|asia1?|nam-?\w+|in|[a-z]+-[a-z]+\d+")
_RING = "projects/*/locations/*/keyRings/*"
_KEY = f"{_RING}/cryptoKeys/*"
_VERSION = f"{_KEY}/cryptoKeyVersions/*"


@dataclass
class KeyManagement:
    """The API, and the keys."""

    policies: Policies
    now: Callable[[], datetime]
    _rings: dict[str, datetime] = field(default_factory=dict)
    _keys: dict[str, CryptoKey] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Return its methods; gRPC has them under the same names."""
        ring, key, version = (f"/v1/{{name={part}}}" for part in (_RING, _KEY, _VERSION))
        rings = "/v1/{parent=projects/*/locations/*}/keyRings"
        keys, versions = f"/v1/{{parent={_RING}}}/cryptoKeys", f"/v1/{{parent={_KEY}}}/cryptoKeyVersions"
        ring_policy = PolicyMethods(self.policies, self._existing_ring)
        key_policy = PolicyMethods(self.policies, lambda resource: self._key(resource).name)
        return [
            Route("CreateKeyRing", "POST", rings, self._create_ring),
            Route("ListKeyRings", "GET", rings, self._list_rings),
            Route("GetKeyRing", "GET", ring, self._get_ring),
            Route("CreateCryptoKey", "POST", keys, self._create_key),
            Route("ListCryptoKeys", "GET", keys, self._list_keys),
            Route("GetCryptoKey", "GET", key, self._get_key),
            Route("UpdateCryptoKey", "PATCH", key, self._update_key),
            Route("UpdateCryptoKeyPrimaryVersion", "POST", f"{key}:updatePrimaryVersion", self._set_primary),
            Route("Encrypt", "POST", f"{key}:encrypt", self._encrypt),
            Route("Encrypt", "POST", f"{version}:encrypt", self._encrypt),
            Route("Decrypt", "POST", f"{key}:decrypt", self._decrypt),
            Route("CreateCryptoKeyVersion", "POST", versions, self._create_version),
            Route("ListCryptoKeyVersions", "GET", versions, self._list_versions),
            Route("GetCryptoKeyVersion", "GET", version, self._get_version),
            Route("UpdateCryptoKeyVersion", "PATCH", version, self._update_version),
            Route("DestroyCryptoKeyVersion", "POST", f"{version}:destroy", self._destroy_version),
            Route("RestoreCryptoKeyVersion", "POST", f"{version}:restore", self._restore_version),
            *policy_routes("/v1/", _RING, "cloudkms.keyRings", ring_policy, "GET"),
            *policy_routes("/v1/", _KEY, "cloudkms.cryptoKeys", key_policy, "GET"),
        ]

    def _require(self, call: Call, permission: str, name: str) -> None:
        self.policies.require(call.caller.member, f"cloudkms.{permission}", name)

    def _existing_ring(self, name: str) -> str:
        if name not in self._rings:
            raise GoogleError("NOT_FOUND", f"KeyRing {name} not found.")
        return name

    def _key(self, name: str) -> CryptoKey:
        """As it is now, after what time has brought about."""
        if name not in self._keys:
            raise GoogleError("NOT_FOUND", f"CryptoKey {name} not found.")
        key = self._keys[name]
        key.catch_up(self.now())
        return key

    def _version(self, name: str) -> tuple[CryptoKey, KeyVersion]:
        key_name, _, number = name.partition("/cryptoKeyVersions/")
        key = self._key(key_name)
        return key, key.version(number)

    def _create_ring(self, call: Call) -> JsonObject:
        parent = call.names["parent"]
        self._require(call, "keyRings.create", parent)
        location = parent.rpartition("/")[2]
        if not _LOCATION.fullmatch(location):
            raise GoogleError("NOT_FOUND", f"Location '{location}' is not found or access is unauthorized.")
        name = f"{parent}/keyRings/{call.required_query('keyRingId')}"
        check_id(name)
        if name in self._rings:
            raise GoogleError("ALREADY_EXISTS", f"KeyRing {name} already exists.")
        self._rings[name] = self.now()
        return self._ring_json(name)

    def _ring_json(self, name: str) -> JsonObject:
        return {"name": name, "createTime": timestamp(self._rings[name])}

    def _list_rings(self, call: Call) -> JsonObject:
        parent = call.names["parent"]
        self._require(call, "keyRings.list", parent)
        names = [name for name in self._rings if name.startswith(f"{parent}/keyRings/")]
        found = [self._ring_json(name) for name in _filtered(names, call)]
        return {"keyRings": found, "totalSize": len(found)} if found else {}

    def _get_ring(self, call: Call) -> JsonObject:
        self._require(call, "keyRings.get", call.names["name"])
        return self._ring_json(self._existing_ring(call.names["name"]))

    def _create_key(self, call: Call) -> JsonObject:
        parent = call.names["parent"]
        self._require(call, "cryptoKeys.create", parent)
        self._existing_ring(parent)
        name = f"{parent}/cryptoKeys/{call.required_query('cryptoKeyId')}"
        if name in self._keys:
            raise GoogleError("ALREADY_EXISTS", f"CryptoKey {name} already exists.")
        initial_version = call.query.get("skipInitialVersionCreation", "false") != "true"
        self._keys[name] = new_key(name, call.body, self.now(), initial_version=initial_version)
        return self._keys[name].to_json()

    def _list_keys(self, call: Call) -> JsonObject:
        parent = call.names["parent"]
        self._require(call, "cryptoKeys.list", parent)
        names = [name for name in self._keys if name.startswith(f"{self._existing_ring(parent)}/")]
        found = [self._key(name).to_json() for name in _filtered(names, call)]
        return {"cryptoKeys": found, "totalSize": len(found)} if found else {}

    def _get_key(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeys.get", call.names["name"])
        return self._key(call.names["name"]).to_json()

    def _update_key(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeys.update", call.names["name"])
        key = self._key(call.names["name"])
        changed = call.update_mask()
        if not changed:
            raise GoogleError("INVALID_ARGUMENT", "The update_mask must be set.")
        rotation = key.rotation_fields()
        for name in changed:
            match name:
                case "rotationPeriod" | "nextRotationTime":
                    rotation[name] = call.body.get(name)
                case "labels":
                    pass
                case _:
                    raise GoogleError(
                        "INVALID_ARGUMENT", f"The field {name} of a CryptoKey can't be updated."
                    )
        if rotation != key.rotation_fields():
            key.set_rotation(rotation, self.now())
        if "labels" in changed:
            key.labels = dict(call.body.get("labels") or {})
        return key.to_json()

    def _set_primary(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeys.update", call.names["name"])
        key = self._key(call.names["name"])
        version = key.version(text(call.body, "cryptoKeyVersionId"))
        version.require_enabled()
        key.primary = version
        return key.to_json()

    def _encrypt(self, call: Call) -> JsonObject:
        name = call.names["name"]
        self._require(call, "cryptoKeyVersions.useToEncrypt", name)
        if "/cryptoKeyVersions/" in name:
            key, version = self._version(name)
            return key_cipher.encrypt(key, version, call.body)
        return key_cipher.encrypt(self._key(name), None, call.body)

    def _decrypt(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeyVersions.useToDecrypt", call.names["name"])
        return key_cipher.decrypt(self._key(call.names["name"]), call.body)

    def _create_version(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeyVersions.create", call.names["parent"])
        if call.body.get("externalProtectionLevelOptions"):
            raise not_implemented("A key version outside of Cloud KMS")
        return self._key(call.names["parent"]).add_version(self.now()).to_json()

    def _list_versions(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeyVersions.list", call.names["parent"])
        if call.query.get("filter"):
            raise not_implemented("A filter of key versions")
        found = [version.to_json() for version in self._key(call.names["parent"]).versions]
        return {"cryptoKeyVersions": found, "totalSize": len(found)} if found else {}

    def _get_version(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeyVersions.get", call.names["name"])
        return self._version(call.names["name"])[1].to_json()

    def _update_version(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeyVersions.update", call.names["name"])
        if list(call.update_mask()) != ["state"]:
            raise not_implemented("An update of a key version's other fields than its state")
        _, version = self._version(call.names["name"])
        version.set_state(text(call.body, "state"))
        return version.to_json()

    def _destroy_version(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeyVersions.destroy", call.names["name"])
        key, version = self._version(call.names["name"])
        version.schedule_destruction(self.now(), key.destruction)
        return version.to_json()

    def _restore_version(self, call: Call) -> JsonObject:
        self._require(call, "cryptoKeyVersions.restore", call.names["name"])
        _, version = self._version(call.names["name"])
        version.restore()
        return version.to_json()


def _filtered(names: Sequence[str], call: Call) -> Sequence[str]:
    """Apply a list's filter, of which equality of names is implemented."""
    wanted = call.query.get("filter", "")
    if wanted and not wanted.startswith("name="):
        raise not_implemented(f"The filter {wanted}")
    return [name for name in names if not wanted or name == wanted.removeprefix("name=")]
