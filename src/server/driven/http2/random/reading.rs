//! What the client reads, held against its books.

use super::*;

impl Run {
    /// Reads what the server has sent, and holds it against the books.
    pub(super) fn reads(&mut self) {
        let sent = self.it.client.sent_from(self.read_bytes).to_vec();
        let mut at = 0;
        // A preface that does not come in time.
        if self.read_bytes == 0 && sent.starts_with(b"H") {
            assert!(b"HTTP/1.1 408".starts_with(&sent[..sent.len().min(12)]), "{}", text(&sent));
            return;
        }
        let mut reader = std::mem::take(&mut self.reader);
        while let Some((used, frame)) =
            reader.next(&sent[at..]).expect("the server makes no faults")
        {
            let payload = &sent[at..][HEAD_BYTES.min(used)..used];
            at += used;
            match frame {
                Frame::Data(part) => self.takes_data(&part),
                Frame::Headers(headers) => {
                    assert!(headers.ends_headers, "heads are short");
                    let fragment = headers.fragment.to_vec();
                    self.takes_head(headers.stream, headers.ends_stream, &fragment);
                }
                Frame::Reset { stream } => {
                    let side = self.sides.get_mut(&stream).expect("a stream that was opened");
                    assert_eq!(side.reply.reset, None, "{stream} is reset twice");
                    side.reply.reset = Some(number(payload));
                }
                Frame::GoAway => self.goaway = Some(number(&payload[4..])),
                Frame::SettingsAck => {
                    let (_, asked) = self.window;
                    self.window = (asked.expect("it was asked for"), None);
                }
                Frame::Settings { .. } => write::settings_ack(&mut self.out),
                Frame::PingAck => {
                    self.pings = self.pings.checked_sub(1).expect("it was asked for");
                }
                Frame::Ping { .. } => {}
                Frame::WindowUpdate { stream: 0, increment } => {
                    self.room.1 += i64::from(increment);
                }
                Frame::WindowUpdate { stream, increment } => {
                    let side = self.sides.get_mut(&stream).expect("a stream that was opened");
                    side.room += i64::from(increment);
                }
                other => panic!("no server sends {other:?}"),
            }
        }
        self.read_bytes += at;
        self.reader = reader;
    }

    fn takes_data(&mut self, part: &crate::http::h2::frame::DataPart<'_>) {
        let counted = i64::from(part.counted);
        self.room.0 -= counted;
        assert!(self.room.0 >= 0, "more than the window of the connection");
        self.unacknowledged += part.counted;
        let window = self.window.0.max(self.window.1.unwrap_or(0));
        let side = self.sides.get_mut(&part.stream).expect("a stream that was opened");
        assert!(side.reply.reset.is_none() && !side.reply.has_ended, "data behind the end");
        assert!(!side.reply.heads.is_empty(), "data before the head");
        side.reply.body.extend_from_slice(part.bytes);
        side.unacknowledged += part.counted;
        let total = side.reply.body.len() as i64;
        assert!(
            counted == 0 || total <= window + side.granted,
            "more than the window of the stream"
        );
        assert!(side.ask.body.starts_with(&side.reply.body) || side.reply.status() >= 400);
        side.reply.has_ended = part.ends_stream;
    }

    fn takes_head(&mut self, stream: u32, ends: bool, block: &[u8]) {
        let mut fields = Vec::new();
        let each = |name: &[u8], value: &[u8]| fields.push((text(name), text(value)));
        let decoded = self.decoder.decode(block, &mut Vec::new(), each);
        decoded.expect("the server makes no faults");
        let side = self.sides.get_mut(&stream).expect("a stream that was opened");
        assert!(!side.reply.has_ended && side.reply.reset.is_none(), "a head behind the end");
        side.reply.heads.push(fields);
        side.reply.has_ended = ends;
    }

    /// Every stream got exactly what it asked for.
    pub(super) fn is_answered(&self) {
        for (stream, side) in &self.sides {
            let Side { ask, reply, .. } = side;
            if side.is_taken_back {
                continue;
            }
            if ask.is_reset {
                assert_eq!(reply.reset, Some(ErrorCode::Protocol as u32), "{stream}: {ask:?}");
                continue;
            }
            assert!(reply.has_ended, "{stream}: {ask:?} {:?} {:?}", reply.heads, reply.reset);
            assert_eq!(reply.status(), ask.status, "{stream}: {ask:?}");
            assert!(reply.body == ask.body, "{stream}: {} bytes of {ask:?}", reply.body.len());
            assert!(matches!(reply.reset, None | Some(0)), "{stream}: {:?}", reply.reset);
        }
    }

    /// Nothing of it is left, neither when all is answered nor when the client is gone.
    pub(super) fn leaves_nothing(mut self) -> Driven {
        if let Some(audit) = self.it.connection.audit()
            && self.it.verdict == Verdict::Sleep
            && self.sides.values().all(|side| side.is_over() && side.has_sent_all)
            && self.out.is_empty()
            && self.it.client.unread_bytes() == 0
        {
            audit.is_clean();
            assert_eq!(self.pings, 0, "pings without an answer");
            assert_eq!(audit.window_left, self.room.1, "what the client may send in all");
        }
        match self.dice.below(3) {
            0 => self.it.receives_reset(),
            1 => self.it.receives_fin(),
            _ => {}
        }
        self.it.connection.abandon(&mut self.it.cx);
        self.it.works();
        assert_eq!(self.it.cx.room.held_bytes(), 0, "room on the disk");
        assert_eq!(self.it.cx.threads.handlers.waiting(), 0);
        assert_eq!(self.it.cx.threads.disk.waiting(), 0);
        assert!(self.it.cx.without_room.is_empty());
        self.it
    }
}
