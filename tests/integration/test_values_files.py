"""What the sandbox's chart makes of the values that values files of the official chart have."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.unit.fakes.mocked_account import provide_commands
from tests.unit.fakes.released_values import released_values
from tests.value_groups import ExpressibleGroup, holds, holds_lines
from tests.values_files import EXPRESSIBLE

Values = Mapping[str, Any]
Objects = dict[tuple[str, str], Any]

RENDERED = [group for group in EXPRESSIBLE if not group.not_in_sandbox]
NOT_RENDERED = [group for group in EXPRESSIBLE if group.not_in_sandbox]


@pytest.fixture(scope="module", autouse=True)
def program_commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The commands that the program needs."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        provide_commands(monkeypatch, tmp_path_factory.mktemp("commands"))
        yield


@pytest.fixture(scope="module")
def untouched(render_chart: Callable[..., Objects]) -> Objects:
    """The objects without any of these settings, nor the TLS that a new stack has."""
    return render_chart(values=released_values({"tls": {"source": "none"}}))


def shows(objects: Objects, group: ExpressibleGroup) -> bool:
    """Return whether the objects have what the group's values are for."""
    (configuration,) = objects["ConfigMap", "vault-config"]["data"].values()
    return holds_lines(configuration, group.configuration) and all(
        holds(objects.get(key), part) for key, part in group.rendered.items()
    )


@pytest.mark.parametrize("group", RENDERED, ids=lambda group: group.values[0])
def test_objects_have_what_the_values_are_for(
    group: ExpressibleGroup, render_chart: Callable[..., Objects], untouched: Objects
) -> None:
    assert group.rendered or group.configuration
    assert shows(render_chart(values=released_values(group.settings)), group)
    assert not shows(untouched, group)


@pytest.mark.parametrize("group", NOT_RENDERED, ids=lambda group: group.values[0])
def test_what_the_sandbox_does_not_have_is_refused(
    group: ExpressibleGroup, template_chart: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    result = template_chart(values=released_values(group.settings))
    assert f"'{group.not_in_sandbox}': value must be '(absent: the sandbox" in result.stderr
