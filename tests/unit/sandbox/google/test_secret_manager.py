from tests.unit.sandbox.google.google_clock import PROJECT, Parts


def test_a_replication_that_is_null_was_not_chosen(parts: Parts) -> None:
    managed = {"replicas": [{"location": "europe-west3"}]}
    body = {"replication": {"automatic": None, "userManaged": managed}}
    made = parts.call("POST", f"{PROJECT}/secrets", body, secretId="keys")
    assert made["replication"] == {"userManaged": managed}
