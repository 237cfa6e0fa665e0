//! Trained models as bytes.
//!
//! Eight letters that say the kind, the version (u32), the XXH3 checksum of the rest (u64), and the model in
//! postcard's encoding; numbers are little-endian. Reading allocates no more than the bytes themselves
//! promise, and every model is checked after decoding.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

const VERSION: u32 = 1;
const HEAD: usize = 8 + 4 + 8;

/// Larger artifacts are refused. The largest model that can be trained, of 400 trees with 32,767 nodes of at
/// most 9 bytes, takes less than half of it.
const MOST_BYTES: usize = 256 << 20;

/// Why bytes are no model.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ArtifactError {
    /// They do not begin as a model of this kind does.
    #[error("these bytes are not a model of this kind")]
    NotAModel,
    /// Another version of the program has written them.
    #[error("the model has format {0}, but this program reads format 1; train it again")]
    Version(u32),
    /// They are cut off or changed.
    #[error("the model is damaged; train it again")]
    Damaged,
}

pub(super) fn encode<T: Serialize>(magic: &[u8; 8], model: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD);
    out.extend(magic);
    out.extend(VERSION.to_le_bytes());
    out.extend([0; 8]);
    let mut out = postcard::to_extend(model, out)
        .expect("a model has no maps or sequences of unknown length, and memory takes all bytes");
    let checksum = xxh3_64(&out[HEAD..]);
    out[HEAD - 8..HEAD].copy_from_slice(&checksum.to_le_bytes());
    out
}

/// The model, not yet checked by its own rules.
pub(super) fn decode<T: DeserializeOwned>(
    magic: &[u8; 8],
    bytes: &[u8],
) -> Result<T, ArtifactError> {
    let (head, body) = bytes
        .split_at_checked(HEAD)
        .ok_or(ArtifactError::NotAModel)?;
    let (kind, head) = head.split_at(8);
    if kind != magic {
        return Err(ArtifactError::NotAModel);
    }
    let (version, checksum) = head.split_at(4);
    let version = version.try_into().map(u32::from_le_bytes);
    let checksum = checksum.try_into().map(u64::from_le_bytes);
    let (Ok(version), Ok(checksum)) = (version, checksum) else {
        return Err(ArtifactError::Damaged);
    };
    if version != VERSION {
        return Err(ArtifactError::Version(version));
    }
    if body.len() > MOST_BYTES || checksum != xxh3_64(body) {
        return Err(ArtifactError::Damaged);
    }
    match postcard::take_from_bytes(body) {
        Ok((model, [])) => Ok(model),
        _ => Err(ArtifactError::Damaged),
    }
}
