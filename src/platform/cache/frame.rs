//! The encoding of a value in Redis: a digest of its generations, when it was computed, a checksum, the
//! value. Anything else under the key (a value of another release, a truncated value) fails the checks and
//! is treated as a miss.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

/// Changes whenever the layout does.
const MARK: [u8; 4] = *b"MQC2";

/// A decoded value, and when it was computed.
pub(super) struct DecodedFrame<V> {
    pub(super) value: V,
    pub(super) made_at: DateTime<Utc>,
    /// The bytes of the value as it is written.
    pub(super) bytes: usize,
}

/// Writes a value that was made at `made_at` under these generations of its tags.
///
/// # Errors
/// When the value cannot be written in `postcard`, which a plain structure always can.
pub(super) fn write<V: Serialize>(
    value: &V,
    generations: &[Vec<u8>],
    made_at: DateTime<Utc>,
) -> postcard::Result<Vec<u8>> {
    let mut frame = Vec::with_capacity(256);
    frame.extend(MARK);
    frame.extend([0; 8]);
    frame.extend(made_at.timestamp_millis().to_le_bytes());
    frame.extend(digest(generations).to_le_bytes());
    let mut frame = postcard::to_extend(value, frame)?;
    let checksum = xxh3_64(&frame[MARK.len() + 8..]);
    frame[MARK.len()..][..8].copy_from_slice(&checksum.to_le_bytes());
    Ok(frame)
}

/// Reads a value back, if it is whole and was made under the same generations.
pub(super) fn read<V: DeserializeOwned>(
    frame: &[u8],
    generations: &[Vec<u8>],
) -> Option<DecodedFrame<V>> {
    let rest = frame.strip_prefix(&MARK)?;
    let (checksum, rest) = rest.split_first_chunk::<8>()?;
    if xxh3_64(rest) != u64::from_le_bytes(*checksum) {
        return None;
    }
    let (made_at, rest) = rest.split_first_chunk::<8>()?;
    let (made_under, body) = rest.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*made_under) != digest(generations) {
        return None;
    }
    Some(DecodedFrame {
        value: postcard::from_bytes(body).ok()?,
        made_at: DateTime::from_timestamp_millis(i64::from_le_bytes(*made_at))?,
        bytes: body.len(),
    })
}

/// The generations of all tags in one number. One that was never set is empty.
fn digest(generations: &[Vec<u8>]) -> u64 {
    let mut text = Vec::with_capacity(32 * generations.len());
    for generation in generations {
        text.extend(generation.len().to_le_bytes());
        text.extend(generation);
    }
    xxh3_64(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<u8> {
        write(
            &(7_u32, "seven".to_owned()),
            &[b"1".to_vec()],
            DateTime::UNIX_EPOCH,
        )
        .unwrap()
    }

    fn value(frame: &[u8], generations: &[Vec<u8>]) -> Option<(u32, String)> {
        read(frame, generations).map(|decoded| decoded.value)
    }

    #[test]
    fn a_value_comes_back_under_the_same_generations_alone() {
        let seven = Some((7, "seven".to_owned()));
        assert_eq!(value(&frame(), &[b"1".to_vec()]), seven);
        assert_eq!(value(&frame(), &[b"2".to_vec()]), None);
        assert_eq!(value(&frame(), &[Vec::new()]), None);
        assert_eq!(value(&frame(), &[b"1".to_vec(), Vec::new()]), None);
    }

    #[test]
    fn half_a_value_and_a_changed_byte_are_nothing() {
        let whole = frame();
        for length in 0..whole.len() {
            assert_eq!(value(&whole[..length], &[b"1".to_vec()]), None);
        }
        for slot in 0..whole.len() {
            let mut invalidate = whole.clone();
            invalidate[slot] ^= 1;
            assert_eq!(value(&invalidate, &[b"1".to_vec()]), None, "byte {slot}");
        }
    }
}
