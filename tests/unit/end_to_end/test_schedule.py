"""Tests that share a deployment are run by one worker, and no others wait for one another."""

import ast
import re

from sandbox.layout import REPOSITORY
from tests.end_to_end.schedule import APART, CHANGES, SHARED, scope

FOLDER = "tests/end_to_end"


def test_modules_that_share_a_deployment_are_named() -> None:
    modules = {path.stem: path.read_text() for path in (REPOSITORY / FOLDER).glob("test_*.py")}
    sharing = {
        name for name, text in modules.items() if re.search(r"\b(awskms|over_tls|fresh_of_module):", text)
    }
    assert sharing == set(SHARED)


def test_tests_with_a_deployment_of_their_own_wait_for_no_shared_one() -> None:
    apart = set()
    for module in SHARED:
        tree = ast.parse((REPOSITORY / FOLDER / f"{module}.py").read_text())
        uses = {
            node.name: {argument.arg for argument in node.args.args}
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
        }
        apart |= {
            name
            for name, asked in uses.items()
            if name.startswith("test_") and "fresh" in asked and "awskms" not in asked
        }
    assert apart == APART
    test = (
        f"{FOLDER}/test_injector.py::test_a_changed_injector_takes_the_place_of_the_old_one_on_the_only_node"
    )
    assert scope(test) == test


def test_what_is_handed_out_together() -> None:
    restart = scope(f"{FOLDER}/test_restart.py::test_all_pods_deleted_and_unsealed_again")
    assert restart == scope(f"{FOLDER}/test_updates.py::test_a_refresh_keeps_the_keys")
    assert restart != scope(f"{FOLDER}/test_modes.py::test_one_pod_unseals_itself")
    fault = f"{FOLDER}/test_faults.py::test_the_keys_are_never_lost"
    assert scope(f"{fault}[engine killed]") != scope(f"{fault}[store slow]")
    change = f"{FOLDER}/{CHANGES}.py::test_the_stored_keys_are_valid"
    in_state = scope(f"{change}[awskms, state: killed before the rekey]")
    assert in_state == scope(f"{change}[awskms, state: killed before the state]")
    assert in_state != scope(f"{change}[awskms, file: blank pod joins]")
