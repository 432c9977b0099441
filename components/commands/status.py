"""Shows how the selected stack's Vault is, and what to do about each thing that needs attention.

It changes nothing and prints no secret. The exit code is 0 if all is fine, 1 if something needs attention,
and 2 if it can't be told, such as if the stack has no Vault yet or the cluster isn't reachable.
"""

import argparse
import json
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from components.commands.selected_stack import (
    keys_of,
    selected_stack_outputs,
    selected_stack_public_outputs,
    token_of_settings,
)
from components.errors import DeploymentError
from components.status.facts import RecordedStack
from components.status.observation import observe
from components.status.page import EXIT_CODE_UNKNOWN, Line, Page, Section, State
from components.status.sections import page_of
from components.status.token_answers import Credentials

NAME = "status"
SUMMARY = "show Vault's pods, seal, voters, keys, certificate, and what needs attention"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the form of the page, and whether a token may be used."""
    parser.add_argument("--json", action="store_true", help="print the page for another program")
    parser.add_argument(
        "--with-token",
        action="store_true",
        help="ask Vault also for voters and audit devices, which it tells to a token alone: with the setting "
        "token, or else the root token in the stack's custody; and see whether the keys' record is there",
    )


def run(options: argparse.Namespace) -> int:
    """Print the page; return 0, 1 or 2."""
    try:
        page = _page(with_token=options.with_token)
    except DeploymentError as error:
        page = Page("of this stack", datetime.now(UTC), [Section("Stack", [Line(str(error), State.UNKNOWN)])])
    # Whoever watches the exit code must not take this for something that Vault needs.
    except Exception:
        traceback.print_exc()
        return EXIT_CODE_UNKNOWN
    print(json.dumps(page.to_properties(), indent=2) if options.json else page.to_text())
    return page.exit_code


def _page(*, with_token: bool) -> Page:
    now = datetime.now(UTC)
    if not with_token:
        return page_of(observe(RecordedStack.from_outputs(selected_stack_public_outputs()), now))
    outputs = selected_stack_outputs()
    stack = RecordedStack.from_outputs(outputs)
    return page_of(observe(stack, now, lambda: _credentials(stack, outputs)))


def _credentials(stack: RecordedStack, outputs: Mapping[str, Any]) -> Credentials:
    """Return the token to ask with, least rights first, and what is wrong with the record of the keys."""
    record = keys_of(outputs)
    problem = ""
    if record is None and stack.keys_location:
        problem = f"{stack.keys_location} doesn't have them"
    elif record is not None and stack.keys_fingerprint not in ("", record.fingerprint):
        problem = f"{stack.keys_location} has other shares than the stack has recorded"
    token = token_of_settings(outputs) or (record.plain_root_token if record is not None else "")
    return Credentials(token, problem)
