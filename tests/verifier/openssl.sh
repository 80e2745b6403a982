#!/bin/sh
# Checks the log's signature with openssl and the files with sha256sum, as README.txt in a bundle says.
#   openssl.sh FOLDER VKEY-FILE
# FOLDER is a bundle, or holds a log alone (log/checkpoint, log/tile/…): then there is no manifest to check.
# Exit code 0: it holds; 1: it does not. No code of Countersign's takes part.
set -eu
bundle=$1
vkey=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

name=$(cut -d+ -f1 "$vkey")
cut -d+ -f3- "$vkey" | base64 -d | tail -c 32 >"$work/key.raw"
# An Ed25519 public key in DER is this prefix and the 32 bytes (RFC 8410).
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$work/key.raw"; } >"$work/key.der"

check_note() {
    sed '/^$/,$d' "$1" >"$work/text"
    grep -F -- "— $name " "$1" | head -n 1 | cut -d' ' -f3 | base64 -d | tail -c 64 >"$work/signature"
    openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin -in "$work/text" -sigfile "$work/signature" >/dev/null || {
        echo "refused: the signature of $1 does not hold" >&2
        exit 1
    }
}

check_note "$bundle/log/checkpoint"

if [ -e "$bundle/manifest.note" ] || [ -e "$bundle/manifest.json" ] || [ -e "$bundle/README.txt" ]; then
    check_note "$bundle/manifest.note"
    signed=$(sed -n 3p "$bundle/manifest.note")
    found=$(sha256sum "$bundle/manifest.json" | cut -d' ' -f1)
    [ "$signed" = "$found" ] || { echo "refused: manifest.json is not the one that was signed" >&2; exit 1; }
fi

for file in "$bundle"/attachments/*; do
    [ -e "$file" ] || continue
    [ "$(sha256sum "$file" | cut -d' ' -f1)" = "$(basename "$file")" ] || { echo "refused: $file is not what its name says" >&2; exit 1; }
done
echo "openssl: the signatures hold"
