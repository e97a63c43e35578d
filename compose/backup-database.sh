#!/bin/sh
# Writes panic-tda's database to BACKUP_FOLDER/panic_tda-DATE.dump, whole or not at all, and deletes all but
# the newest BACKUP_KEEP dumps.
set -eu

case "$BACKUP_KEEP" in
  '' | *[!0-9]* | 0*) echo "BACKUP_KEEP: found \"$BACKUP_KEEP\"; expected a number from 1 on" >&2; exit 2 ;;
esac

file="$BACKUP_FOLDER/panic_tda-$(date -u +%Y%m%dT%H%M%SZ).dump"
[ ! -e "$file" ] || { echo "$file is there already" >&2; exit 1; }
rm -f "$BACKUP_FOLDER"/*.part
trap 'rm -f "$file.part"' EXIT
pg_dump --format=custom --compress=6 --lock-wait-timeout=60s --file="$file.part"
# Checks that the file can be read to its end.
pg_restore --file=/dev/null "$file.part"
sync "$file.part"
mv "$file.part" "$file"
sync "$BACKUP_FOLDER"
echo "$file: $(du -k "$file" | cut -f1) KiB"

# All names have the same length and contain the date, so their order is that of time.
for old in $(ls -r "$BACKUP_FOLDER" | grep -E '^panic_tda-[0-9]{8}T[0-9]{6}Z\.dump$' | tail -n +$((BACKUP_KEEP + 1))); do
  rm -f "$BACKUP_FOLDER/$old"
  echo "$BACKUP_FOLDER/$old: deleted, since $BACKUP_KEEP are kept"
done
