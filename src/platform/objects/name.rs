//! What files are called.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::foundation::text_enum;

text_enum! {
    /// Format of a stored file.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum MediaType {
        /// A PNG image.
        Png = "image/png",
        /// A JPEG image.
        Jpeg = "image/jpeg",
        /// A WebP image.
        Webp = "image/webp",
        /// A plain text in UTF-8.
        Text = "text/plain",
        /// An SVG image, drawn by this program.
        Svg = "image/svg+xml",
    }
}

impl MediaType {
    /// How names of such files end, without the full stop.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Text => "txt",
            Self::Svg => "svg",
        }
    }
}

/// The name of a file: the SHA-256 of its bytes in lower-case hexadecimal digits, and an ending.
///
/// No other text can be read as one, so that a name never leads out of its folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    digest: [u8; 32],
    media_type: MediaType,
}

impl ObjectName {
    /// The name of these bytes.
    pub fn of(bytes: &[u8], media_type: MediaType) -> Self {
        Self {
            digest: Sha256::digest(bytes).into(),
            media_type,
        }
    }

    /// What the file is.
    pub fn media_type(&self) -> MediaType {
        self.media_type
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.digest {
            write!(f, "{byte:02x}")?;
        }
        write!(f, ".{}", self.media_type.ending())
    }
}

impl FromStr for ObjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read(text).ok_or_else(|| "not the name of a file".to_owned())
    }
}

fn read(text: &str) -> Option<ObjectName> {
    let (digits, ending) = text.split_once('.')?;
    let media_type = MediaType::ALL
        .iter()
        .copied()
        .find(|known| known.ending() == ending)?;
    let digits = digits.as_bytes();
    let mut digest = [0; 32];
    if digits.len() != 2 * digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().try_fold(0, |byte, digit| match digit {
            b'0'..=b'9' => Some(byte << 4 | (digit - b'0')),
            b'a'..=b'f' => Some(byte << 4 | (digit - b'a' + 10)),
            _ => None,
        })?;
    }
    Some(ObjectName { digest, media_type })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_nothing_else_is_a_name() {
        let name = ObjectName::of(b"some bytes", MediaType::Webp);
        assert_eq!(name.to_string().parse(), Ok(name.clone()));
        let good = name.to_string();
        let digits = &good[..64];
        for bad in [
            "",
            ".png",
            digits,
            &format!("{digits}.gif"),
            &format!("{digits}.png.png"),
            &format!("{}.png", digits.to_uppercase()),
            &format!("0{digits}.png"),
            &format!("{}.png", &digits[1..]),
            &format!("../{}.png", &digits[3..]),
            &format!("é{}.png", &digits[2..]),
        ] {
            assert!(bad.parse::<ObjectName>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,80}") {
            let _ = text.parse::<ObjectName>();
        }
    }
}
