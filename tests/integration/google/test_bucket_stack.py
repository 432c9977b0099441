"""A bucket and who may write into it, on the real engine. The tests are steps of one deployment, in order."""

from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.google.project import LOCATION, PROJECT_ID, STORAGE_AGENT
from tests.integration.google.running_google import RunningGoogle
from tests.integration.plugin_stack import PluginStack

NAME = f"backups-{uuid4().hex[:8]}"
API = f"storage.googleapis.com/storage/v1/b/{NAME}"
PROGRAM = """
import pulumi
import pulumi_gcp as gcp

options = pulumi.ResourceOptions(
    provider=gcp.Provider("google", project="{project}", add_pulumi_attribution_label=False)
)
bucket = gcp.storage.Bucket(
    "bucket",
    name="{name}",
    location="{location}",
    uniform_bucket_level_access=True,
    public_access_prevention="enforced",
    versioning={{"enabled": True}},
    encryption={{"default_kms_key_name": "{key}"}},
    lifecycle_rules=[
        {{
            "action": {{"type": "Delete"}},
            "condition": {{"age": {days}, "matches_prefixes": ["vault/"], "with_state": "LIVE"}},
        }},
        {{"action": {{"type": "Delete"}}, "condition": {{"days_since_noncurrent_time": 7}}}},
    ],
    labels={{"team": "{team}"}},
    opts=options,
)
gcp.storage.BucketIAMMember(
    "writer",
    bucket=bucket.name,
    role="roles/storage.objectCreator",
    member="serviceAccount:{account}",
    condition={{
        "title": "snapshots",
        "expression": 'resource.name.startsWith("projects/_/buckets/{name}/objects/vault/")',
    }},
    opts=options,
)
"""


@pytest.fixture(scope="module")
def stack(google: RunningGoogle, tmp_path_factory: pytest.TempPathFactory) -> PluginStack:
    folder: Path = tmp_path_factory.mktemp("stack")
    return PluginStack(folder, {**google.environment, "CLOUDSDK_AUTH_ACCESS_TOKEN": google.deployer_token})


@pytest.fixture(scope="module")
def program(google: RunningGoogle) -> str:
    """The program, but for what changes."""
    account = google.create_account(f"snapshot-{uuid4().hex[:8]}")
    key = google.create_key(f"ring-{uuid4().hex[:8]}")
    role = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    google.bind(f"cloudkms.googleapis.com/v1/{key}", {role: [f"serviceAccount:{STORAGE_AGENT}"]})
    given = {"project": PROJECT_ID, "name": NAME, "location": LOCATION, "key": key, "account": account}
    return PROGRAM.format(**given, team="TEAM", days="DAYS")


def test_it_is_made_and_nothing_is_to_do_then(
    stack: PluginStack, google: RunningGoogle, program: str
) -> None:
    stack.program(program.replace("TEAM", "one").replace("DAYS", "30"))
    stack.up()
    assert stack.foretold() == {}
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {}
    bucket = google.call("GET", API).result
    assert bucket["location"] == LOCATION.upper()
    assert bucket["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    assert bucket["lifecycle"]["rule"][0]["condition"] == {
        "age": 30,
        "isLive": True,
        "matchesPrefix": ["vault/"],
    }
    policy = google.call("GET", f"{API}/iam?optionsRequestedPolicyVersion=3").result
    assert [binding["condition"]["title"] for binding in policy["bindings"]] == ["snapshots"]


def test_changes_are_made_in_place(stack: PluginStack, google: RunningGoogle, program: str) -> None:
    stack.program(program.replace("TEAM", "two").replace("DAYS", "60"))
    assert stack.foretold() == {"bucket": "update"}
    stack.up()
    assert stack.foretold() == {}
    bucket = google.call("GET", API).result
    assert bucket["labels"] == {"team": "two"}
    assert bucket["lifecycle"]["rule"][0]["condition"]["age"] == 60


def test_what_others_have_changed_is_put_right(stack: PluginStack, google: RunningGoogle) -> None:
    assert google.call("PUT", f"{API}/iam", {"version": 3, "bindings": []}).code == 200
    assert google.call("PATCH", API, {"versioning": {"enabled": False}}).code == 200
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert stack.foretold() == {"bucket": "update", "writer": "create"}
    stack.up()
    assert google.call("GET", API).result["versioning"] == {"enabled": True}


def test_a_bucket_with_backups_is_not_destroyed(stack: PluginStack, google: RunningGoogle) -> None:
    upload = f"storage.googleapis.com/upload/storage/v1/b/{NAME}/o?uploadType=media&name=x"
    generation = google.call("POST", upload, {}).result["generation"]
    output = stack.pulumi("destroy", "--yes", "--skip-preview", fails=True)
    assert f"Error trying to delete bucket {NAME} containing objects without `force_destroy`" in output
    google.call("DELETE", f"{API}/o/x?generation={generation}")
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert google.call("GET", API).code == 404
