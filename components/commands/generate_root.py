"""Generates a new root token from the shares, for access after the root token was revoked.

Only the token is written to standard output. The shares are those of the selected stack; if they are
encrypted to their holders or not available here, the command prompts for them, or reads them from standard
input, one per line. A share may be base64 or, as in its PGP message, hexadecimal digits.
"""

import argparse
import getpass
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from components.commands.selected_stack import keys_of, selected_stack_outputs, token_of_settings
from components.errors import DeploymentError, RetryableError
from components.progress import say
from components.shares.generate_root import generate_root_token, permitted_client
from components.vault.diagnostics import with_pod_problems
from components.vault.pod_access import PodAccess
from components.vault.root_generation import RootGeneration

NAME = "generate-root"
SUMMARY = "print a new root token, generated from the shares"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option to ask for a token; shares come from the stack, a prompt or standard input."""
    parser.add_argument(
        "--with-token",
        action="store_true",
        help="first ask for a valid token, which Vault wants from 2.0 on, at a prompt or as the first line "
        "of standard input; without the option the stack's root token and its setting token are tried",
    )


def run(options: argparse.Namespace) -> None:
    """Print a new root token; raise :class:`DeploymentError` if no pod can generate one."""
    outputs = selected_stack_outputs()
    given_token = _ask_for("Token (not shown): ") if options.with_token else ""
    if options.with_token and not given_token:
        raise DeploymentError("No token was given. Nothing was done.")
    token = _new_root_token(outputs, given_token)
    say("This root token never expires; revoke it when done: vault token revoke -self")
    print(token)


def _new_root_token(outputs: Mapping[str, Any], given_token: str) -> str:
    access = PodAccess.from_properties(outputs["pod_access"])
    record = keys_of(outputs)
    shares = record.shares if record is not None and not record.shares_encrypted else ()
    known = (
        (record.plain_root_token, token_of_settings(outputs))
        if record is not None
        else (token_of_settings(outputs),)
    )
    tokens = (given_token,) if given_token else known
    problems = []
    for ordinal in range(int(outputs["replicas"])):
        try:
            with access.reach(ordinal) as client:
                permitted = permitted_client(client, tokens)
                required = RootGeneration(permitted).status().required
                shares = shares or _ask_for_shares(required)
                return generate_root_token(permitted, shares, required)
        except RetryableError as error:
            problems.append(f"{access.pod(ordinal)}: {error}")
    said = "No pod of Vault could make a root token.\n" + "\n".join(problems)
    raise DeploymentError(with_pod_problems(access, said))


def _ask_for_shares(count: int) -> Sequence[str]:
    say(f"The shares are with their holders. {count} of them are needed.")
    shares = []
    for number in range(1, count + 1):
        share = _ask_for(f"Share {number} of {count} (not shown): ")
        if not share:
            raise DeploymentError(
                f"{number - 1} shares were given, and {count} are needed. Nothing was done."
            )
        shares.append(share)
    return shares


def _ask_for(prompt: str) -> str:
    """Return what is typed at a terminal without being shown, or the next line of standard input."""
    return (getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()).strip()
