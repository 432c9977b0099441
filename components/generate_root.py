"""A new root token out of the shares, by a command: the way back in after the root token was revoked.

`python -m components.generate_root` prints the token, and nothing else, to standard output. It takes the
shares of the selected stack; where those are encrypted to their holders or not here, it asks for them, or
reads them from standard input, one a line. A share may be base64 or, as it comes out of a PGP message, in
hexadecimal digits.
"""

import getpass
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from components.errors import DeploymentError
from components.pod_access import PodAccess, PodUnreachableError
from components.progress import say
from components.share_proof import generate_root_token
from components.stack_keys import keys_of, selected_stack_outputs
from components.vault_client import VaultClient, VaultUnavailableError
from components.vault_root_generation import RootGeneration


def main() -> int:
    """Prints a new root token of the Vault of the stack that is selected."""
    try:
        token = _new_root_token(selected_stack_outputs())
    except DeploymentError as error:
        say(str(error))
        return 1
    say("This root token never expires; revoke it when done: vault token revoke -self")
    print(token)
    return 0


def _new_root_token(outputs: Mapping[str, Any]) -> str:
    access = PodAccess.from_properties(outputs["pod_access"])
    record = keys_of(outputs)
    shares = record.shares if record is not None and not record.shares_encrypted else ()
    problems = []
    for ordinal in range(int(outputs["replicas"])):
        try:
            with access.reach(ordinal) as address:
                client = VaultClient(address)
                required = RootGeneration(client).status().required
                shares = shares or _ask_for_shares(required)
                return generate_root_token(client, shares, required)
        except (PodUnreachableError, VaultUnavailableError) as error:
            problems.append(f"{access.pod(ordinal)}: {error}")
    raise DeploymentError("No pod of Vault could make a root token.\n" + "\n".join(problems))


def _ask_for_shares(count: int) -> Sequence[str]:
    say(f"The shares are with their holders. {count} of them are needed.")
    shares = []
    for number in range(1, count + 1):
        share = (
            getpass.getpass(f"Share {number} of {count} (not shown): ")
            if sys.stdin.isatty()
            else sys.stdin.readline()
        ).strip()
        if not share:
            raise DeploymentError(
                f"{number - 1} shares were given, and {count} are needed. Nothing was done."
            )
        shares.append(share)
    return shares


if __name__ == "__main__":
    sys.exit(main())
