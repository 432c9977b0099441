"""Prints a custom role with Google Cloud permissions for the selected stack, without calling Google."""

import argparse

from components.commands.selected_stack import selected_stack_settings
from components.permissions.google import DOCUMENTS, role_document
from components.progress import say

NAME = "google-role"
SUMMARY = "print the custom role that a command, or Vault, needs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the role's name, its project and its format."""
    parser.add_argument("document", choices=DOCUMENTS, help="whose rights: the command's, or Vault's own")
    parser.add_argument("--project", help="a role is one project's: the stack's, unless another one is named")
    parser.add_argument("--json", action="store_true", help="as JSON, without the reasons")


def run(options: argparse.Namespace) -> None:
    """Print one role; raise :class:`DeploymentError` if the stack uses nothing of Google Cloud."""
    title, permissions_of = DOCUMENTS[options.document]
    settings = selected_stack_settings()
    permissions = permissions_of(settings)
    project = options.project or settings.project
    print(role_document([p for p in permissions if p.project == project], title, as_json=options.json))
    for other in sorted({permission.project for permission in permissions} - {project}):
        say(f"Rights in project {other} are needed, too: repeat it with --project {other}")
