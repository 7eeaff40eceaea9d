# Breaks the rules of RFC 9113 one by one, by a codec that is not this server's, and holds the codes that come back against
# those that the RFC asks for.
import socket, struct, sys
import hpack
from hyperframe.frame import (ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, PriorityFrame,
                              RstStreamFrame, SettingsFrame, WindowUpdateFrame)

host, port = sys.argv[1].rsplit(":", 1)
PROTOCOL, FLOW, CLOSED, SIZE, COMPRESSION, CALM = 1, 3, 5, 6, 9, 11


def raw(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def fields(method="GET", path="/a.txt", *more):
    return [(":method", method), (":scheme", "http"), (":authority", "h"), (":path", path), *more]


def headers(stream, pairs, flags=("END_HEADERS", "END_STREAM")):
    frame = HeadersFrame(stream, flags=flags)
    # Without a table every block stands for itself.
    frame.data = hpack.Encoder().encode(pairs, huffman=stream % 4 == 1)
    return frame.serialize()


def data(stream, content, *flags):
    frame = DataFrame(stream, flags=flags)
    frame.data = content
    return frame.serialize()


def post(stream, *more):
    return headers(stream, fields("POST", "/store/x", *more), ("END_HEADERS",))


def exchange(sent):
    "What the server says to these frames: the codes of GOAWAY, those of RST_STREAM, and the streams with a head."
    sock = socket.create_connection((host, int(port)), timeout=20)
    sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize() + SettingsFrame(0, flags=("ACK",)).serialize())
    # The answer to this PING says that everything before it was read.
    sock.sendall(sent + PingFrame(0, opaque_data=b"the end!").serialize())
    waiting, goaways, resets, heads = b"", [], {}, []
    while True:
        piece = sock.recv(65536)
        if not piece:
            return goaways, resets, heads
        waiting += piece
        while len(waiting) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(waiting[:9]))
            if len(waiting) < 9 + length:
                break
            frame.parse_body(memoryview(waiting[9:9 + length]))
            waiting = waiting[9 + length:]
            if isinstance(frame, GoAwayFrame):
                goaways.append(frame.error_code)
            elif isinstance(frame, RstStreamFrame):
                resets[frame.stream_id] = frame.error_code
            elif isinstance(frame, HeadersFrame):
                heads.append(frame.stream_id)
            elif isinstance(frame, PingFrame) and frame.opaque_data == b"the end!":
                sock.close()
                return goaways, resets, heads


