//! Server-sent events as they come, in pieces of any size.
//!
//! By hand: `eventsource-stream` 0.2 cuts a byte order mark in the middle, which is a panic.

/// Puts pieces together into events.
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Option<String>,
}

impl Events {
    /// Takes the next piece and answers the data of the events that it completes.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Vec<String> {
        let mut complete = Vec::new();
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            complete.extend(self.line_ended());
        }
        self.line.extend_from_slice(rest);
        complete
    }

    fn line_ended(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        // A stream may begin with a byte order mark.
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        if line.is_empty() {
            return self.data.take();
        }
        // Other fields, and comments that keep the connection open, say nothing.
        let value = line.strip_prefix("data:")?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\ndata: {\"a\": \"é\"}\n\nevent: x\r\ndata:one\r\ndata: two\r\n\r\nid: 3\n\ndata: [DONE]\n\ndata: cut";

    #[test]
    fn events_come_out_whole_however_they_are_cut() {
        for size in 1..STREAM.len() {
            let mut events = Events::default();
            let pieces = STREAM.as_bytes().chunks(size);
            let found: Vec<String> = pieces.flat_map(|piece| events.feed(piece)).collect();
            assert_eq!(found, ["{\"a\": \"é\"}", "one\ntwo", "[DONE]"], "by {size}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_event() {
        let mut events = Events::default();
        assert_eq!(events.feed("\u{feff}data: first\n\n".as_bytes()), ["first"]);
    }
}
