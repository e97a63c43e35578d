#!/bin/sh
# compose/images.sh build [SERVICE…]   builds our images under a new tag, and writes the tag to .env
# compose/images.sh use TAG            goes on with a tag that was built before; "use previous" with the last one before
# compose/images.sh list               lists the tags that are here, and the one in use
# The tag is VERSION-COMMIT-DATE: no build overwrites another. The next "docker compose up -d" starts the new images.
set -eu

cd "$(dirname "$0")/.."
umask 077

tag_of() {
  sed -n "s/^$1=//p" .env | tail -n 1
}

# Makes $1 the tag of .env, and the present tag the previous one. Replaces .env as a whole, or not at all.
set_tag() {
  had=$(tag_of PANIC_TDA_TAG)
  [ "$had" != "$1" ] || return 0
  # Copies its owner and mode.
  cp -p .env .env.new
  sed '/^PANIC_TDA_TAG=/d; /^PANIC_TDA_PREVIOUS_TAG=/d' .env > .env.new
  echo "PANIC_TDA_TAG=$1" >> .env.new
  [ -z "$had" ] || echo "PANIC_TDA_PREVIOUS_TAG=$had" >> .env.new
  mv .env.new .env
  echo "PANIC_TDA_TAG=$1${had:+ (before: $had)}"
}

is_built() {
  docker image inspect "panic-tda:$1" > /dev/null 2>&1 || docker image inspect "panic-tda-cuda:$1" > /dev/null 2>&1
}

[ -f .env ] || { echo "there is no .env: cp .env.example .env, and give its variables values" >&2; exit 2; }

case "${1:-}" in
  build)
    shift
    version=$(sed -n 's/^  "version": "\([^"]*\)",$/\1/p' package.json)
    commit=$(git rev-parse --short=12 HEAD 2> /dev/null || echo nocommit)
    [ -z "$(git status --porcelain 2> /dev/null)" ] || commit="$commit-changed"
    tag="$version-$commit-$(date -u +%Y%m%dT%H%M%SZ)"
    ! is_built "$tag" || { echo "panic-tda:$tag is there already" >&2; exit 1; }
    PANIC_TDA_TAG="$tag" docker compose build "$@"
    set_tag "$tag"
    ;;
  use)
    [ $# -eq 2 ] || { echo "usage: compose/images.sh use TAG, or use previous" >&2; exit 2; }
    tag=$2
    [ "$tag" != previous ] || tag=$(tag_of PANIC_TDA_PREVIOUS_TAG)
    [ -n "$tag" ] || { echo ".env names no previous tag" >&2; exit 2; }
    is_built "$tag" || { echo "there is no image panic-tda:$tag here; compose/images.sh list names those that are" >&2; exit 2; }
    set_tag "$tag"
    ;;
  list)
    [ $# -eq 1 ] || { echo "usage: compose/images.sh list" >&2; exit 2; }
    echo "used: $(tag_of PANIC_TDA_TAG)"
    docker image ls --filter 'reference=panic-tda' --filter 'reference=panic-tda-cuda' --format '{{.Repository}}:{{.Tag}}  {{.CreatedSince}}  {{.Size}}'
    ;;
  *)
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
    ;;
esac
