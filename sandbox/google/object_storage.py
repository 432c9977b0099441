"""The objects of Cloud Storage: https://cloud.google.com/storage/docs/json_api/v1/objects.

Uploads in one request, or in several (https://cloud.google.com/storage/docs/performing-resumable-uploads), as
Google's clients for Go make them. Which permission what takes:
https://cloud.google.com/storage/docs/access-control/iam-json.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import google_crc32c
from werkzeug.http import parse_options_header

from sandbox.google.accounts import timestamp
from sandbox.google.api_errors import GoogleError, JsonObject, not_implemented
from sandbox.google.buckets import Bucket, Buckets, StoredObject
from sandbox.google.policies import Policies
from sandbox.google.rest_routes import Call, RawAnswer, Route
from sandbox.google.storage_errors import invalid, no_bucket, no_object

_UPLOAD = "/upload/storage/v1/b/{bucket=*}/o"
_ONE = "/storage/v1/b/{bucket=*}/o/{object=**}"
_CHUNK = 256 * 1024
"""Bytes that every part of an upload but the last is a multiple of."""
_SETTABLE = frozenset(
    {
        "bucket",
        "cacheControl",
        "contentDisposition",
        "contentEncoding",
        "contentLanguage",
        "contentType",
        "crc32c",
        "customTime",
        "md5Hash",
        "metadata",
        "name",
        "storageClass",
    }
)
_RANGE = re.compile(r"bytes (?:(?P<first>\d+)-(?P<last>\d+)|\*)/(?P<total>\d+|\*)")


@dataclass
class _Upload:
    """An upload in several requests that isn't complete."""

    bucket: str
    name: str
    fields: JsonObject
    content: bytes = b""


