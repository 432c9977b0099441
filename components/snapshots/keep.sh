#!/bin/sh
# Copies the snapshot and its record to the volume, and deletes the oldest. Environment: KEEP, a number.
set -eu
umask 077
cd /snapshot
snapshot=$(echo vault-*.snap)
# What was cut off is none, and takes room that the next one needs.
rm -f /volume/.vault-*.part
for file in "$snapshot" "$snapshot.json"; do
  cp "$file" "/volume/.$file.part"
  sync
  mv "/volume/.$file.part" "/volume/$file"
done
cd /volume
set -- vault-*Z-*.snap
while [ $# -gt "$KEEP" ]; do
  rm -f "$1" "$1.json"
  shift
done
echo "Kept as $snapshot, one of $# on the volume"
