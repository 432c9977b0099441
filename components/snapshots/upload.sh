#!/bin/sh
# Uploads the snapshot, and its record after it. Environment: DESTINATION, and rclone's remote `store`.
set -eu
cd /snapshot
snapshot=$(echo vault-*.snap)
for file in "$snapshot" "$snapshot.json"; do
  # The identity can't read, so neither what is there before nor what is there afterwards is looked at.
  rclone --config= --no-check-dest --retries=1 --low-level-retries=3 --contimeout=10s \
    copyto "$file" "store:$DESTINATION$file"
done
echo "Kept as $DESTINATION$snapshot, with its record $snapshot.json beside it"
