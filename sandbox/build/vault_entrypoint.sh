#!/bin/sh
# The entrypoint of the sandbox's Vault image: what the official image's does for the ways
# in which its chart starts Vault. Anything else that it does is refused here, not ignored.
set -e

refuse() {
    echo "docker-entrypoint.sh: $1 is not supported by the sandbox's Vault image; start Vault with 'vault server -config=<file>'" >&2
    exit 64
}

[ -z "${VAULT_LOCAL_CONFIG:-}" ] || refuse VAULT_LOCAL_CONFIG
[ -z "${VAULT_REDIRECT_INTERFACE:-}" ] || refuse VAULT_REDIRECT_INTERFACE
[ -z "${VAULT_CLUSTER_INTERFACE:-}" ] || refuse VAULT_CLUSTER_INTERFACE

case "${1:-}" in
'') refuse 'an empty command' ;;
server) refuse "the bare command 'server'" ;;
-*) set -- vault "$@" ;;
*) command -v "$1" >/dev/null || set -- vault "$@" ;;
esac

# A core dump of Vault would hold its keys.
ulimit -c 0

if [ "$1" = vault ] && [ "$(id -u)" = 0 ]; then
    [ -n "${SKIP_CHOWN:-}" ] || chown -R vault:vault /vault/config /vault/logs /vault/file
    # shellcheck disable=SC2016 # the inner shell expands these
    exec su -s /bin/sh vault -c 'exec "$0" "$@"' -- "$@"
fi
exec "$@"
