import pytest

from components.chart.owned_values import OWNED, owned_problems
from tests.official_chart import VERSIONS, leaves, official_yaml


@pytest.mark.parametrize(
    ("values", "paths"),
    [
        ({}, []),
        ({"csi": {"enabled": True}, "server": {"tolerations": []}}, []),
        ({"server": {"image": {"pullPolicy": "Always"}}}, []),
        ({"server": {"dataStorage": {"accessMode": "ReadWriteMany"}}}, []),
        ({"server": {"image": {"tag": "2.0"}}}, ["server.image.tag"]),
        ({"server": {"ha": {"raft": {"config": "ui = true"}}}}, ["server.ha.raft"]),
        ({"server": {"standalone": {"enabled": True}}}, ["server.standalone"]),
        ({"nameOverride": None}, ["nameOverride"]),
        ({"injector": {"port": None}}, ["injector.port"]),
        ({"server": {"image": None}}, ["server.image.repository", "server.image.tag"]),
        (
            {"injector": {"webhook": {"failurePolicy": "Fail", "timeoutSeconds": 5}}},
            ["injector.webhook.failurePolicy"],
        ),
        ({"server": {"ha": "no"}}, [path for path in OWNED if path.startswith("server.ha.")]),
        ({"server": None}, [path for path in OWNED if path.startswith("server.")]),
        (
            {"global": {"tlsDisable": False}, "ui": {"enabled": True}},
            ["global.tlsDisable", "ui.enabled"],
        ),
    ],
)
def test_values_of_the_program_are_refused_however_they_are_replaced(
    values: object, paths: list[str]
) -> None:
    assert isinstance(values, dict)
    assert owned_problems(values) == [f"{path} can't be set here: {OWNED[path]}" for path in paths]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_owned_value_is_one_of_the_official_chart(version: str) -> None:
    defaults = official_yaml(version, "values.yaml")
    # Names of objects are no leaves, and nameOverride is in the chart's templates only.
    known = [*leaves(defaults), "nameOverride", "fullnameOverride"]
    missing = {path for path in OWNED if not any(f"{leaf}.".startswith(f"{path}.") for leaf in known)}
    # Chart 0.34 is the first that has a route.
    route = {path for path in OWNED if path.startswith("server.httproute.")}
    assert missing == (set() if version == "0.34.1" else route)
