//! What the client sends, as its dice and its books say.

use super::*;

impl Run {
    pub(super) fn asks_next(&mut self) {
        let Some(ask) = self.asks.pop_front() else { return };
        self.last_stream += 1 + 2 * self.dice.below(2) as u32 + self.last_stream % 2;
        let stream = self.last_stream;
        if self.dice.below(8) == 0 {
            let payload = [&stream.to_be_bytes()[..], b"u=1, i"].concat();
            self.out.extend(frame(kind::PRIORITY_UPDATE, 0, 0, &payload));
        }
        let mut fields = vec![
            (":method", ask.method.to_owned()),
            (":scheme", "http".to_owned()),
            (":authority", "a".to_owned()),
            (":path", ask.path.to_owned()),
            ("x-number", stream.to_string()),
        ];
        fields.extend(ask.headers.iter().cloned());
        if self.dice.below(2) == 0 {
            let incremental = if self.dice.below(2) == 0 { ", i" } else { "" };
            fields.push(("priority", format!("u={}{incremental}", self.dice.below(8))));
        }
        self.sends_block(stream, &fields, ask.content.is_none());
        let window = self.window.0.max(self.window.1.unwrap_or(0));
        let side = Side {
            has_sent_all: ask.content.is_none(),
            ask,
            sent: 0,
            room: 65_536,
            reply: StreamReply::default(),
            granted: 0,
            unacknowledged: 0,
            is_taken_back: false,
        };
        assert!(window >= 0);
        self.sides.insert(stream, side);
    }

    fn sends_block(&mut self, stream: u32, fields: &[(&str, String)], ends: bool) {
        if self.dice.below(10) == 0 {
            self.encoder.bound([0, 60, 200, 4096][self.dice.below(4)]);
        }
        let start = write::begin_block(&mut self.out);
        self.encoder.begin(&mut self.out);
        for (name, value) in fields {
            let indexing = [Indexing::Kept, Indexing::NotKept, Indexing::Never];
            let indexing = indexing[self.dice.below(3)];
            self.encoder.field(&mut self.out, name.as_bytes(), value.as_bytes(), indexing);
        }
        let part = [16_384, 40][self.dice.below(2)];
        write::end_block(&mut self.out, start, stream, ends, part);
    }

    /// Sends a piece of the content of any request.
    pub(super) fn sends_content(&mut self) {
        let open = self.sides.iter().filter(|(_, side)| !side.has_sent_all && !side.is_taken_back);
        let open: Vec<u32> = open.map(|(stream, _)| *stream).collect();
        if !open.is_empty() {
            let stream = open[self.dice.below(open.len())];
            let count = self.dice.amount().min(16_000);
            self.sends_some(stream, count);
        }
    }

    /// Sends so much of the content of a request, as far as there is room. Returns whether that was anything.
    pub(super) fn sends_some(&mut self, stream: u32, count: usize) -> bool {
        let padding = [0, 0, 0, self.dice.below(256)][self.dice.below(4)];
        let Some(side) = self.sides.get_mut(&stream) else { return false };
        if side.has_sent_all || side.is_taken_back {
            return false;
        }
        let content = side.ask.content.clone().unwrap_or_default();
        // RFC 9113 §8.1: the server has said that it does not want the rest.
        if side.reply.reset.is_some() {
            side.has_sent_all = true;
            return false;
        }
        let padded = if padding > 0 { padding as i64 + 1 } else { 0 };
        let room = (side.room.min(self.room.1) - padded).max(0) as usize;
        let count = count.min(room).min(content.len() - side.sent);
        let is_last = side.sent + count == content.len();
        if count == 0 && !is_last || side.room.min(self.room.1) < padded {
            return false;
        }
        let piece = &content[side.sent..side.sent + count];
        side.sent += count;
        let ends = is_last && !side.ask.has_trailers;
        let flags = if ends { flag::END_STREAM } else { 0 };
        if count > 0 || ends {
            side.room -= count as i64 + padded;
            self.room.1 -= count as i64 + padded;
            let payload = match padding {
                0 => piece.to_vec(),
                _ => [&[padding as u8][..], piece, &vec![0; padding]].concat(),
            };
            let padded = if padding > 0 { flag::PADDED } else { 0 };
            self.out.extend(frame(kind::DATA, flags | padded, stream, &payload));
        }
        if is_last {
            side.has_sent_all = true;
            if side.ask.has_trailers {
                self.sends_block(stream, &[("x-sum", count.to_string())], true);
            }
        }
        true
    }

    pub(super) fn makes_room(&mut self) {
        let count = 1 + self.dice.amount() as u32;
        if self.dice.below(2) == 0 {
            self.out.extend(window_update(0, count));
            self.room.0 += i64::from(count);
            return;
        }
        let streams: Vec<u32> = self.sides.keys().copied().collect();
        if !streams.is_empty() {
            let stream = streams[self.dice.below(streams.len())];
            self.grants(stream, count);
        }
    }

    pub(super) fn grants(&mut self, stream: u32, count: u32) {
        let Some(side) = self.sides.get_mut(&stream) else { return };
        if !side.is_over() {
            side.granted += i64::from(count);
            self.out.extend(window_update(stream, count));
        }
    }

    /// Takes back any request.
    pub(super) fn takes_back(&mut self) {
        let open: Vec<u32> =
            self.sides.iter().filter(|(_, side)| !side.is_over()).map(|it| *it.0).collect();
        if !open.is_empty() {
            let stream = open[self.dice.below(open.len())];
            self.out.extend(frame(kind::RST_STREAM, 0, stream, b"\0\0\0\x08"));
            let side = self.sides.get_mut(&stream).expect("it is there");
            side.is_taken_back = true;
            side.has_sent_all = true;
        }
    }

    pub(super) fn says_something_else(&mut self) {
        match self.dice.below(5) {
            0 => {
                self.pings += 1;
                self.out.extend(frame(kind::PING, 0, 0, b"12345678"));
            }
            1 if self.window.1.is_none() => {
                let window = [0, 7, 3000, 65_535, 1 << 20][self.dice.below(5)];
                self.window.1 = Some(i64::from(window));
                let table = [0, 50, 4096][self.dice.below(3)];
                write::settings(
                    &mut self.out,
                    &[
                        (identifier::INITIAL_WINDOW_SIZE, window),
                        (identifier::HEADER_TABLE_SIZE, table),
                    ],
                );
            }
            2 => {
                let length = self.dice.below(100);
                self.out.extend(frame(0xbe, 0xff, 7, &vec![0; length]));
            }
            3 => self.out.extend(frame(kind::PRIORITY, 0, 9, b"\0\0\0\x01\x05")),
            _ => {
                let stream = 1 + 2 * self.dice.below(12) as u32;
                if stream <= self.last_stream {
                    let value = format!("u={}, i=?{}", self.dice.below(9), self.dice.below(2));
                    let payload = [&stream.to_be_bytes()[..], value.as_bytes()].concat();
                    self.out.extend(frame(kind::PRIORITY_UPDATE, 0, 0, &payload));
                }
            }
        }
    }
}
