//! Whether bytes are a picture, and of which form and size.

use imagesize::ImageType;

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
    let (media_type, whole) = match imagesize::image_type(bytes).ok()? {
        ImageType::Png => (MediaType::Png, bytes.ends_with(b"IEND\xae\x42\x60\x82")),
        ImageType::Jpeg => (MediaType::Jpeg, jpeg_ends(bytes)),
        ImageType::Webp => (MediaType::Webp, webp_ends(bytes)?),
        _ => return None,
    };
    let size = imagesize::blob_size(bytes).ok().filter(|_| whole)?;
    let (width, height) = (size.width.try_into().ok()?, size.height.try_into().ok()?);
    (width > 0 && height > 0).then_some(Picture {
        media_type,
        width,
        height,
    })
}

/// Whether the last bytes are the marker of the end. Some writers put zeros behind it.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let end = bytes.iter().rposition(|byte| *byte != 0);
    end.is_some_and(|end| bytes[..=end].ends_with(b"\xff\xd9"))
}

/// Whether all bytes are there that the head promises.
fn webp_ends(bytes: &[u8]) -> Option<bool> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let length = usize::try_from(length).ok()?.checked_add(8)?;
    Some(length <= bytes.len())
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
