#!/bin/sh
# Proves an exported bundle with tools that are not ours, and that they refuse damaged copies of it.
#   run.sh FOLDER LOG-VKEY [WITNESS-VKEY [OLDER-CHECKPOINT]]
# Needs Debian's golang-go, golang-golang-x-mod-dev and openssl. Exit code 0: accepted, and every damage refused.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bundle=$1
key=$2
witness=${3:-}
older=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="${GOCACHE:-$work/cache}" go build -o "$work/verifier" "$here/main.go"
verify() {
    "$work/verifier" -key "$key" ${witness:+-witness "$witness"} ${older:+-old "$older"} "$1"
}

verify "$bundle"
"$here/openssl.sh" "$bundle" "$key"

# One bit of each file that these tools read, in the middle.
damaged=0
for file in $(cd "$bundle" && find log/checkpoint log/tile manifest.json manifest.note attachments sealed.jsonl -type f 2>/dev/null); do
    size=$(stat -c %s "$bundle/$file")
    [ "$size" -gt 0 ] || continue
    rm -rf "$work/copy"
    cp -r "$bundle" "$work/copy"
    at=$((size / 2))
    byte=$(od -An -tu1 -j "$at" -N 1 "$bundle/$file" | tr -d ' ')
    # shellcheck disable=SC2059
    printf "$(printf '\\%03o' $((byte ^ 1)))" | dd of="$work/copy/$file" bs=1 seek="$at" conv=notrunc status=none
    # The log and what it opens are for Go, the manifest and the files for openssl and sha256sum.
    case $file in
        log/* | sealed.jsonl) accepts="verify $work/copy" ;;
        *) accepts="$here/openssl.sh $work/copy $key" ;;
    esac
    if $accepts >/dev/null 2>&1; then
        echo "a damaged $file was accepted" >&2
        exit 1
    fi
    damaged=$((damaged + 1))
done
echo "$damaged damaged copies were refused"
