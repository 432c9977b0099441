from sandbox.google.api_errors import JsonObject
from tests.unit.sandbox.google.google_clock import PROJECT, Parts

NETWORK = f"{PROJECT}/global/networks/default"
RULES, BETA_RULES = f"/compute/v1/{PROJECT}/global/firewalls", f"/compute/beta/{PROJECT}/global/firewalls"
BETA = f"https://www.googleapis.com/compute/beta/{PROJECT}/global"
RULE: JsonObject = {
    "name": "webhook",
    "network": NETWORK,
    "description": "",
    "allowed": [{"IPProtocol": "tcp", "ports": ["8080"]}],
    "denied": [],
    "sourceRanges": ["172.16.0.0/28"],
    "targetTags": ["vault"],
}


def insert(parts: Parts) -> str:
    """A rule that is in force; returns its path in the beta version."""
    parts.call("POST", BETA_RULES, RULE)
    parts.clock.pass_time(seconds=1)
    return f"{BETA_RULES}/webhook"


def test_a_change_runs_before_it_is_done_and_takes_effect_only_then(parts: Parts) -> None:
    operation = parts.call("POST", BETA_RULES, RULE)
    path = f"/compute/beta/{PROJECT}/global/operations/{operation['name']}"
    assert (operation["status"], operation["selfLink"]) == (
        "RUNNING",
        f"{BETA}/operations/{operation['name']}",
    )
    assert parts.call("GET", path)["status"] == "RUNNING"
    assert parts.error_of("GET", f"{BETA_RULES}/webhook").endswith("was not found")
    parts.clock.pass_time(seconds=1)
    assert parts.call("GET", path)["status"] == "DONE"
    assert parts.call("GET", f"{BETA_RULES}/webhook")["targetTags"] == ["vault"]


def test_a_rule_that_changes_takes_no_other_change(parts: Parts) -> None:
    rule = insert(parts)
    parts.call("PATCH", rule, {"priority": 900})
    refused = f"INVALID_ARGUMENT: The resource '{PROJECT}/global/firewalls/webhook' is not ready"
    assert parts.error_of("DELETE", rule) == refused
    parts.clock.pass_time(seconds=1)
    parts.call("DELETE", rule)
    assert parts.call("GET", rule)["priority"] == 900
    parts.clock.pass_time(seconds=1)
    assert parts.error_of("GET", rule).startswith("NOT_FOUND")


def test_links_are_of_the_version_that_was_asked(parts: Parts) -> None:
    rule = parts.call("GET", insert(parts))
    assert (rule["selfLink"], rule["network"]) == (f"{BETA}/firewalls/webhook", f"{BETA}/networks/default")
    (listed,) = parts.call("GET", RULES)["items"]
    assert listed["network"] == f"https://www.googleapis.com/compute/v1/{NETWORK}"
    parts.call("PATCH", f"{RULES}/webhook", {"network": rule["network"]})


def test_what_is_empty_is_not_told(parts: Parts) -> None:
    rule = insert(parts)
    assert not {"denied", "description"} & parts.call("GET", rule).keys()
    parts.call("PATCH", rule, {"targetTags": [], "destinationRanges": [], "disabled": False})
    parts.clock.pass_time(seconds=1)
    changed = parts.call("GET", rule)
    assert not {"targetTags", "destinationRanges"} & changed.keys()
    assert changed["disabled"] is False


def test_a_rule_moves_to_no_other_network(parts: Parts) -> None:
    rule = insert(parts)
    assert parts.error_of("PATCH", rule, {"network": "global/networks/other"}).startswith("NOT_FOUND")
    assert parts.error_of("PATCH", rule, {"network": f"{NETWORK}2"}).startswith("NOT_FOUND")
