//! The textual encoding of RFC 7468: finding the blocks in a text, and writing them.
//!
//! Written here because the readers at hand skip blocks whose label they do not know, ignore a
//! wrong end line, or leave copies of key material behind. It decodes; what the bytes mean is
//! decided by whoever asked for them.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::types::{printable, shorten};

/// Characters of base64 in a line (RFC 7468, section 2).
const LINE: usize = 64;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Why a text is not well-formed PEM.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// A line starts like a begin line and is none.
    #[error("line {line} is a broken PEM begin line")]
    BrokenBegin {
        /// The line's number, from 1.
        line: usize,
    },
    /// A block has no end line of its own.
    #[error("the PEM block `{label}` that begins in line {line} has no end line")]
    Unclosed {
        /// The block's label.
        label: String,
        /// The number of its begin line, from 1.
        line: usize,
    },
    /// An end line closes nothing.
    #[error("line {line} ends a PEM block that was never begun")]
    EndWithoutBegin {
        /// The line's number, from 1.
        line: usize,
    },
    /// The text between the lines cannot be decoded.
    #[error("the PEM block `{label}` that begins in line {line} is not valid base64")]
    NotBase64 {
        /// The block's label.
        label: String,
        /// The number of its begin line, from 1.
        line: usize,
    },
}

/// One block, not yet decoded, so that a label can be refused before its content is looked at.
pub(super) struct Block {
    /// The words behind `BEGIN`.
    pub(super) label: String,
    line: usize,
    base64: Zeroizing<Vec<u8>>,
}

impl Block {
    /// The bytes inside.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, PemError> {
        decode(&self.base64)
            .ok_or_else(|| PemError::NotBase64 { label: self.label.clone(), line: self.line })
    }
}

/// Finds all blocks; text before, between and after them is ignored, as `openssl` writes such.
pub(super) fn blocks(text: &[u8]) -> Result<Vec<Block>, PemError> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut left = text.len();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let raw = line.trim_ascii();
        if raw.starts_with(BEGIN.as_bytes()) {
            if let Some(block) = open {
                return Err(PemError::Unclosed { label: block.label, line: block.line });
            }
            let label = std::str::from_utf8(raw)
                .ok()
                .and_then(|line| line.strip_prefix(BEGIN)?.strip_suffix(DASHES))
                .ok_or(PemError::BrokenBegin { line: number })?;
            open = Some(Block {
                label: shorten(&printable(label), 64),
                line: number,
                // Room for all that may follow: growing would leave copies of a key in freed memory.
                base64: Zeroizing::new(Vec::with_capacity(left)),
            });
        } else if raw.starts_with(END.as_bytes()) {
            let block = open.take().ok_or(PemError::EndWithoutBegin { line: number })?;
            if raw != format!("{END}{}{DASHES}", block.label).as_bytes() {
                return Err(PemError::Unclosed { label: block.label, line: block.line });
            }
            blocks.push(block);
        } else if let Some(block) = &mut open {
            for part in raw.split(u8::is_ascii_whitespace) {
                block.base64.extend_from_slice(part);
            }
        }
        left -= left.min(line.len());
    }
    match open {
        Some(block) => Err(PemError::Unclosed { label: block.label, line: block.line }),
        None => Ok(blocks),
    }
}

/// Writes one block: lines of 64 characters, a line feed after each.
pub(super) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let mut buffer = Zeroizing::new(vec![0; Base64::encoded_len(der)]);
    // The room is just what is needed.
    let base64 = Base64::encode(der, &mut buffer).unwrap_or_default();
    let capacity = base64.len()
        + base64.len().div_ceil(LINE)
        + 2 * (END.len() + label.len() + DASHES.len() + 3);
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    for part in [BEGIN, label, DASHES, "\n"] {
        text.push_str(part);
    }
    let mut rest = base64;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    for part in [END, label, DASHES, "\n"] {
        text.push_str(part);
    }
    text
}

/// Strict base64: whole groups, padding only at the end, no bits lost in it.
fn decode(base64: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; base64.len().div_ceil(4) * 3]);
    let length = Base64::decode(base64, &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Result<Vec<String>, PemError> {
        Ok(blocks(text.as_bytes())?.into_iter().map(|block| block.label).collect())
    }

    #[test]
    fn every_length_reads_back_as_it_was_written() {
        for length in 0..200 {
            let bytes: Vec<u8> = (0..length).map(|index| (index * 37 % 256) as u8).collect();
            let text = encode("THING", &bytes);
            let found = blocks(text.as_bytes()).unwrap();
            assert_eq!(*found[0].decode().unwrap(), bytes, "{length}");
            assert!(text.lines().all(|line| line.len() <= LINE));
            assert!(text.capacity() >= text.len());
        }
        assert_eq!(*encode("T", b"fooba"), "-----BEGIN T-----\nZm9vYmE=\n-----END T-----\n");
    }

    #[test]
    fn text_around_blocks_carriage_returns_and_indentation_are_tolerated() {
        let text = "subject=x\r\n-----BEGIN A B-----\r\nQUJD\r\n-----END A B-----\r\n\r\nissuer\r\n\
                    \u{feff}\n  -----BEGIN C-----\n  QUJD\n  QUJD\n  -----END C-----";
        assert_eq!(labels(text).unwrap(), ["A B", "C"]);
        assert_eq!(**blocks(text.as_bytes()).unwrap()[1].decode().unwrap(), *b"ABCABC");
        assert!(labels("").unwrap().is_empty());
    }

    #[test]
    fn broken_frames_are_errors_that_name_the_line() {
        for (text, message) in [
            ("\n-----BEGIN A", "line 2 is a broken PEM begin line"),
            ("-----BEGIN A-----\nQUJD", "the PEM block `A` that begins in line 1 has no end line"),
            (
                "-----BEGIN A-----\n-----END B-----",
                "the PEM block `A` that begins in line 1 has no end line",
            ),
            (
                "-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----",
                "the PEM block `A` that begins in line 1 has no end line",
            ),
            ("QUJD\n-----END A-----", "line 2 ends a PEM block that was never begun"),
        ] {
            assert_eq!(labels(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn sloppy_base64_is_refused() {
        for base64 in ["QUJ", "QQ=", "Q===", "QR==", "QUK=", "Q=Q=", "QU-_", "====", "Q*=="] {
            assert_eq!(decode(base64.as_bytes()), None, "{base64}");
        }
        assert_eq!(decode(b"QQ==").map(|bytes| bytes.to_vec()), Some(b"A".to_vec()));
    }
}
