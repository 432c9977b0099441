"""Prints an IAM policy for the selected stack, without calling AWS."""

import argparse
import re

from components.commands.selected_stack import selected_stack_settings
from components.permissions.aws import DOCUMENTS
from components.permissions.aws_arns import deployment_scope

NAME = "aws-policy"
SUMMARY = "print the IAM policy that a command, or Vault, needs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the policy's name and the ids that only AWS knows."""
    parser.add_argument("document", choices=DOCUMENTS, help="whose rights: the command's, or Vault's own")
    parser.add_argument("--account-id", required=True, type=_account_id, help="the account, 12 digits")
    parser.add_argument(
        "--key-id",
        type=_key_id,
        help="id of the unseal key (pulumi stack output key_id): narrows the policy to it. Without it, as "
        "before the first deployment, the key is identified by its alias",
    )
    parser.add_argument(
        "--secret-key-id",
        type=_key_id,
        help="likewise, with custody aws-secrets-manager: id of the key made for the secret (the end of "
        "pulumi stack output secret_key_arn)",
    )


def run(options: argparse.Namespace) -> None:
    """Print one policy; raise :class:`DeploymentError` if the stack's settings have no use for it."""
    scope = deployment_scope(
        selected_stack_settings(),
        account_id=options.account_id,
        key_id=options.key_id,
        secret_key_id=options.secret_key_id,
    )
    print(DOCUMENTS[options.document](scope))


def _account_id(text: str) -> str:
    return _matching(r"\d{12}", text, "the 12 digits of an AWS account")


def _key_id(text: str) -> str:
    return _matching(r"[0-9a-f-]{36}", text, "the id of a KMS key, without its ARN")


def _matching(pattern: str, text: str, meaning: str) -> str:
    if re.fullmatch(pattern, text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} isn't {meaning}")
    return text
