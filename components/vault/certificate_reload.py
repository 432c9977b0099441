"""Has Vault read its certificate again when the Secret has another one, without a restart.

Vault reads the files at a SIGHUP, and goes on with the old certificate if the new one is broken
(docs/decisions/0019-vaults-own-container-watches-the-certificate.md).
"""

from typing import Any

from components.vault.ports import API_PORT

FOLDER = "/vault/tls"
"""Where the Secret is mounted. The kubelet changes the link `..data` in it once all files are there."""

# The kubelet waits until nothing has the command's output open. `exec` closes it, and a shell that redirects
# a function keeps it.
_SCRIPT = rf"""
listening() {{
  grep -Eqs ':{API_PORT:04X} [0-9A-F]+:0000 0A ' /proc/net/tcp /proc/net/tcp6
}}
watch() {{
  present=$(readlink {FOLDER}/..data)
  served=
  listening || served=$present
  while :; do
    present=$(readlink {FOLDER}/..data)
    if [ "$present" != "$served" ] && listening; then
      for process in /proc/[0-9]*; do
        case "$(tr '\0' ' ' 2>/dev/null <"$process/cmdline")" in
          'vault server '*)
            kill -HUP "${{process#/proc/}}" && served=$present && echo "Vault reads its certificate again";;
        esac
      done
    fi
    sleep 10
  done
}}
log=/proc/1/fd/1
[ -w $log ] || log=/dev/null
(
  exec </dev/null >$log 2>&1
  watch
) &
[ $# -eq 0 ] || exec "$@"
"""


def reload_values() -> dict[str, Any]:
    """Return the server's values that watch the certificate, beside Vault in its container.

    A command that the user gives for the same event is run after it, as its arguments.
    """
    return {"postStart": ["/bin/sh", "-c", _SCRIPT.strip(), "watch-certificate"]}
