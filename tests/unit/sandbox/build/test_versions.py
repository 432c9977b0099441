"""Which versions a person can ask for."""

import pytest

from sandbox.build.pinned_tools import KUBERNETES, OLDER_KUBERNETES, pinned_tools
from sandbox.build.versions import OLDER_VAULT, VAULT, Versions, chosen_versions
from sandbox.charts import CHART_VERSION, OLDER_CHART_VERSION
from sandbox.errors import SandboxError


def test_the_newest_run_unless_others_are_asked_for() -> None:
    versions = chosen_versions(None, None)

    assert versions == Versions() == Versions(VAULT, KUBERNETES)
    assert versions.chart == CHART_VERSION


@pytest.mark.parametrize("vault", [OLDER_VAULT, "1.18", "v1.18.1"])
@pytest.mark.parametrize("kubernetes", [None, OLDER_KUBERNETES, "1.30"])
def test_older_ones_can_be_asked_for_together_and_alone(vault: str, kubernetes: str | None) -> None:
    versions = chosen_versions(vault, kubernetes)

    assert versions == Versions(OLDER_VAULT, OLDER_KUBERNETES if kubernetes else KUBERNETES)
    assert versions.chart == OLDER_CHART_VERSION
    assert chosen_versions(None, kubernetes).vault == VAULT


@pytest.mark.parametrize("wanted", ["1.20.4", "1.1", "1", "", "1.18.1-ent", "newest"])
def test_a_vault_that_cannot_be_had_is_refused_with_those_that_can(wanted: str) -> None:
    with pytest.raises(
        SandboxError, match=rf"VAULT={wanted} can't be had .* VAULT={VAULT} or VAULT=1\.18\.1"
    ):
        chosen_versions(wanted, None)


@pytest.mark.parametrize("wanted", ["1.33", "1.3", "1"])
def test_a_kubernetes_that_cannot_be_had_is_refused_with_those_that_can(wanted: str) -> None:
    with pytest.raises(
        SandboxError, match=rf"KUBERNETES={wanted} .* KUBERNETES=1\.34\.4 or KUBERNETES=1\.30"
    ):
        chosen_versions(None, wanted)


@pytest.mark.parametrize("version", [KUBERNETES, OLDER_KUBERNETES])
def test_the_programs_of_kubernetes_have_one_version_and_no_other_tool_changes(version: str) -> None:
    tools, newest = pinned_tools(version), pinned_tools()

    assert [tool.name for tool in tools] == [tool.name for tool in newest]
    of_kubernetes = [tool for tool in tools if tool.package.startswith("k8s.io/kubernetes/")]
    assert [tool.version for tool in of_kubernetes] == [version] * 6
    others = [tool for tool in tools if tool not in of_kubernetes]
    assert others == [tool for tool in newest if tool in others]
