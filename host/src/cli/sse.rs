//! Server-sent events, bytes to events (HTML standard, "Server-sent events"). Pure; knows no connection.

/// Longest event that is taken, in bytes. The server's longest is that of the longest message of a station.
const MAX_EVENT_BYTES: usize = 4 << 20;

/// What the stream said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Where to go on after a reconnect. Without an event, before the first one.
    Id(String),
    /// The `data:` of one event.
    Data(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("an event longer than {MAX_EVENT_BYTES} bytes")]
    TooLong,
    #[error("an event that is not UTF-8")]
    NotText,
}

/// What has arrived of events that are not complete yet.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    data: String,
    id: Option<String>,
}

impl Parser {
    /// Takes the next bytes, in pieces of any size, and returns what they complete. Lines end with LF or CRLF; the
    /// lone CR of old systems is not in use here.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Said>, Unreadable> {
        let mut said = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() + self.data.len() > MAX_EVENT_BYTES {
                return Err(Unreadable::TooLong);
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let line = std::str::from_utf8(&line).map_err(|_| Unreadable::NotText)?;
                self.line(line.trim_end_matches(['\n', '\r']), &mut said);
            }
        }
        Ok(said)
    }

    fn line(&mut self, line: &str, said: &mut Vec<Said>) {
        if line.is_empty() {
            said.extend(self.id.take().map(Said::Id));
            if !self.data.is_empty() {
                self.data.pop();
                said.push(Said::Data(std::mem::take(&mut self.data)));
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" => self.id = Some(value.to_owned()),
            // Comments have no name; `event` repeats what the data says.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        "id: 4\n\n: alive\n\nid: 5\r\nevent: booted\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n";

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        let whole =
            vec![Said::Id("4".into()), Said::Id("5".into()), Said::Data("{\"a\":\n1}".into())];
        for size in 1..=STREAM.len() {
            let mut parser = Parser::default();
            let said: Vec<_> = STREAM
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| parser.take(piece).unwrap())
                .collect();
            assert_eq!(said, whole, "in pieces of {size}");
        }
    }

    #[test]
    fn an_endless_event_is_not_collected_for_ever() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; MAX_EVENT_BYTES / 2 + 1];
        assert_eq!(parser.take(&piece), Ok(vec![]));
        assert_eq!(parser.take(&piece), Err(Unreadable::TooLong));
    }
}
