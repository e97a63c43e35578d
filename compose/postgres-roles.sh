#!/bin/sh
# Postgres' image runs this when its volume is empty: it makes the roles and databases of Temporal and of
# panic-tda, none of them a superuser. The jobs that have the roles of the owners make the tables.
set -eu

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv temporal_password TEMPORAL_DB_PASSWORD
\getenv owner_password PANIC_TDA_OWNER_PASSWORD
\getenv app_password PANIC_TDA_APP_PASSWORD

create role temporal login password :'temporal_password';
create database temporal owner temporal;
create database temporal_visibility owner temporal;

-- The owner changes tables, in the job "database"; workers and commands have the other role, which cannot.
create role panic_tda_owner login password :'owner_password';
create role panic_tda_app login password :'app_password';
create database panic_tda owner panic_tda_owner;

revoke connect, temporary on database temporal, temporal_visibility, panic_tda, postgres, template1 from public;
grant connect on database panic_tda to panic_tda_app;
SQL
