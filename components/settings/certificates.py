"""Reads files with CA certificates."""

import ssl
from pathlib import Path

from components.config.reader import ConfigReader

FIX = "give the path of a file with CA certificates (PEM)"


def report_unusable(reader: ConfigReader, key: str, file: Path) -> None:
    """Report ``key``, which names the file, unless it has CA certificates."""
    try:
        ssl.create_default_context(cafile=file)
    except OSError:
        reader.report(key, FIX)
