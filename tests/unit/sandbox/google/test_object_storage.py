"""Cloud Storage: uploads in one part or several, generations, and what is refused."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.google.api_errors import GoogleError, JsonObject
from sandbox.google.callers import CLOUD_PLATFORM
from sandbox.google.object_storage import ObjectStorage
from sandbox.google.project import PROJECT_ID
from sandbox.google.rest_routes import Call, Caller, RawAnswer
from tests.unit.sandbox.google.google_clock import OWNER, PROJECT, Parts

WRITER = "user:writer@example.com"
CHUNK = bytes(256 * 1024)


class Storage:
    """The API, with a bucket in which somebody may create objects."""

    def __init__(self, parts: Parts, **fields: Any) -> None:
        self.parts = parts
        self.routes = ObjectStorage(parts.policies, parts.clock).routes()
        uniform = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
        body = {"name": "backups", "location": "europe-west3", "iamConfiguration": uniform, **fields}
        self.call("POST", "/storage/v1/b", body, project=PROJECT_ID)
        binding = {"role": "roles/storage.objectCreator", "members": [WRITER]}
        self.call("PUT", "/storage/v1/b/backups/iam", {"bindings": [binding]})

    def call(
        self, method: str, path: str, body: JsonObject | None = None, *, member: str = OWNER, **query: str
    ) -> Any:
        return self._call(method, path, Call(Caller(member), {}, query, body or {}))

    def upload(
        self, content: bytes, headers: Mapping[str, str], *, member: str = WRITER, **query: str
    ) -> Any:
        caller = Caller(member, frozenset({CLOUD_PLATFORM}))
        path = "/upload/storage/v1/b/backups/o"
        return self._call("POST", path, Call(caller, {}, query, {}, content, headers))

    def put(self, name: str, content: bytes = b"x", *, member: str = WRITER) -> Any:
        headers = {"content-type": "text/plain"}
        return self.upload(content, headers, member=member, uploadType="media", name=name)

    def begin(self, name: str) -> str:
        """Begin an upload in several parts; returns its id."""
        answer = self.upload(b"{}", {}, uploadType="resumable", name=name)
        assert isinstance(answer, RawAnswer)
        return answer.headers["Location"].rpartition("upload_id=")[2]

    def refusal(self, method: str, path: str, body: JsonObject | None = None, **more: str) -> str:
        with pytest.raises(GoogleError) as raised:
            self.call(method, path, body, **more)
        return f"{raised.value.code} {raised.value.compute_reason}: {raised.value.message}"

    def _call(self, method: str, path: str, call: Call) -> Any:
        for route in self.routes:
            found = route.pattern.fullmatch(path)
            if route.method == method and found is not None:
                names = found.groupdict()
                return route.handler(
                    Call(call.caller, names, call.query, call.body, call.content, call.headers)
                )
        raise LookupError(f"{method} {path}")


@pytest.fixture
def storage(parts: Parts) -> Storage:
    return Storage(parts)


@pytest.mark.parametrize("head", [b"Content-Type: application/x-tar\r\n", b""])
def test_properties_and_content_come_in_two_parts(storage: Storage, head: bytes) -> None:
    content = b"\r\n\r\n--cut\nline\r\n"
    properties = json.dumps({"name": "ignored", "metadata": {"mtime": "1"}}).encode()
    body = (
        b"--edge\r\nContent-Type: application/json\r\n\r\n" + properties + b"\r\n--edge\r\n" + head + b"\r\n"
    )
    headers = {"content-type": "multipart/related; boundary=edge"}
    sent = body + content + b"\r\n--edge--\r\n"
    made = storage.upload(sent, headers, uploadType="multipart", name="vault/a b")
    assert (made["name"], made["size"]) == ("vault/a b", str(len(content)))
    assert made.get("contentType") == ("application/x-tar" if head else None)
    path = "/storage/v1/b/backups/o/vault/a b"
    assert storage.call("GET", path)["metadata"] == {"mtime": "1"}
    assert storage.call("GET", path, alt="media").content == content


def test_an_upload_in_several_parts_is_an_object_at_its_end(storage: Storage) -> None:
    upload_id = storage.begin("large")
    first = {"content-range": f"bytes 0-{len(CHUNK) - 1}/*", "x-guploader-no-308": "yes"}
    answer = storage.upload(CHUNK, first, upload_id=upload_id)
    assert answer.headers == {
        "Range": f"bytes=0-{len(CHUNK) - 1}",
        "X-HTTP-Status-Code-Override": "308",
    }
    assert "items" not in storage.call("GET", "/storage/v1/b/backups/o")
    end = len(CHUNK) + 3
    last = {"content-range": f"bytes {len(CHUNK)}-{end - 1}/{end}"}
    # Whoever knows the address goes on, whatever became of the rights.
    made = storage.upload(b"end", last, upload_id=upload_id, member="user:nobody@example.com")
    assert made["size"] == str(end)


@pytest.mark.parametrize(
    ("content", "content_range", "message"),
    [
        (CHUNK, "bytes 5-9/*", "goes on at byte 0"),
        (b"short", "bytes 0-4/*", "multiple of 262144"),
        (b"short", "", "Content-Range"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    storage: Storage, content: bytes, content_range: str, message: str
) -> None:
    upload_id = storage.begin("large")
    with pytest.raises(GoogleError, match=message):
        storage.upload(content, {"content-range": content_range}, upload_id=upload_id)


def test_a_digest_that_is_another_contents_is_refused(storage: Storage) -> None:
    body = b'--e\r\n\r\n{"md5Hash": "AAAA"}\r\n--e\r\n\r\nx\r\n--e--'
    with pytest.raises(GoogleError, match="doesn't match calculated hash"):
        storage.upload(
            body, {"content-type": "multipart/related; boundary=e"}, uploadType="multipart", name="x"
        )


def test_who_creates_can_neither_replace_nor_read(storage: Storage) -> None:
    storage.put("x")
    with pytest.raises(GoogleError, match=r"storage\.objects\.delete access"):
        storage.put("x")
    refused = storage.refusal("GET", "/storage/v1/b/backups/o/x", member=WRITER)
    assert refused.startswith("403 forbidden: writer@example.com does not have storage.objects.get access")
    # Nor learn what isn't there.
    assert "403" in storage.refusal("GET", "/storage/v1/b/backups/o/y", member=WRITER)
    assert storage.refusal("GET", "/storage/v1/b/backups/o/y") == "404 notFound: No such object: backups/y"
    assert "storage.objects.list" in storage.refusal("GET", "/storage/v1/b/backups/o", member=WRITER)


def test_access_control_lists_have_no_place_in_a_uniform_bucket(storage: Storage) -> None:
    with pytest.raises(GoogleError, match="uniform bucket-level access"):
        storage.upload(b"x", {}, uploadType="media", name="x", predefinedAcl="private")


@pytest.mark.parametrize(("versioned", "left"), [(True, 2), (False, 1)])
def test_former_generations_stay_in_a_bucket_with_versions(parts: Parts, versioned: bool, left: int) -> None:
    storage = Storage(parts, versioning={"enabled": versioned})
    first = storage.put("x", b"1", member=OWNER)["generation"]
    storage.put("x", b"2", member=OWNER)
    path = "/storage/v1/b/backups/o"
    assert len(storage.call("GET", path)["items"]) == 1
    assert len(storage.call("GET", path, versions="true")["items"]) == left
    storage.call("DELETE", f"{path}/x")
    assert "items" not in storage.call("GET", path)
    if versioned:
        assert storage.call("GET", f"{path}/x", generation=first, alt="media").content == b"1"
        assert "not empty" in storage.refusal("DELETE", "/storage/v1/b/backups")
        for item in storage.call("GET", path, versions="true")["items"]:
            storage.call("DELETE", f"{path}/x", generation=item["generation"])
    storage.call("DELETE", "/storage/v1/b/backups")
    assert storage.refusal("GET", "/storage/v1/b/backups").startswith("404 notFound")


def test_a_patch_changes_what_it_names(storage: Storage) -> None:
    path = "/storage/v1/b/backups"
    storage.call("PATCH", path, {"labels": {"a": "1", "b": "2"}, "versioning": {"enabled": True}})
    storage.call("PATCH", path, {"labels": {"a": None}})
    found = storage.call("GET", path)
    assert (found["labels"], found["versioning"]) == ({"b": "2"}, {"enabled": True})
    assert found["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    assert found["metageneration"] == "3"
    assert "can't be changed" in storage.refusal("PATCH", path, {"location": "US"})
    with pytest.raises(GoogleError, match="not implemented"):
        storage.call("PATCH", path, {"retentionPolicy": {"retentionPeriod": "1"}})


def test_a_bucket_that_keeps_the_public_out_takes_no_binding_for_it(storage: Storage) -> None:
    binding = {"role": "roles/storage.objectViewer", "members": ["allUsers"]}
    assert "allUsers" in storage.refusal("PUT", "/storage/v1/b/backups/iam", {"bindings": [binding]})


def test_who_has_no_right_on_the_project_makes_no_bucket(storage: Storage) -> None:
    refused = storage.refusal("POST", "/storage/v1/b", {"name": "mine"}, member=WRITER, project=PROJECT_ID)
    assert "does not have storage.buckets.create access" in refused
    assert PROJECT.endswith(PROJECT_ID)
