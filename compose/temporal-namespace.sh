#!/bin/sh
# Makes the namespace if it does not exist, sets for how long ended workflows stay visible, and adds the
# search attributes by which users find panic-tda's workflows. May be run again. TEMPORAL_ADDRESS names the
# server.
set -eu

attempts=60
until temporal operator cluster health >/dev/null 2>&1; do
  attempts=$((attempts - 1))
  [ "$attempts" -gt 0 ] || { echo "the Temporal server at $TEMPORAL_ADDRESS does not answer" >&2; exit 1; }
  sleep 1
done

if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  temporal operator namespace update --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
else
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
fi

# Not all parts of the server know a namespace that was made a moment ago.
attempts=60
until known=$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" 2>&1); do
  attempts=$((attempts - 1))
  [ "$attempts" -gt 0 ] || { echo "$known" >&2; exit 1; }
  sleep 1
done
for name in PanicTdaExperiment PanicTdaNetwork PanicTdaStatus; do
  case "$known" in
    *"$name"*) ;;
    *) temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword ;;
  esac
done
