//! Whether bytes are a picture, and of which form and size.

use crate::platform::objects::MediaType;

/// What the head of a picture tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Picture {
    pub(super) media_type: MediaType,
    /// In pixels.
    pub(super) width: u32,
    /// In pixels.
    pub(super) height: u32,
}

/// Looks at the head and the end of a file: a PNG, JPEG or WebP that has a size and is not cut off.
pub(super) fn detect(bytes: &[u8]) -> Option<Picture> {
    let (media_type, (width, height)) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        (MediaType::Png, png(bytes)?)
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        (MediaType::Jpeg, jpeg(bytes)?)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12)? == b"WEBP" {
        (MediaType::Webp, webp(bytes)?)
    } else {
        return None;
    };
    (width > 0 && height > 0).then_some(Picture {
        media_type,
        width,
        height,
    })
}

fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let whole = bytes.get(12..16)? == b"IHDR" && bytes.ends_with(b"IEND\xae\x42\x60\x82");
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    whole.then_some((number(16)?, number(20)?))
}

/// The segments of a JPEG up to the one that begins a frame.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    // Some writers put zeros behind the end.
    let end = bytes.iter().rposition(|byte| *byte != 0)?;
    if bytes.get(end.checked_sub(1)?..=end)? != b"\xff\xd9" {
        return None;
    }
    let short = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        match *bytes.get(at + 1)? {
            0xff => at += 1, // filling
            0xc4 | 0xc8 | 0xcc => at += 2 + usize::from(short(at + 2)?),
            0xc0..=0xcf => return Some((short(at + 7)?.into(), short(at + 5)?.into())),
            0xd9 | 0xda => return None, // the end, or data without a frame
            _ => at += 2 + usize::from(short(at + 2)?),
        }
    }
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    if usize::try_from(length).ok()?.checked_add(8)? > bytes.len() {
        return None;
    }
    let byte = |at: usize| bytes.get(at).copied().map(u32::from);
    let three = |at: usize| Some(byte(at)? | byte(at + 1)? << 8 | byte(at + 2)? << 16);
    match bytes.get(12..16)? {
        b"VP8 " if bytes.get(23..26)? == b"\x9d\x01\x2a" => {
            Some((three(26)? & 0x3fff, three(28)? & 0x3fff))
        }
        b"VP8L" if byte(20)? == 0x2f => {
            let bits = three(21)? | byte(24)? << 24;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => Some((three(24)? + 1, three(27)? + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 by 2 pixels, put together by hand as the descriptions of the forms have it.
    const JPEG: &str = "ffd8ffe000104a46494600010100000100010000ffdb004300\
        03020202020203020202030303030406040404040408060605060907080a0a0908090a0c0f0c0a0b0e0b09090d\
        110d0e0f10101110\
        0a0c12131210130f101010ffc0000b080002000301011100ffda0008010100003f00d2cf20ffd9";
    const WEBP: &str = "5249464618000000574542505650384c0c0000002f0240000007101111880808";

    fn bytes(digits: &str) -> Vec<u8> {
        let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        digits.chunks(2).map(|two| pair(two).unwrap()).collect()
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend(b"\x08\0\0\0\0crc!\0\0\0\0IEND\xae\x42\x60\x82");
        bytes
    }

    #[test]
    fn the_size_of_a_picture_is_read_from_its_head() {
        for (bytes, media_type) in [
            (png(3, 2), MediaType::Png),
            (bytes(JPEG), MediaType::Jpeg),
            (bytes(WEBP), MediaType::Webp),
        ] {
            let picture = Picture {
                media_type,
                width: 3,
                height: 2,
            };
            assert_eq!(detect(&bytes), Some(picture), "{media_type:?}");
            for length in 0..bytes.len() {
                let cut = detect(&bytes[..length]);
                assert_eq!(cut, None, "{media_type:?} cut after {length} bytes");
            }
        }
    }

    /// Bytes of filling may stand before every marker (ISO 10918-1, B.1.1.2).
    #[test]
    fn a_picture_with_filling_between_its_segments_has_its_size() {
        let mut filled = bytes(JPEG);
        for _ in 0..2 {
            filled.insert(20, 0xff);
        }
        assert_eq!(detect(&filled), detect(&bytes(JPEG)));
    }

    #[test]
    fn what_is_no_picture_is_none() {
        for bytes in [
            &b""[..],
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"GIF89a",
            b"<html>busy</html>",
            &png(0, 5),
        ] {
            assert_eq!(detect(bytes), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(start in 0_usize..4, rest: Vec<u8>) {
            let heads: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8 ", b""];
            let _ = detect(&[heads[start], &rest].concat());
        }
    }
}
