//! `README.txt` of a bundle: how to check it without us.

use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::key::VerifierKey;

/// The text for a bundle of this log at this position.
pub(super) fn readme(head: &Checkpoint, witnesses: &[VerifierKey]) -> String {
    let Checkpoint { origin, size, root, .. } = head;
    let seen = match witnesses {
        [] => "No witness is configured for this log. Ask its owner for a checkpoint that was kept elsewhere.".to_owned(),
        _ => {
            let names: Vec<_> = witnesses.iter().map(|witness| format!("    {}", witness.name())).collect();
            format!("These witnesses are meant to have cosigned it; get their keys from them, not from here:\n{}", names.join("\n"))
        }
    };
    format!(
        r#"EVIDENCE BUNDLE
log       {origin}
events    {size}
root      {root}

What this is
    log/            the whole log up to event {size} (C2SP tlog-tiles): every event once, in one order. Texts,
                    names and addresses in it are sealed: only their commitments stand there.
    sealed.jsonl    the sealed values that you may see, with the salts that open the commitments.
    tickets.jsonl   one line a ticket, as it stood at this position; tickets.csv is the same as a table.
    attachments/    files, named by their SHA-256.
    playbooks/      the procedures that the tickets were judged by, named by their SHA-256.
    manifest.json   every file here with its SHA-256 and size, what was asked for, and the range of ticket
                    numbers of each kind. manifest.note is its digest, signed by the log's key.

Keys in this bundle are hints. A proof needs the log's key, and a witness's key or an earlier checkpoint, from
another place than this bundle.
{seen}

With countersign (exit code 0: proven, 1: damaged, 2: cannot be read, 3: consistent, not proven)
    countersign verify THIS --key KEY-OF-THE-LOG --witness KEY-OF-THE-WITNESS   (or --anchor EARLIER-CHECKPOINT)

With openssl: the signature of the checkpoint (the same for manifest.note); log.vkey is the key that you were given
    cut -d+ -f3- log.vkey | base64 -d | tail -c 32 > /tmp/key.raw
    (printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat /tmp/key.raw) > /tmp/key.der
    sed '/^$/,$d' log/checkpoint > /tmp/text
    grep -F -- '— {origin} ' log/checkpoint | head -n 1 | cut -d' ' -f3 | base64 -d | tail -c 64 > /tmp/signature
    openssl pkeyutl -verify -pubin -keyform DER -inkey /tmp/key.der -rawin -in /tmp/text -sigfile /tmp/signature

With Go (golang.org/x/mod/sumdb/note and tlog, which name tiles tile/8/...): open log/checkpoint with the key, then
    prove each entry of log/tile/entries with tlog.ProveRecord and tlog.CheckRecord over the tiles.

With coreutils: the manifest and the files
    sha256sum manifest.json     # must be the third line of manifest.note
    sha256sum attachments/*     # each file's name is its digest

The formats, so that you can write your own check
    event         RFC 8785 canonical JSON; leaf = SHA-256(0x00 | bytes), node = SHA-256(0x01 | left | right) (RFC 6962)
    log/          https://c2sp.org/tlog-tiles, https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note
    cosignatures  https://c2sp.org/tlog-cosignature (cosignature/v1)
    commitment    SHA-256("countersign/sealed/v1" | 0x00 | salt (32 bytes) | value), lower-case hex
    manifest.note a signed note of three lines: <origin>/manifest, the number of events, SHA-256 of manifest.json in hex
"#
    )
}
