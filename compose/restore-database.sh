#!/bin/sh
# restore-database.sh FILE: replaces the database panic_tda by a backup. The earlier database stays as
# panic_tda_before_DATE. FILE is the name of a backup in BACKUP_FOLDER; without it, the script lists them. The
# superuser runs it, while no process uses the database.
set -eu

[ $# -eq 1 ] || { echo "usage: restore-database.sh FILE, one of:" >&2; ls "$BACKUP_FOLDER" >&2; exit 2; }
file="$BACKUP_FOLDER/$1"
[ -f "$file" ] || { echo "there is no $file; there are:" >&2; ls "$BACKUP_FOLDER" >&2; exit 2; }

sql() {
  psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$@"
}

users=$(sql postgres --command "select string_agg(distinct coalesce(nullif(application_name, ''), usename), ', ') from pg_stat_activity where datname = 'panic_tda'")
[ -z "$users" ] || { echo "panic_tda is in use by $users; stop them first" >&2; exit 1; }

new="panic_tda_restored_$(date -u +%Y%m%dT%H%M%SZ)"
before="panic_tda_before_${new##*_}"
sql postgres --command "create database \"$new\" owner panic_tda_owner template template0 encoding 'UTF8'"
if ! pg_restore --exit-on-error --single-transaction --dbname "$new" "$file"; then
  sql postgres --command "drop database \"$new\""
  echo "$file could not be restored; panic_tda is as it was" >&2
  exit 1
fi
# As in postgres-roles.sh.
sql postgres <<SQL
revoke connect, temporary on database "$new" from public;
grant connect on database "$new" to panic_tda_app;
begin;
alter database panic_tda rename to "$before";
alter database "$new" rename to panic_tda;
commit;
SQL
echo "panic_tda is that of $1; the one before it is $before, until you drop it"
