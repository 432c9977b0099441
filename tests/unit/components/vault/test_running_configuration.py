"""Seal stanzas in the configuration that the chart's ConfigMap has."""

import pytest

from components.seals.seal import SealStanza
from components.vault.configuration import render_configuration
from components.vault.running_configuration import CONFIGURATION_KEY, configuration_map, seal_blocks
from tests.official_chart import official_rendering, official_yaml

AWS = SealStanza("awskms", {"region": "eu-central-1", "kms_key_id": "1"})
OTHER_KEY = SealStanza("awskms", {**AWS.parameters, "kms_key_id": "2"})
TRANSIT = SealStanza("transit", {"key_name": "a}b"})


def configuration(*stanzas: SealStanza) -> str:
    return render_configuration(ui=True, raft=None, join=[], seals=stanzas)


@pytest.mark.parametrize("stanzas", [[], [AWS], [TRANSIT, AWS.disabled()]])
def test_stanzas_are_found_as_they_are_rendered(stanzas: list[SealStanza]) -> None:
    blocks = seal_blocks(configuration(*stanzas))
    assert [block.splitlines()[0] for block in blocks] == [f'seal "{stanza.type}" {{' for stanza in stanzas]
    assert [block.splitlines()[-1] for block in blocks] == ["}" for _ in stanzas]


def test_what_is_around_and_the_indentation_do_not_count() -> None:
    text = "\n".join(f"   {line}" for line in configuration(AWS).splitlines())
    more = f'disable_mlock = true\n{text}\ntelemetry {{\n  seal_metrics = "x"\n}}\n'
    assert seal_blocks(more) == seal_blocks(configuration(AWS))


@pytest.mark.parametrize(
    "other", [configuration(), configuration(OTHER_KEY), configuration(AWS, TRANSIT), 'seal "awskms" {}\n']
)
def test_another_seal_or_key_is_told_apart(other: str) -> None:
    assert seal_blocks(other) != seal_blocks(configuration(AWS))


def test_a_stanza_on_one_line_is_one() -> None:
    assert seal_blocks('seal awskms { region = "x" }\nstorage "file" {\n}\n') == [
        'seal awskms { region = "x" }'
    ]


@pytest.mark.parametrize("version", ["0.29.1", "0.34.1"])
def test_the_official_chart_has_the_stanzas_in_its_config_map(version: str) -> None:
    given = official_yaml(version, "seed-a.values.yaml")["server"]["ha"]["raft"]["config"]
    rendered = official_rendering(version, "seed-a")["ConfigMap", configuration_map("vault")]
    assert seal_blocks(given) != []
    assert seal_blocks(rendered["data"][CONFIGURATION_KEY]) == seal_blocks(given)
