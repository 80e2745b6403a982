//! Receipts (C2SP tlog-proof): one entry's inclusion proof with the checkpoint it leads to, checkable without the log.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 73894
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//!
//! <signed checkpoint>
//! ```

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, CheckpointRefused, parse_decimal};
use super::key::VerifierKey;
use super::merkle::{Hash, ProofRefused, verify_inclusion};
use super::note::Note;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The largest receipt that is read, in bytes.
pub const MAX_RECEIPT: usize = 256 * 1024;

/// Proves that an entry stands at a place of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes that belong to the application and that nothing authenticates.
    pub extra: Option<Vec<u8>>,
    /// The entry's place, from 0.
    pub index: u64,
    /// Siblings from the leaf to the root.
    pub proof: Vec<Hash>,
    /// The signed checkpoint, with any cosignatures.
    pub checkpoint: Note,
}

/// Text that is not a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a receipt of the form c2sp.org/tlog-proof@v1")]
pub struct NotAReceipt;

/// Why a receipt proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRefused {
    /// Its checkpoint does not count.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointRefused),
    /// The entry is not where it says.
    #[error(transparent)]
    Proof(#[from] ProofRefused),
}

impl Receipt {
    /// Reads a receipt.
    ///
    /// # Errors
    /// [`NotAReceipt`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAReceipt> {
        Self::read(bytes).ok_or(NotAReceipt)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_RECEIPT)?;
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n').peekable();
        if lines.next()? != HEADER {
            return None;
        }
        let extra = match lines.peek()?.strip_prefix("extra ") {
            Some(extra) => {
                lines.next();
                Some(STANDARD.decode(extra).ok()?)
            }
            None => None,
        };
        let index = parse_decimal(lines.next()?.strip_prefix("index ")?)?;
        let proof = lines.map(Hash::from_base64).collect::<Option<Vec<_>>>().filter(|proof| proof.len() < 64)?;
        Some(Self { extra, index, proof, checkpoint: Note::parse(checkpoint.as_bytes()).ok()? })
    }

    /// Checks that `entry` stands in the log of `key`, and says at which state of the log.
    ///
    /// # Errors
    /// [`ReceiptRefused`]. Whether witnesses saw that state is another question: see [`super::witness::cosigned_at`].
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint, ReceiptRefused> {
        let checkpoint = Checkpoint::of_note(&self.checkpoint, key)?;
        verify_inclusion(self.index, checkpoint.size, Hash::leaf(entry), &self.proof, checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for Receipt {
    /// The receipt's bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::merkle::Frontier;
    use super::super::note::Signer;
    use super::super::prove;
    use super::super::tile::TileSet;
    use super::*;

    fn receipt() -> (Receipt, Signer) {
        let signer = Signer::from_seed("log.invalid/a", &[1; 32]).unwrap();
        let (mut tiles, mut tree) = (TileSet::new(), Frontier::new());
        for i in 0..7_u8 {
            tree.append_noting(Hash::leaf(&[i]), |level, at, hash| tiles.entry((level, at / 256)).or_default().push(hash));
        }
        let checkpoint = Checkpoint::of("log.invalid/a", &tree).sign(&signer).unwrap();
        (Receipt { extra: None, index: 4, proof: prove::inclusion(&mut tiles, 4, 7).unwrap(), checkpoint }, signer)
    }

    #[test]
    fn a_receipt_proves_its_entry_and_no_other() {
        let (receipt, signer) = receipt();
        assert_eq!(receipt.verify(&[4], signer.verifier()).unwrap().size, 7);
        assert!(matches!(receipt.verify(&[5], signer.verifier()), Err(ReceiptRefused::Proof(_))));
        assert!(matches!(Receipt { index: 5, ..receipt.clone() }.verify(&[4], signer.verifier()), Err(ReceiptRefused::Proof(_))));
        let other = Signer::from_seed("log.invalid/a", &[2; 32]).unwrap();
        assert!(matches!(receipt.verify(&[4], other.verifier()), Err(ReceiptRefused::Checkpoint(_))));
    }

    #[test]
    fn receipts_are_read_as_they_are_written() {
        let (plain, _) = receipt();
        let with_extra = Receipt { extra: Some(b"hello".to_vec()), ..plain.clone() };
        for receipt in [plain, with_extra.clone()] {
            assert_eq!(Receipt::parse(receipt.to_string().as_bytes()), Ok(receipt));
        }
        let text = with_extra.to_string();
        let wrong = [
            text.replace("@v1", "@v2"),
            text.replace("index 4", "index 04"),
            text.replace("index 4\n", ""),
            text.replace("extra ", "extra  "),
            text.replacen("\n\n", "\n", 1),
            text.replace("index 4\n", &format!("index 4\n{}", format!("{}\n", Hash([0; 32])).repeat(64))),
            String::new(),
        ];
        for text in wrong {
            assert_eq!(Receipt::parse(text.as_bytes()), Err(NotAReceipt), "{text}");
        }
    }
}
