//! The text a log signs: its name, its size and its root (C2SP tlog-checkpoint).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::Digest;
use crate::tree::SIZE_MAX;

/// What a log says of itself at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name; the same as the name of the key that signs.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// Lines after the root. Ours has none: nobody can audit them.
    pub extensions: Vec<String>,
}

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not at least three non-empty lines, each ended by a newline.
    #[error("a checkpoint is three or more non-empty lines")]
    Shape,
    /// The size is not a plain decimal number.
    #[error("the size is not a decimal number without leading zeroes, or too large")]
    Size,
    /// The root is not the padded base64 of 32 bytes.
    #[error("the root is not the base64 of 32 bytes")]
    Root,
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    pub fn new(origin: &str, size: u64, root: Digest) -> Self {
        Self { origin: origin.to_owned(), size, root, extensions: Vec::new() }
    }
}

impl fmt::Display for Checkpoint {
    /// The text to sign, final newline included.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root.0))?;
        self.extensions.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let text = text.strip_suffix('\n').ok_or(CheckpointError::Shape)?;
        if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(CheckpointError::Shape);
        }
        let lines: Vec<&str> = text.split('\n').collect();
        if lines.iter().any(|line| line.is_empty()) {
            return Err(CheckpointError::Shape);
        }
        let [origin, size, root, extensions @ ..] = lines.as_slice() else {
            return Err(CheckpointError::Shape);
        };
        let root = STANDARD.decode(root).ok().and_then(|bytes| Digest::from_slice(&bytes));
        Ok(Self {
            origin: (*origin).to_owned(),
            size: decimal(size).ok_or(CheckpointError::Size)?,
            root: root.ok_or(CheckpointError::Root)?,
            extensions: extensions.iter().map(|line| (*line).to_owned()).collect(),
        })
    }
}

/// One number has one spelling: digits only, no leading zero.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    if !plain || padded {
        return None;
    }
    text.parse().ok().filter(|size| *size <= SIZE_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_checkpoint_survives_its_text() {
        let mut checkpoint = Checkpoint::new("log.example/one", 0, crate::tree::empty_root());
        let text = "log.example/one\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        assert_eq!(checkpoint.to_string(), text);
        assert_eq!(text.parse(), Ok(checkpoint.clone()));
        checkpoint.extensions.push("more".to_owned());
        assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
    }

    #[test]
    fn other_spellings_are_refused() {
        let root = STANDARD.encode([1; 32]);
        for (text, why) in [
            (format!("o\n01\n{root}\n"), CheckpointError::Size),
            (format!("o\n+1\n{root}\n"), CheckpointError::Size),
            (format!("o\n9223372036854775809\n{root}\n"), CheckpointError::Size),
            (format!("o\n1\n{}\n", root.replace('=', "")), CheckpointError::Root),
            (format!("o\n1\n{root}"), CheckpointError::Shape),
            (format!("o\n1\n{root}\n\n"), CheckpointError::Shape),
            (format!("\n1\n{root}\n"), CheckpointError::Shape),
            (format!("o\r\n1\n{root}\n"), CheckpointError::Shape),
            ("o\n1\n".to_owned(), CheckpointError::Shape),
        ] {
            assert_eq!(text.parse::<Checkpoint>(), Err(why), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_what_is_printed(text in "[a-z\n0-9=+/]{0,90}") {
            if let Ok(checkpoint) = text.parse::<Checkpoint>() {
                prop_assert_eq!(checkpoint.to_string(), text);
            }
        }
    }
}