@dataclass
class ObjectStorage:
    """The API of buckets and objects."""

    policies: Policies
    now: Callable[[], datetime]
    _buckets: Buckets = field(init=False)
    _uploads: dict[str, _Upload] = field(default_factory=dict)
    _generations: int = 0

    def __post_init__(self) -> None:
        self._buckets = Buckets(self.policies, self.now)

    def routes(self) -> list[Route]:
        """Return its methods."""
        return [
            Route("InsertObject", "POST", _UPLOAD, self._upload, any_content=True),
            Route("InsertObject", "PUT", _UPLOAD, self._upload, any_content=True),
            Route("ListObjects", "GET", "/storage/v1/b/{bucket=*}/o", self._list),
            Route("GetObject", "GET", _ONE, self._get, any_content=True),
            Route("DeleteObject", "DELETE", _ONE, self._delete),
            *self._buckets.routes(),
        ]

    def _upload(self, call: Call) -> JsonObject | RawAnswer:
        if (upload_id := call.query.get("upload_id")) is not None:
            return self._continue(call, upload_id)
        bucket = self._bucket(call)
        unknown = set(call.query) - {"alt", "name", "predefinedAcl", "uploadType"}
        if unknown:
            raise not_implemented(f"An upload with the parameters {sorted(unknown)}")
        kind = call.query.get("uploadType", "")
        if kind == "multipart":
            fields, content = _parts(call)
        elif kind == "media":
            fields, content = {"contentType": call.headers.get("content-type", "")}, call.content
        elif kind == "resumable":
            fields, content = _json_object(call.content or b"{}"), b""
            if sent := call.headers.get("x-upload-content-type"):
                fields.setdefault("contentType", sent)
        else:
            raise invalid(f"Unknown upload type {kind}")
        name = str(call.query.get("name") or fields.get("name") or "")
        self._check(call, bucket, name, fields)
        if kind != "resumable":
            return self._store(bucket, name, fields, content)
        upload_id = secrets.token_urlsafe(32)
        self._uploads[upload_id] = _Upload(bucket.name, name, fields)
        where = f"https://storage.googleapis.com/upload/storage/v1/b/{bucket.name}/o"
        return RawAnswer(headers={"Location": f"{where}?uploadType=resumable&upload_id={upload_id}"})

    def _check(self, call: Call, bucket: Bucket, name: str, fields: JsonObject) -> None:
        """Raise GoogleError for what Cloud Storage refuses before anything is uploaded."""
        if not name or len(name.encode()) > 1024:
            raise invalid("Required parameter: name")
        self._buckets.require_on(bucket, call.caller, "storage.objects.create", name)
        if bucket.live(name) is not None:
            # What was there is gone by it, or becomes a former generation.
            self._buckets.require_on(bucket, call.caller, "storage.objects.delete", name)
        if call.query.get("predefinedAcl") and bucket.uniform:
            raise invalid(
                "Cannot insert legacy ACL for an object when uniform bucket-level access is enabled. Read "
                "more at https://cloud.google.com/storage/docs/uniform-bucket-level-access"
            )
        if unknown := {key for key, value in fields.items() if value} - _SETTABLE:
            raise not_implemented(f"An object with {', '.join(sorted(unknown))}")
        self._buckets.require_key(bucket.key)

    def _continue(self, call: Call, upload_id: str) -> JsonObject | RawAnswer:
        """Take a part of an upload; whoever knows its address may send it."""
        upload = self._uploads.get(upload_id)
        bucket = None if upload is None else self._buckets.by_name.get(upload.bucket)
        if upload is None or bucket is None:
            raise GoogleError("NOT_FOUND", "The upload does not exist.", compute_reason="notFound")
        found = _RANGE.fullmatch(call.headers.get("content-range", ""))
        if found is None:
            raise invalid("Invalid request.  There were no or wrong bytes in the Content-Range.")
        first = int(found["first"]) if found["first"] else len(upload.content)
        if first != len(upload.content):
            raise invalid(f"Invalid request.  The upload goes on at byte {len(upload.content)}.")
        upload.content += call.content
        if found["total"] == str(len(upload.content)):
            del self._uploads[upload_id]
            return self._store(bucket, upload.name, upload.fields, upload.content)
        if len(call.content) % _CHUNK:
            raise invalid(f"Invalid request.  The size of a part must be a multiple of {_CHUNK} bytes.")
        headers = {"Range": f"bytes=0-{len(upload.content) - 1}"} if upload.content else {}
        if call.headers.get("x-guploader-no-308") == "yes":
            return RawAnswer(headers={**headers, "X-HTTP-Status-Code-Override": "308"})
        return RawAnswer(headers=headers, status=308)

    def _store(self, bucket: Bucket, name: str, fields: JsonObject, content: bytes) -> JsonObject:
        # Google's choice, against accidents only.
        md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        crc = base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
        for stated, actual in ((fields.get("md5Hash"), md5), (fields.get("crc32c"), crc)):
            if stated and stated != actual:
                raise invalid(f"Provided hash {stated} doesn't match calculated hash {actual}.")
        self._generations += 1
        generation = str(int(self.now().timestamp() * 1_000_000) + self._generations)
        moment = timestamp(self.now())
        stored: JsonObject = {
            "storageClass": bucket.fields["storageClass"],
            **{key: value for key, value in fields.items() if value},
            "kind": "storage#object",
            "id": f"{bucket.name}/{name}/{generation}",
            "selfLink": f"https://www.googleapis.com/storage/v1/b/{bucket.name}/o/{quote(name, safe='')}",
            "name": name,
            "bucket": bucket.name,
            "generation": generation,
            "metageneration": "1",
            "size": str(len(content)),
            "md5Hash": md5,
            "crc32c": crc,
            "etag": base64.b64encode(generation.encode()).decode(),
            "timeCreated": moment,
            "updated": moment,
        }
        if bucket.key:
            stored["kmsKeyName"] = f"{bucket.key}/cryptoKeyVersions/1"
        self._retire(bucket, name)
        bucket.objects.setdefault(name, []).append(StoredObject(stored, content))
        return stored

    def _retire(self, bucket: Bucket, name: str) -> None:
        """Make the live generation a former one, or no more."""
        live = bucket.live(name)
        if live is None:
            return
        if bucket.versioned:
            live.live = False
            live.fields["timeDeleted"] = timestamp(self.now())
        else:
            self._remove(bucket, name, live)

    def _remove(self, bucket: Bucket, name: str, stored: StoredObject) -> None:
        bucket.objects[name].remove(stored)
        if not bucket.objects[name]:
            del bucket.objects[name]

    def _list(self, call: Call) -> JsonObject:
        bucket = self._buckets.require(call, "storage.objects.list")
        if set(call.query) - {"maxResults", "prefix", "projection", "versions"}:
            raise not_implemented(f"A list of objects with the parameters {sorted(call.query)}")
        prefix, all_of_them = call.query.get("prefix", ""), call.query.get("versions") == "true"
        items = [
            stored.fields
            for name in sorted(bucket.objects)
            if name.startswith(prefix)
            for stored in bucket.objects[name]
            if stored.live or all_of_them
        ]
        return {"kind": "storage#objects", **({"items": items} if items else {})}

    def _get(self, call: Call) -> JsonObject | RawAnswer:
        bucket, stored = self._find(call, "storage.objects.get")
        if bucket.key and call.query.get("alt") == "media":
            self._buckets.require_key(bucket.key)
        if call.query.get("alt") != "media":
            return stored.fields
        return RawAnswer(stored.content, str(stored.fields.get("contentType") or "application/octet-stream"))

    def _delete(self, call: Call) -> JsonObject:
        bucket, stored = self._find(call, "storage.objects.delete")
        name = str(stored.fields["name"])
        if call.query.get("generation"):
            self._remove(bucket, name, stored)
        else:
            self._retire(bucket, name)
        return {}

    def _find(self, call: Call, permission: str) -> tuple[Bucket, StoredObject]:
        """Return what a call is about; who may not list doesn't learn what isn't there."""
        bucket = self._bucket(call)
        name = call.names["object"]
        self._buckets.require_on(bucket, call.caller, permission, name)
        generation = call.query.get("generation")
        stored = (
            bucket.live(name)
            if generation is None
            else next(
                (one for one in bucket.objects.get(name, []) if one.fields["generation"] == generation),
                None,
            )
        )
        if stored is None:
            self._buckets.require_on(bucket, call.caller, "storage.objects.list")
            raise no_object(bucket.name, name)
        return bucket, stored

    def _bucket(self, call: Call) -> Bucket:
        bucket = self._buckets.by_name.get(call.names["bucket"])
        if bucket is None:
            raise no_bucket()
        return bucket


def _parts(call: Call) -> tuple[JsonObject, bytes]:
    """Return an object's properties and content, out of a body of the type multipart/related (RFC 2387)."""
    media_type, options = parse_options_header(call.headers.get("content-type"))
    parts = (b"\r\n" + call.content).split(b"\r\n--" + options.get("boundary", "").encode())
    if media_type != "multipart/related" or len(parts) != 4 or parts[3].strip() != b"--":
        raise invalid("A multipart upload has two parts.")
    _, _, properties = parts[1].partition(b"\r\n\r\n")
    head, _, content = parts[2].partition(b"\r\n\r\n")
    found = re.search(rb"(?im)^content-type: *([^\r\n]+)", head)
    stated = {"contentType": found[1].decode("latin-1")} if found is not None else {}
    return {**stated, **_json_object(properties)}, content


def _json_object(text: bytes) -> JsonObject:
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise invalid("Parse Error")
    return found
