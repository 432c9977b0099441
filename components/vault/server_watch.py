"""Rotates the audit log beside Vault in its container, and has the certificate read again there, too.

Vault opens the file anew at a SIGHUP, and writes to the renamed file until then, so no entry is lost
(docs/decisions/0021-the-audit-log-is-rotated-in-vaults-container.md).
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from components.settings import Settings
from components.settings.audit import AuditSettings
from components.vault.audit_devices import LOG_FILE
from components.vault.certificate_reload import FOLDER, reload_values
from components.vault.ports import API_PORT

_NAME = "watch-audit-log"
"""Name of the script that rotates, by which a release is known to have it."""
_FULL_PERCENT = 95

_SIGNAL = rf"""
listening() {{
  grep -Eqs ':{API_PORT:04X} [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6
}}
hang_up() {{
  for process in /proc/[0-9]*; do
    case "$(tr '\0' ' ' 2>/dev/null <"$process/cmdline")" in
      'vault server '*) kill -HUP "${{process#/proc/}}"; return;;
    esac
  done
  return 1
}}
"""
_CERTIFICATE = rf"""
served=
listening || served=$(readlink {FOLDER}/..data)
reload_certificate() {{
  present=$(readlink {FOLDER}/..data)
  if [ "$present" != "$served" ] && listening && hang_up; then
    served=$present
    echo "Vault reads its certificate again"
  fi
}}
"""
# `exec` closes what the kubelet waits for, as in certificate_reload.py.
_START = """
log=/proc/1/fd/1
[ -w $log ] || log=/dev/null
(
  exec </dev/null >$log 2>&1
  umask 077
  watch
) &
[ $# -eq 0 ] || exec "$@"
"""


def watch_values(settings: Settings) -> dict[str, Any]:
    """Return the server's values that watch certificate and audit log, as far as there are any.

    A command that the user gives for the same event is run after it, as its arguments. Without an audit log
    they are those of :func:`reload_values`, so that pods from before have them unchanged.
    """
    if not settings.audit.to_file:
        return reload_values() if settings.tls.enabled else {}
    return {"postStart": ["/bin/sh", "-c", _script(settings.audit, tls=settings.tls.enabled), _NAME]}


def rotates(values: Any) -> bool:
    """Return whether a release with these values of the chart rotates the audit log."""
    server = values.get("server") if isinstance(values, Mapping) else None
    command = server.get("postStart") if isinstance(server, Mapping) else None
    return isinstance(command, list) and _NAME in command


def _script(audit: AuditSettings, *, tls: bool) -> str:
    jobs = [*(["reload_certificate"] if tls else []), "make_room", "rotate"]
    loop = "\n".join(
        ["watch() {", "  while :; do", *(f"    {job}" for job in jobs), "    sleep 10", "  done", "}"]
    )
    parts = [_SIGNAL, *([_CERTIFICATE] if tls else []), _rotation(audit), loop, _START]
    return "\n".join(part.strip() for part in parts)


def _rotation(audit: AuditSettings) -> str:
    folder, rotation = PurePosixPath(LOG_FILE).parent, audit.rotation
    # A volume that is much larger shares a disk, which is full for other reasons.
    own_kilobytes = 2 * audit.volume_bytes // 1024
    return rf"""
rotate() {{
  # Without the file Vault writes none here, or still writes to the one that was renamed.
  size=$(stat -c %s {LOG_FILE} 2>/dev/null) || return 0
  if [ "$size" -le {rotation.size_bytes} ]; then
    compress
  elif listening; then
    rotated={folder}/audit-$(date -u +%Y%m%dT%H%M%SZ).log
    [ ! -e "$rotated" ] || return 0
    mv {LOG_FILE} "$rotated"
    if hang_up; then
      echo "Vault's audit log goes on in a new file, the old one is $rotated"
    elif [ ! -e {LOG_FILE} ]; then
      mv "$rotated" {LOG_FILE}
    fi
  fi
}}
compress() {{
  command -v gzip >/dev/null || return 0
  for rotated in {folder}/audit-*Z.log; do
    [ ! -f "$rotated" ] || nice gzip -f "$rotated"
  done
}}
make_room() {{
  set -- {folder}/audit-*Z.log*
  [ -e "$1" ] || return 0
  while [ $# -gt {rotation.keep} ]; do
    rm -f "$1"
    shift
  done
  df -Pk {folder} | {{
    read -r _
    read -r _ blocks _ _ percent _
    if [ "$blocks" -le {own_kilobytes} ] && [ "${{percent%\%}}" -ge {_FULL_PERCENT} ]; then
      rm -f "$1"
      echo "The audit volume is full ($percent): deleted $1, the oldest of Vault's rotated audit logs"
    fi
  }}
}}
"""
