#!/bin/sh
# Brings the tables of Temporal's two databases to the version of this image; does nothing if they have it.
# Runs before each start of the server, also after an upgrade.
set -eu

for database in temporal:temporal temporal_visibility:visibility; do
  tool="temporal-sql-tool --plugin postgres12 --endpoint $SQL_HOST --port $SQL_PORT --user $SQL_USER --database ${database%%:*}"
  # Keeps the version of a database that has one. The password is in SQL_PASSWORD.
  $tool setup-schema --version 0.0
  $tool update-schema --schema-name "postgresql/v12/${database##*:}"
done
