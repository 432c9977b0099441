"""The dashboard, in the form in which Grafana loads it."""

from typing import Any

from components.vault.dashboard import dashboard, panels
from tests.unit.fakes.stack_settings import EKS, SHAMIR, parse

SETTINGS = parse({**SHAMIR, "metrics": {"enabled": True}})


def made(**more: Any) -> Any:
    return dashboard(parse({**SHAMIR, "metrics": {"enabled": True}, **more}), "vault")


def test_every_panel_is_placed_beside_the_others() -> None:
    placed = made()["panels"]
    assert [panel["title"] for panel in placed] == [panel.title for panel in panels(SETTINGS, "vault")]
    cells = [
        (x, y)
        for panel in placed
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(0 <= x < 24 for x, _ in cells)
    assert len({panel["id"] for panel in placed}) == len(placed)


def test_panels_fit_the_settings() -> None:
    def titles(**configuration: Any) -> set[str]:
        stack = parse({**configuration, "metrics": {"enabled": True}})
        return {panel.title for panel in panels(stack, "vault")}

    raft = {
        "Failures that are survived",
        "Voter is healthy",
        "Slowest commits of raft (99 %)",
        "Index that is applied",
    }
    assert titles(**EKS) - titles(**SHAMIR) == {"Seal's key unreachable"}
    assert titles(**SHAMIR) - titles(**SHAMIR, mode="standalone") == raft


def test_queries_are_of_one_release_and_of_the_chosen_source() -> None:
    for panel in made(namespace="secrets")["panels"]:
        for target in panel["targets"]:
            assert 'namespace="secrets"' in target["expr"]
            assert (
                target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            )


def test_another_release_has_another_dashboard() -> None:
    ours, other = made(), made(namespace="secrets")
    assert ours["uid"] == made()["uid"] != other["uid"]
    assert len(ours["uid"]) <= 40
    assert ours["title"] == "Vault vault in vault"