open_block = HeadersFrame(1, flags=("END_STREAM",))
open_block.data = b"\x82"
whole = headers(1, fields())
of_connection = [
    ("SETTINGS of a stream", raw(4, 0, 1), PROTOCOL),
    ("SETTINGS of five bytes", raw(4, 0, 0, b"12345"), SIZE),
    ("an acknowledgement with a payload", raw(4, 1, 0, b"123456"), SIZE),
    ("a window of 2^31", SettingsFrame(0, settings={4: 1 << 31}).serialize(), FLOW),
    ("pushing of 2", SettingsFrame(0, settings={2: 2}).serialize(), PROTOCOL),
    ("frames of a byte", SettingsFrame(0, settings={5: 1}).serialize(), PROTOCOL),
    ("frames of 2^24", SettingsFrame(0, settings={5: 1 << 24}).serialize(), PROTOCOL),
    ("PING of a stream", raw(6, 0, 1, b"12345678"), PROTOCOL),
    ("PING of seven bytes", raw(6, 0, 0, b"1234567"), SIZE),
    ("GOAWAY of a stream", raw(7, 0, 1, b"12345678"), PROTOCOL),
    ("GOAWAY of seven bytes", raw(7, 0, 0, b"1234567"), SIZE),
    ("WINDOW_UPDATE of three bytes", raw(8, 0, 0, b"123"), SIZE),
    ("WINDOW_UPDATE by nothing", raw(8, 0, 0, b"\0\0\0\0"), PROTOCOL),
    ("WINDOW_UPDATE by too much", WindowUpdateFrame(0, window_increment=(1 << 31) - 1).serialize(), FLOW),
    ("WINDOW_UPDATE of an idle stream", WindowUpdateFrame(1, window_increment=1).serialize(), PROTOCOL),
    ("RST_STREAM of no stream", raw(3, 0, 0, b"\0\0\0\x08"), PROTOCOL),
    ("RST_STREAM of an idle stream", RstStreamFrame(1, error_code=8).serialize(), PROTOCOL),
    ("RST_STREAM of three bytes", whole + raw(3, 0, 1, b"123"), SIZE),
    ("PRIORITY of no stream", raw(2, 0, 0, b"12345"), PROTOCOL),
    ("DATA of no stream", raw(0, 0, 0, b"x"), PROTOCOL),
    ("DATA of an idle stream", data(1, b"x"), PROTOCOL),
    ("DATA that is all padding", post(1) + raw(0, 8, 1, b"\x05abcd"), PROTOCOL),
    ("HEADERS of no stream", raw(1, 5, 0, b"\x82"), PROTOCOL),
    ("HEADERS of an even stream", headers(2, fields()), PROTOCOL),
    ("HEADERS of an earlier stream", headers(5, fields()) + headers(3, fields()), PROTOCOL),
    ("HEADERS of the same stream again", whole + whole, CLOSED),
    ("HEADERS that are all padding", raw(1, 0xd, 1, b"\x05abcd"), PROTOCOL),
    ("CONTINUATION alone", ContinuationFrame(1, flags=("END_HEADERS",)).serialize(), PROTOCOL),
    ("CONTINUATION behind a whole block", whole + ContinuationFrame(1, flags=("END_HEADERS",)).serialize(), PROTOCOL),
    ("CONTINUATION of another stream", open_block.serialize() + ContinuationFrame(3).serialize(), PROTOCOL),
    ("DATA in a block", open_block.serialize() + data(1, b"x"), PROTOCOL),
    ("PING in a block", open_block.serialize() + PingFrame(0, opaque_data=b"12345678").serialize(), PROTOCOL),
    ("an unknown frame in a block", open_block.serialize() + raw(0xbe, 0, 1), PROTOCOL),
    ("PUSH_PROMISE", whole + raw(5, 4, 1, b"\0\0\0\x02\x82"), PROTOCOL),
    ("a frame that is too long", raw(0, 0, 1, b"x" * 16385), SIZE),
    ("an index of no field", raw(1, 5, 1, b"\xff\x80\x01"), COMPRESSION),
    ("index 0", raw(1, 5, 1, b"\x80"), COMPRESSION),
    ("a table that is too large", raw(1, 5, 1, b"\x3f\xe1\xff\x03\x82"), COMPRESSION),
    ("a change of the table behind a field", raw(1, 5, 1, b"\x82\x20"), COMPRESSION),
    ("a block that is cut off", raw(1, 5, 1, b"\x00\x05ab"), COMPRESSION),
    ("padding of zeros behind a Huffman code", raw(1, 5, 1, b"\x00\x81\x1f\x81\x18"), COMPRESSION),
    ("EOS in a string", raw(1, 5, 1, b"\x00\x84\xff\xff\xff\xff\x01a"), COMPRESSION),
    ("PRIORITY_UPDATE of no stream", raw(16, 0, 0, b"\0\0\0\0u=1"), PROTOCOL),
    ("PRIORITY_UPDATE on a stream", raw(16, 0, 1, b"\0\0\0\x01u=1"), PROTOCOL),
    ("PRIORITY_UPDATE of three bytes", raw(16, 0, 0, b"\0\0\0"), SIZE),
]
for what, sent, code in of_connection:
    goaways, resets, heads = exchange(sent)
    assert goaways == [code], (what, goaways, resets)

