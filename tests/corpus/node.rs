//! Where the messages of Node.js in `fuzz/corpus` come from.

use crate::seeds::{File, file};

/// Lines of JSON for the channel of Node.js.
pub(crate) fn node_lines() -> Vec<File> {
    let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    vec![
        file("good-null", "null", "Ok"),
        file("good-true", "true", "Ok"),
        file("good-integer", "-12345678901", "Ok"),
        file("good-integer-of-70-bits", "1180591620717411303424", "Ok"),
        file("good-float", "1.5e-300", "Ok"),
        file("good-negative-zero", "-0", "Ok"),
        file("good-string", r#""a\n\u00e9\\\"\/""#, "Ok"),
        file("good-pair-of-surrogates", r#""\ud83d\ude00""#, "Ok"),
        file(
            "good-half-a-pair",
            r#"["\ud800","\udc00\ud800x",{"\udfff":1}]"#,
            "Ok",
        ),
        file("good-not-utf-8", b"\"a\xff\xe2\x82\"", "Ok"),
        file("good-line-separators", "\"\u{2028}\u{2029}\"", "Ok"),
        file("good-array", "[1,[2,[]],{}]", "Ok"),
        file("good-object", r#"{"a":1,"b":{"c":null},"":[true]}"#, "Ok"),
        file("good-key-twice", r#"{"a":1,"a":2}"#, "Ok"),
        file(
            "good-buffer",
            r#"{"type":"Buffer","data":[97,0,255]}"#,
            "Ok",
        ),
        file("good-control", r#"{"cmd":"NODE_HANDLE_ACK"}"#, "Ok"),
        file("good-white-space", " \t[ 1 , 2 ] \r\n", "Ok"),
        file("good-levels-128", deep(128), "Ok"),
        file("bad-levels-129", deep(129), "TooDeep"),
        file(
            "bad-levels-in-a-string-that-is-none",
            "\"[[\" [",
            "Malformed",
        ),
        file("bad-empty", "", "Malformed"),
        file("bad-cut-array", "[1,", "Malformed"),
        file("bad-cut-string", "\"a", "Malformed"),
        file("bad-cut-escape", "\"\\ud8", "Malformed"),
        file("bad-comma-behind", "[1,]", "Malformed"),
        file("bad-two-values", "1 2", "Malformed"),
        file("bad-line-end-in-a-string", "\"a\nb\"", "Malformed"),
        file("bad-nan", "NaN", "Malformed"),
        file("bad-byte-order-mark", "\u{feff}1", "Malformed"),
        file("bad-log-line", "listening on port 80", "Malformed"),
        file("bad-number-too-large", "1e999", "Decode"),
    ]
}

/// V8's structured clones: what a Node.js has sent, and what none sends.
pub(crate) fn node_clones() -> Vec<File> {
    let golden = include_str!("../node_codec/golden.txt").lines().enumerate();
    let mut files: Vec<File> = golden
        .map(|(line, text)| {
            let (_, bytes) = text.rsplit_once("  =>  ").unwrap();
            file(&format!("good-sent-{line:03}"), unhex(bytes), "Ok")
        })
        .collect();
    let clone = |digits: &str| [unhex("ff 0f"), unhex(digits)].concat();
    let nested = |levels: usize| {
        let (begin, end) = ("41 01 ".repeat(levels), "24 00 01".repeat(levels));
        clone(&format!("{begin} 30 {end}"))
    };
    files.extend([
        file("good-version-13", b"\xff\x0d0", "Ok"),
        file("good-padding", clone("00 00 41 01 00 30 24 00 01"), "Ok"),
        file("good-utf-8", clone("53 03 e2 82 ac"), "Ok"),
        file("good-utf-8-that-is-none", clone("53 02 61 ff"), "Ok"),
        file("good-unsigned", clone("55 ff ff ff ff 0f"), "Ok"),
        file("good-counted", clone("3f 07 30"), "Ok"),
        file(
            "good-view-of-a-buffer",
            clone("41 03 42 03 00 01 02 56 42 01 02 00 5e 01 5e 02 24 00 03"),
            "Ok",
        ),
        file("good-holes", clone("41 03 2d 49 02 2d 24 00 03"), "Ok"),
        file(
            "good-gaps",
            clone("61 80 d0 ac f3 0e 40 00 80 d0 ac f3 0e"),
            "Ok",
        ),
        file(
            "good-laughs",
            clone("41 02 41 02 41 02 22 01 61 22 01 62 24 00 02 5e 02 24 00 02 5e 01 24 00 02"),
            "Ok",
        ),
        file("good-levels-128", nested(128), "Ok"),
        file("bad-levels-129", nested(129), "TooDeep"),
        file(
            "bad-levels-of-objects",
            clone(&"6f 22 01 61".repeat(1000)),
            "TooDeep",
        ),
        file("bad-many-items", clone("41 c1 84 3d"), "Malformed"),
        file("bad-empty", b"", "Malformed"),
        file("bad-version-12", b"\xff\x0c0", "Malformed"),
        file("bad-version-16", b"\xff\x100", "Malformed"),
        file("bad-no-header", b"0", "Malformed"),
        file("bad-no-value", clone(""), "Malformed"),
        file("bad-trailing", clone("30 30"), "Malformed"),
        file("bad-tag", clone("21"), "Malformed"),
        file("bad-array-bomb", clone("41 ff ff ff ff 0f"), "Malformed"),
        file(
            "bad-string-bomb",
            clone("22 ff ff ff ff 0f 61"),
            "Malformed",
        ),
        file("bad-bigint-bomb", clone("5a fe ff ff ff 0f"), "Malformed"),
        file(
            "bad-buffer-bomb",
            clone("5c 00 0a ff ff ff ff 0f"),
            "Malformed",
        ),
        file(
            "bad-count-of-an-object",
            clone("6f 22 01 61 30 7b 02"),
            "Malformed",
        ),
        file("bad-key-is-null", clone("6f 30 30 7b 01"), "Malformed"),
        file("bad-hole-alone", clone("2d"), "Malformed"),
        file("bad-half-an-entry", clone("3b 30 3a 01"), "Malformed"),
        file(
            "bad-reference-ahead",
            clone("41 02 5e 01 6f 7b 00 24 00 02"),
            "Malformed",
        ),
        file("bad-reference-to-nothing", clone("5e 00"), "Malformed"),
        file(
            "bad-view-too-large",
            clone("42 01 00 56 42 01 01 00"),
            "Malformed",
        ),
        file("bad-half-an-element", clone("5c 00 03 01 00"), "Malformed"),
        file("bad-view-unknown", clone("5c 00 63 00"), "Malformed"),
        file("bad-flags", clone("52 22 01 61 80 04"), "Malformed"),
        file("bad-part-of-an-error", clone("72 71 2e"), "Malformed"),
    ]);
    files
}

/// Bytes of hexadecimal digits, with any spaces.
fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<char> = digits.chars().filter(|char| *char != ' ').collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Streams from a Node.js. The first byte is for the target: how the stream is written.
pub(crate) fn node_streams() -> Vec<File> {
    const JSON: u8 = 0;
    const ADVANCED: u8 = 1;
    const FRAMED: u8 = 2;
    const CLUSTER: u8 = 4;
    let of = |choice: u8, parts: &[&[u8]]| [&[choice][..], &parts.concat()].concat();
    let sized = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    let clone = |digits: &str| sized(&[unhex("ff 0f"), unhex(digits)].concat());
    let head = |flags: u8, length: usize| {
        let mut head = [0; 16];
        (head[0], head[8]) = (flags, u8::try_from(length).unwrap());
        head
    };
    let piece = |bytes: &[u8]| [&head(1, bytes.len()), bytes].concat();
    let handle = br#"{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{"a":1}}"#;
    let twice = br#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_HANDLE","type":"net.Server","msg":7}}"#;
    let cluster = br#"{"cmd":"NODE_CLUSTER","act":"online"}"#;
    let (hi, seven) = (clone("22 02 68 69"), clone("49 0e"));
    // {cmd: "NODE_HANDLE_ACK"}
    let ack = clone("6f 22 03 63 6d 64 22 0f 4e 4f 44 45 5f 48 41 4e 44 4c 45 5f 41 43 4b 7b 01");
    let transfer = [0xee; 632];
    let mut wrong = head(1, 2);
    wrong[12] = 1;
    vec![
        file("good-nothing", of(JSON, &[]), "Ok"),
        file("good-lines", of(JSON, &[b"\"hi\"\n7\n{}\n"]), "Ok"),
        file(
            "good-lines-of-windows",
            of(JSON, &[b"\"hi\"\r\n7\r\n"]),
            "Ok",
        ),
        file(
            "good-lines-with-handles",
            of(JSON, &[handle, b"\n", twice, b"\n7\n"]),
            "Ok",
        ),
        file(
            "good-lines-for-node",
            of(JSON, &[cluster, b"\n{\"cmd\":\"NODE_HANDLE_NACK\"}\n7\n"]),
            "Ok",
        ),
        file(
            "good-lines-of-a-cluster",
            of(JSON | CLUSTER, &[cluster, b"\n7\n"]),
            "Ok",
        ),
        file(
            "good-clones",
            of(ADVANCED, &[&hi, &seven, &ack, &seven]),
            "Ok",
        ),
        file(
            "good-pieces-of-lines",
            of(
                JSON | FRAMED,
                &[
                    &piece(b"\"h"),
                    &piece(b"i\"\n7"),
                    &head(0, 0),
                    &piece(b"\n"),
                ],
            ),
            "Ok",
        ),
        file(
            "good-pieces-of-clones",
            of(
                ADVANCED | FRAMED,
                &[&piece(&hi[..3]), &piece(&[&hi[3..], &seven[..]].concat())],
            ),
            "Ok",
        ),
        file(
            "good-pieces-with-a-socket",
            of(
                JSON | FRAMED,
                &[
                    &head(7, 2),
                    &transfer,
                    b"7\n",
                    &head(2, 0),
                    &transfer,
                    &piece(b"8\n"),
                ],
            ),
            "Ok",
        ),
        file(
            "bad-line-then-good",
            of(JSON, &[b"listening on port 80\n7\n"]),
            "Malformed",
        ),
        file("bad-line-empty", of(JSON, &[b"\n7\n"]), "Malformed"),
        file("bad-line-cut", of(JSON, &[b"7\n{\"a\":"]), "Truncated"),
        file(
            "bad-line-too-deep",
            of(JSON, &["[".repeat(129).as_bytes(), b"\n7\n"]),
            "TooDeep",
        ),
        file(
            "bad-clone-then-good",
            of(ADVANCED, &[&clone("21"), &seven]),
            "Malformed",
        ),
        file(
            "bad-clone-empty",
            of(ADVANCED, &[&[0; 4], &seven]),
            "Malformed",
        ),
        file(
            "bad-clone-trailing",
            of(ADVANCED, &[&clone("30 30"), &seven]),
            "Malformed",
        ),
        file(
            "bad-length-bomb",
            of(ADVANCED, &[&seven, &[0xff; 4]]),
            "TooLarge",
        ),
        file(
            "bad-length-one-too-many",
            of(ADVANCED, &[&[1, 0, 0, 1, 0xff]]),
            "TooLarge",
        ),
        file(
            "bad-length-of-16-mib-cut",
            of(ADVANCED, &[&seven, &[1, 0, 0, 0, 0xff]]),
            "Truncated",
        ),
        file(
            "bad-length-cut",
            of(ADVANCED, &[&seven, &[0, 0]]),
            "Truncated",
        ),
        file("bad-clone-cut", of(ADVANCED, &[&hi, &hi[..6]]), "Truncated"),
        file(
            "bad-piece-cut",
            of(JSON | FRAMED, &[&head(1, 3), b"7\n"]),
            "Truncated",
        ),
        file(
            "bad-piece-bomb",
            of(
                JSON | FRAMED,
                &[
                    &[1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
                    b"7\n",
                ],
            ),
            "Truncated",
        ),
        file(
            "bad-head-cut",
            of(JSON | FRAMED, &[&piece(b"7\n"), &head(1, 3)[..15]]),
            "Truncated",
        ),
        file(
            "bad-head-flags",
            of(JSON | FRAMED, &[&piece(b"7\n"), &head(8, 2), b"8\n"]),
            "Protocol",
        ),
        file(
            "bad-head-length-without-flag",
            of(ADVANCED | FRAMED, &[&piece(&seven), &head(0, 2), b"8\n"]),
            "Protocol",
        ),
        file(
            "bad-head-connection-without-socket",
            of(JSON | FRAMED, &[&head(5, 2), b"8\n"]),
            "Protocol",
        ),
        file(
            "bad-head-reserved",
            of(JSON | FRAMED, &[&wrong, b"8\n"]),
            "Protocol",
        ),
        file(
            "bad-head-is-none",
            of(JSON | FRAMED, &[b"{\"a\":\"not in pieces\"}\n"]),
            "Protocol",
        ),
        file(
            "bad-head-in-a-message",
            of(JSON | FRAMED, &[&piece(b"7\n\"h"), &head(8, 2)]),
            "Protocol",
        ),
    ]
}
