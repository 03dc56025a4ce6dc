//! How a value looks on the disk: `version u8 · codec u8 · revision u64 big endian · payload`. Knows no key and no
//! record type.

/// Bytes before the payload.
const HEADER: usize = 10;

/// Where the revision stands in the header.
const REVISION: std::ops::Range<usize> = 2..HEADER;

/// Largest value that is written, in bytes, header included. A page of the sled engine holds up to 20 of them and
/// must stay below 2 MiB (see `sled_engine`).
pub(super) const MAX_VALUE: usize = 60 * 1024;

// What the plugin contract allows has to fit.
const _: () = assert!(crate::domain::MAX_STATE_VALUE + HEADER <= MAX_VALUE);

/// How the payload is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Json = 1,
    Bytes = 2,
    /// The payload is empty; its JSON lies in chunks in another table.
    Chunks = 3,
}

impl Codec {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Json, Self::Bytes, Self::Chunks].into_iter().find(|codec| *codec as u8 == byte)
    }
}

/// A header without a revision yet; the payload is to be appended.
pub(super) fn begin(version: u8, codec: Codec, payload_hint: usize) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER + payload_hint);
    value.extend_from_slice(&[version, codec as u8]);
    value.extend_from_slice(&[0; REVISION.end - REVISION.start]);
    value
}

pub(super) fn bytes(version: u8, payload: &[u8]) -> Vec<u8> {
    let mut value = begin(version, Codec::Bytes, payload.len());
    value.extend_from_slice(payload);
    value
}

/// The committer's pen: only it knows the revision.
pub(super) fn set_revision(value: &mut [u8], revision: u64) {
    value[REVISION].copy_from_slice(&revision.to_be_bytes());
}

/// A value taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View<'a> {
    pub(super) version: u8,
    pub(super) codec: Codec,
    pub(super) revision: u64,
    pub(super) payload: &'a [u8],
}

/// `None` when the bytes are not a value of ours.
pub(super) fn view(bytes: &[u8]) -> Option<View<'_>> {
    let (header, payload) = bytes.split_at_checked(HEADER)?;
    let revision = u64::from_be_bytes(header[REVISION].try_into().ok()?);
    Some(View { version: header[0], codec: Codec::from_byte(header[1])?, revision, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_its_parts() {
        let mut value = bytes(3, b"payload");
        set_revision(&mut value, 77);
        let expected = View { version: 3, codec: Codec::Bytes, revision: 77, payload: b"payload" };
        assert_eq!(view(&value), Some(expected));
    }

    #[test]
    fn bytes_of_somebody_else_are_no_value() {
        assert_eq!(view(b"short"), None);
        assert_eq!(view(&[1, 200, 0, 0, 0, 0, 0, 0, 0, 1]), None, "unknown codec");
    }
}