head = fields()
of_stream = [
    ("an upper case name", headers(1, head + [("X-Upper", "x")]), PROTOCOL),
    ("an empty name", headers(1, head + [("", "x")]), PROTOCOL),
    ("a line end in a value", headers(1, head + [("x", "a\r\nb: c")]), PROTOCOL),
    ("NUL in a value", headers(1, head + [("x", "a\0b")]), PROTOCOL),
    ("white space before a value", headers(1, head + [("x", " a")]), PROTOCOL),
    ("connection", headers(1, head + [("connection", "keep-alive")]), PROTOCOL),
    ("transfer-encoding", headers(1, head + [("transfer-encoding", "chunked")]), PROTOCOL),
    ("te: gzip", headers(1, head + [("te", "gzip")]), PROTOCOL),
    ("an unknown pseudo header", headers(1, head + [(":x", "y")]), PROTOCOL),
    (":status in a request", headers(1, [(":status", "200")] + head), PROTOCOL),
    ("a pseudo header behind a header", headers(1, head[:3] + [("x", "y"), head[3]]), PROTOCOL),
    ("no :method", headers(1, head[1:]), PROTOCOL),
    ("no :scheme", headers(1, head[:1] + head[2:]), PROTOCOL),
    ("no :path", headers(1, head[:3]), PROTOCOL),
    ("an empty :path", headers(1, fields("GET", "")), PROTOCOL),
    (":method twice", headers(1, head[:1] + head), PROTOCOL),
    ("another host", headers(1, head + [("host", "other")]), PROTOCOL),
    ("content-length without content", headers(1, head + [("content-length", "1")]), PROTOCOL),
    ("more content than content-length", post(1, ("content-length", "1")) + data(1, b"xy", "END_STREAM"), PROTOCOL),
    ("less content than content-length", post(1, ("content-length", "9")) + data(1, b"xy", "END_STREAM"), PROTOCOL),
    ("a pseudo header in trailers", post(1) + data(1, b"x") + headers(1, [(":path", "/")]), PROTOCOL),
    ("trailers without the end", post(1) + data(1, b"x") + headers(1, [("x", "y")], ("END_HEADERS",)), PROTOCOL),
    ("WINDOW_UPDATE by nothing", post(1) + raw(8, 0, 1, b"\0\0\0\0"), PROTOCOL),
    ("WINDOW_UPDATE by too much", post(1) + WindowUpdateFrame(1, window_increment=(1 << 31) - 1).serialize(), FLOW),
    ("PRIORITY of four bytes", post(1) + raw(2, 0, 1, b"1234"), SIZE),
    ("a stream that depends on itself", post(1) + PriorityFrame(1, depends_on=1).serialize(), PROTOCOL),
]
for what, sent, code in of_stream:
    goaways, resets, heads = exchange(sent + headers(3, head))
    assert resets.get(1) == code and goaways == [] and 3 in heads, (what, goaways, resets, heads)

# What looks odd and is allowed.
for what, sent in [
    ("unknown frames and flags", raw(0xbe, 0xff, 7, b"x" * 1000) + raw(6, 0xfe, 0, b"12345678")),
    ("unknown settings", SettingsFrame(0, settings={0xabc: 7}).serialize()),
    ("PRIORITY of an idle stream", PriorityFrame(9, depends_on=3).serialize()),
    ("a reserved bit", raw(1, 5, 1 << 31 | 1, hpack.Encoder().encode(head))),
    ("HEADERS with padding and priority", raw(1, 0x2d, 1, b"\x03\0\0\0\0\x10" + hpack.Encoder().encode(head) + b"\0\0\0")),
    ("a block in many parts", open_block.serialize() + b"".join(raw(9, 0, 1, bytes([byte])) for byte in b"\x86\x84\x01\x01")
     + raw(9, 4, 1, b"h")),
    ("data of a stream that was reset", post(1) + RstStreamFrame(1, error_code=8).serialize() + data(1, b"late")),
    ("WINDOW_UPDATE of a stream that has ended", whole + WindowUpdateFrame(1, window_increment=5).serialize()),
]:
    goaways, resets, heads = exchange(sent + headers(3, head))
    assert goaways == [] and 3 in heads, (what, goaways, resets, heads)
print("fine")
