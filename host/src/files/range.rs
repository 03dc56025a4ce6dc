//! Which part of a file a request wants (RFC 9110 §14). Pure. Stations go on with a download where it broke off; nobody of
//! them needs more than one range at once, and whoever asks for several gets the whole file, as the RFC allows.

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// From the first byte to the last, both counted from 0.
    Part {
        first: u64,
        last: u64,
    },
    /// Beyond the end.
    Nothing,
}

/// What a `Range` header means for a file of that many bytes. What cannot be read is not there.
pub(super) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let range = header.and_then(|header| header.trim().strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Wanted::Whole;
    };
    let last = match last.trim() {
        "" => None,
        last => match last.parse::<u64>() {
            Ok(last) => Some(last),
            Err(_) => return Wanted::Whole,
        },
    };
    match (first.trim(), last) {
        ("", Some(suffix)) => match suffix.min(size) {
            0 => Wanted::Nothing,
            suffix => Wanted::Part { first: size - suffix, last: size - 1 },
        },
        (first, last) => match first.parse::<u64>() {
            Ok(first) if last.is_some_and(|last| first > last) => Wanted::Whole,
            Ok(first) if first >= size => Wanted::Nothing,
            Ok(first) => Wanted::Part { first, last: last.map_or(size - 1, |it| it.min(size - 1)) },
            Err(_) => Wanted::Whole,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_to_what_there_is() {
        let part = |first, last| Wanted::Part { first, last };
        for (header, meant) in [
            ("bytes=0-", part(0, 99)),
            ("bytes=40-", part(40, 99)),
            ("bytes=40-49", part(40, 49)),
            ("bytes=40-500", part(40, 99)),
            ("bytes=99-99", part(99, 99)),
            ("bytes=-10", part(90, 99)),
            ("bytes=-500", part(0, 99)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
        ] {
            assert_eq!(wanted(Some(header), 100), meant, "{header}");
        }
    }

    #[test]
    fn what_is_no_range_is_the_whole_file() {
        for header in ["", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,4-5", "lines=1-2"]
        {
            assert_eq!(wanted(Some(header), 100), Wanted::Whole, "{header:?}");
        }
        assert_eq!(wanted(None, 0), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
    }
}
