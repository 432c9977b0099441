#!/bin/sh
# Takes a snapshot of the active Vault, verifies it, and writes its record, in Vault's own image.
# Environment: VAULT_ADDR and what verifies it, AUTH_PATH, AUTH_ROLE, TOKEN_FILE; HOME is in memory.
set -eu
umask 077
fail() {
  echo "No snapshot was taken: $1" >&2
  exit 1
}
cd /snapshot
# What an earlier attempt of the same pod has left.
rm -f -- *

trap 'rm -f "$HOME/.vault-token"' EXIT
# The token goes from pipe to file, where the command vault looks for it.
vault write -field=token "auth/$AUTH_PATH/login" "role=$AUTH_ROLE" "jwt=@$TOKEN_FILE" >"$HOME/.vault-token" ||
  fail "Vault at $VAULT_ADDR doesn't let the job log in by auth/$AUTH_PATH as role $AUTH_ROLE."
vault status -format=json >"$HOME/status" || fail "the active Vault at $VAULT_ADDR gives no status."
vault operator raft snapshot save data || fail "Vault gives none."

# A standby's redirect and what a proxy says are none; neither is half of one.
parts=$(tar -tzf data | sort | tr '\n' ' ') || fail "what Vault sent isn't a whole archive."
[ "$parts" = "SHA256SUMS SHA256SUMS.sealed meta.json state.bin " ] || fail "the archive has other parts: $parts"
gzip -t data || fail "the archive ends too early."
for part in meta.json state.bin; do
  recorded=$(tar -xzOf data SHA256SUMS | sed -n "s/^\([0-9a-f]*\)  *$part\$/\1/p")
  found=$(tar -xzOf data "$part" | sha256sum | cut -d ' ' -f 1)
  [ "$recorded" = "$found" ] || fail "the checksum of its $part is another one than its SHA256SUMS has."
done

text() {
  sed -n "s/^ *\"$1\": *\"\([A-Za-z0-9.+-]*\)\",*\$/\1/p" "$HOME/status"
}
cluster=$(text cluster_id)
version=$(text version)
index=$(tar -xzOf data meta.json | sed -n 's/.*"Index": *\([0-9][0-9]*\).*/\1/p')
sum=$(sha256sum data | cut -d ' ' -f 1)
for found in "$cluster" "$version" "$index" "$sum"; do
  [ -n "$found" ] || fail "Vault's cluster id or version, or the index or sum of the snapshot, can't be read."
done
taken=$(date -u +%Y-%m-%dT%H:%M:%S)
sed -e "s/@CLUSTER_ID@/$cluster/" -e "s/@VAULT_VERSION@/$version/" -e "s/@RAFT_INDEX@/$index/" \
  -e "s/@TAKEN@/$taken+00:00/" -e "s/@SHA256@/$sum/" /job/record.json >record.json

# Names are in the order of time, and no two are the same: nothing is overwritten.
name=vault-$(echo "$taken" | tr -d ':-')Z-$(echo "$cluster" | cut -c 1-8)-$index.snap
mv record.json "$name.json"
mv data "$name"
echo "Snapshot of cluster $cluster at raft index $index: $(wc -c <"$name") bytes"
