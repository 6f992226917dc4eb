//! Words inside a PNG file: a saved picture tells how to make it again. Apart, because only this touches the file's format.

/// A PNG with a comment (a `tEXt` chunk after its header); other bytes come back as they are.
#[must_use]
pub fn with_comment(png: &[u8], comment: &str) -> Vec<u8> {
    /// Signature, then the header chunk: length, name, 13 bytes, checksum.
    const HEADER: usize = 8 + 8 + 13 + 4;
    if png.len() < HEADER || !png.starts_with(b"\x89PNG\r\n\x1a\n") {
        return png.to_vec();
    }
    let mut chunk = b"tEXtComment\0".to_vec();
    chunk.extend(comment.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')));
    let length = crate::units::small(chunk.len() - 4);
    let mut out = png[..HEADER].to_vec();
    out.extend(length.to_be_bytes());
    out.extend(&chunk);
    out.extend(crc32fast::hash(&chunk).to_be_bytes());
    out.extend(&png[HEADER..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_follows_the_header() {
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        png.extend([0u8; 25]);
        png.extend(b"rest");
        let out = with_comment(&png, "v=1");
        assert_eq!(&out[33..37], [0, 0, 0, 11]);
        assert_eq!(&out[37..52], b"tEXtComment\0v=1");
        assert_eq!(u32::from_be_bytes([out[52], out[53], out[54], out[55]]), crc32fast::hash(b"tEXtComment\0v=1"));
        assert!(out.ends_with(b"rest"));
        assert_eq!(with_comment(b"GIF89a", "v=1"), b"GIF89a");
    }
}
