//! What a file is, by its first bytes: never by its name or by what its sender says.

/// The media type of `bytes`, from their signature; `text/plain` for UTF-8 text, `application/json` for a JSON object or
/// array, `application/octet-stream` for anything else.
#[must_use]
pub fn sniff(bytes: &[u8]) -> &'static str {
    const SIGNATURES: &[(&[u8], &str)] = &[
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"PK\x05\x06", "application/zip"),
        (b"\x1f\x8b", "application/gzip"),
        (b"\xd4\xc3\xb2\xa1", "application/vnd.tcpdump.pcap"),
        (b"\xa1\xb2\xc3\xd4", "application/vnd.tcpdump.pcap"),
        (b"\x0a\x0d\x0d\x0a", "application/vnd.tcpdump.pcap"),
    ];
    if let Some((_, media)) = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)) {
        return media;
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return "image/webp";
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return "application/octet-stream" };
    if text.contains('\0') {
        return "application/octet-stream";
    }
    let looks_like_json = matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['));
    if looks_like_json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() { "application/json" } else { "text/plain" }
}

#[cfg(test)]
mod tests {
    use super::sniff;

    #[test]
    fn a_file_is_what_its_bytes_say() {
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\nrest"), "image/png");
        assert_eq!(sniff(b"%PDF-1.7"), "application/pdf");
        assert_eq!(sniff(b"PK\x03\x04"), "application/zip");
        assert_eq!(sniff(b" {\"a\": 1}"), "application/json");
        assert_eq!(sniff(b"{not json"), "text/plain");
        assert_eq!(sniff("größer".as_bytes()), "text/plain");
        assert_eq!(sniff(b"a\0b"), "application/octet-stream");
        assert_eq!(sniff(&[0xff, 0xfe, 0x00]), "application/octet-stream");
        assert_eq!(sniff(b"<script>alert(1)</script>"), "text/plain");
    }
}
