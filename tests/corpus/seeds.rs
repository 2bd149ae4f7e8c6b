//! Where the bytes in `fuzz/corpus` come from.

use crate::node::{node_clones, node_lines, node_streams};
use crate::targets::fixtures::{Random, frame, hello, unhex};

/// A file in `fuzz/corpus`.
pub(crate) struct Seed {
    /// The folder and the file.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) verdict: &'static str,
}

pub(crate) fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut folder = |folder: &str, files: Vec<File>| {
        seeds.extend(files.into_iter().map(|(name, bytes, verdict)| Seed {
            name: format!("{folder}/{name}"),
            bytes,
            verdict,
        }));
    };
    folder("hello", hellos());
    folder("name", names());
    folder("node_json", node_lines());
    folder("node_stream", node_streams());
    folder("node_v8", node_clones());
    folder("round_trip", tapes());
    folder("scan", messages());
    folder("stream", streams());
    seeds
}

pub(crate) type File = (String, Vec<u8>, &'static str);

pub(crate) fn file(name: &str, bytes: impl AsRef<[u8]>, verdict: &'static str) -> File {
    (name.to_owned(), bytes.as_ref().to_vec(), verdict)
}

const MAGIC: &[u8] = b"\x89OFS\r\n\x1a\n";

/// A hello with this map.
fn hello_of(map: &[u8]) -> Vec<u8> {
    let len = u16::try_from(map.len()).unwrap();
    [MAGIC, &[1, 1], &len.to_be_bytes(), map].concat()
}

/// A hello that leaves everything out, and these bytes.
fn after_hello(parts: &[&[u8]]) -> Vec<u8> {
    [&hello_of(&[0x80])[..], &parts.concat()].concat()
}

fn message(body: &[u8]) -> Vec<u8> {
    frame(0, body)
}

fn goodbye(taken: u64) -> Vec<u8> {
    frame(1, &taken.to_be_bytes())
}

fn taken(count: u64) -> Vec<u8> {
    frame(2, &count.to_be_bytes())
}

fn hellos() -> Vec<File> {
    let protocol =
        |map: &str| hello_of(&[unhex("81 a8 70 72 6f 74 6f 63 6f 6c"), unhex(map)].concat());
    let max_message = |number: &str| {
        hello_of(
            &[
                unhex("81 ab 6d 61 78 5f 6d 65 73 73 61 67 65"),
                unhex(number),
            ]
            .concat(),
        )
    };
    let wire = |min, max| [MAGIC, &[min, max, 0, 1, 0x80]].concat();
    // A map of one key that nobody knows, as long as a map may be.
    let largest = [&unhex("81 a1 7a c5 0f ee")[..], &[0; 4078]].concat();
    let features = |names: &str| hello_of(&[&b"\x81\xa8features"[..], &unhex(names)].concat());
    vec![
        file("good-nothing-said", hello_of(&[0x80]), "Ok"),
        file("good-ours", hello(), "Ok"),
        file("good-wire-versions-1-to-255", wire(1, 255), "Ok"),
        file("good-wire-version-2-only", wire(2, 2), "Ok"),
        file("good-largest", hello_of(&largest), "Ok"),
        file(
            "good-unknown-keys",
            hello_of(b"\x82\xa3zzz\x81\xa4deep\x91\x91\x01\xa3aaa\xc0"),
            "Ok",
        ),
        file(
            "good-map-with-a-wide-length",
            hello_of(b"\xdf\0\0\0\x01\xdb\0\0\0\x05agent\xda\0\x01x"),
            "Ok",
        ),
        file("good-max-message-0", max_message("00"), "Ok"),
        file(
            "good-max-message-of-64-bits",
            max_message("cf ff ff ff ff ff ff ff ff"),
            "Ok",
        ),
        file(
            "good-protocol",
            protocol("83 a4 6e 61 6d 65 a3 6c 65 6e a3 6d 69 6e 02 a3 6d 61 78 04"),
            "Ok",
        ),
        file(
            "good-protocol-of-all-versions",
            protocol("83 a3 6d 61 78 ce ff ff ff ff a3 6d 69 6e 00 a4 6e 61 6d 65 a1 61"),
            "Ok",
        ),
        file("good-features", features("92 a2 66 64 a3 73 68 6d"), "Ok"),
        file(
            "good-refused",
            hello_of(b"\x82\xa5agent\xa4peer\xa7refused\xabno room \xe2\x82\xac"),
            "Ok",
        ),
        file(
            "good-agent-with-line-ends",
            hello_of(b"\x81\xa5agent\xa5a\r\n\x1b["),
            "Ok",
        ),
        file("bad-empty", [], "Truncated"),
        file("bad-cut-in-the-magic", &MAGIC[..3], "Truncated"),
        file("bad-cut-in-the-map", &hello()[..20], "Truncated"),
        file("bad-bytes-behind", [hello(), vec![0]].concat(), "Malformed"),
        file("bad-http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "Protocol"),
        file(
            "bad-tls",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            "Protocol",
        ),
        file("bad-json", b"{\"jsonrpc\":\"2.0\"}\n", "Protocol"),
        file(
            "bad-control-characters",
            b"\x1b[2Jhi\r\nroot: ok\r\n",
            "Protocol",
        ),
        file(
            "bad-line-ends-changed",
            [&b"\x89OFS\n\x1a\n"[..], &hello()[8..]].concat(),
            "Protocol",
        ),
        file(
            "bad-seven-bits",
            [&b"\x09OFS\r\n\x1a\n"[..], &hello()[8..]].concat(),
            "Protocol",
        ),
        file("bad-wire-version-0", wire(0, 1), "Protocol"),
        file("bad-wire-versions-swapped", wire(2, 1), "Protocol"),
        file(
            "bad-map-longer-than-4084",
            [MAGIC, &[1, 1, 0x0f, 0xf5]].concat(),
            "Protocol",
        ),
        file("bad-map-missing", hello_of(&[]), "Protocol"),
        file("bad-map-is-nil", hello_of(&[0xc0]), "Protocol"),
        file("bad-map-cut", hello_of(&[0x81]), "Protocol"),
        file(
            "bad-map-bomb",
            hello_of(&unhex("df ff ff ff ff")),
            "Protocol",
        ),
        file("bad-two-maps", hello_of(&[0x80, 0x80]), "Protocol"),
        file(
            "bad-too-deep",
            hello_of(&[&b"\x81\xa1z"[..], &[0x91; 8], &[0xc0]].concat()),
            "Protocol",
        ),
        file("bad-key-is-a-number", hello_of(&[0x81, 1, 2]), "Protocol"),
        file(
            "bad-key-is-not-utf-8",
            hello_of(&unhex("81 a1 ff 02")),
            "Protocol",
        ),
        file(
            "bad-key-twice",
            hello_of(b"\x82\xa1a\x01\xd9\x01a\x02"),
            "Protocol",
        ),
        file("bad-max-message-negative", max_message("ff"), "Protocol"),
        file(
            "bad-agent-of-256-bytes",
            hello_of(&[&b"\x81\xa5agent\xda\x01\0"[..], &[b'x'; 256]].concat()),
            "Protocol",
        ),
        file("bad-features-are-numbers", features("92 01 02"), "Protocol"),
        file(
            "bad-refused-is-a-number",
            hello_of(b"\x81\xa7refused\x01"),
            "Protocol",
        ),
        file(
            "bad-protocol-without-name",
            protocol("82 a3 6d 69 6e 01 a3 6d 61 78 01"),
            "Protocol",
        ),
        file(
            "bad-protocol-without-versions",
            protocol("83 a4 6e 61 6d 65 a1 61 a3 6d 69 6e 02 a3 6d 61 78 01"),
            "Protocol",
        ),
        file(
            "bad-protocol-version-of-33-bits",
            protocol(
                "83 a4 6e 61 6d 65 a1 61 a3 6d 69 6e 01 a3 6d 61 78 cf 00 00 00 01 00 00 00 00",
            ),
            "Protocol",
        ),
    ]
}

fn names() -> Vec<File> {
    let socket = |len: usize| format!("/{}", "s".repeat(len - 1));
    let pipe = |len: usize| format!(r"\\.\pipe\{}", "p".repeat(len - 9));
    let bad = |name, bytes: &[u8]| file(name, bytes, "InvalidName");
    let good = |name, text: &str| file(name, text, "Ok");
    vec![
        good("good-label", "com.example_2.indexer-7"),
        good("good-label-of-64", &"l".repeat(64)),
        good("good-label-device-of-dos", "con"),
        good("good-socket", "/run/user/1000/x.sock"),
        good("good-socket-of-103", &socket(103)),
        good("good-socket-with-dots", "/tmp/../x"),
        file("good-socket-not-utf-8", b"/\xff\xfe", "Ok"),
        good("good-pipe", r"\\.\pipe\x"),
        good("good-pipe-in-capitals", r"\\.\PIPE\a b.c"),
        good("good-pipe-of-256", &pipe(256)),
        bad("bad-empty", b""),
        bad("bad-label-of-65", "l".repeat(65).as_bytes()),
        bad("bad-label-hidden", b".hidden"),
        bad("bad-label-option", b"-rf"),
        bad("bad-label-with-dot-behind", b"jobs."),
        bad("bad-label-up", b".."),
        bad("bad-label-with-space", b"a b"),
        bad("bad-label-with-nul", b"a\0b"),
        bad("bad-label-with-line-end", b"a\n"),
        bad("bad-label-not-ascii", "é".as_bytes()),
        bad("bad-socket-relative", b"a/b"),
        bad("bad-socket-is-a-folder", b"/run/"),
        bad("bad-socket-root", b"/"),
        bad("bad-socket-with-nul", b"/a\0b"),
        bad("bad-socket-abstract", b"\0x"),
        bad("bad-socket-of-108", socket(108).as_bytes()),
        bad("bad-pipe-remote", br"\\server\pipe\x"),
        bad("bad-pipe-unparsed", br"\\?\pipe\x"),
        bad("bad-pipe-without-name", br"\\.\pipe\"),
        bad("bad-pipe-in-a-folder", br"\\.\pipe\a\b"),
        bad("bad-pipe-with-slash", br"\\.\pipe\a/b"),
        bad("bad-pipe-up", br"\\.\pipe\..\x"),
        bad("bad-pipe-with-dot-behind", br"\\.\pipe\a."),
        bad("bad-pipe-with-nul", b"\\\\.\\pipe\\a\0"),
        bad("bad-pipe-with-replacement", r"\\.\pipe\a�".as_bytes()),
        bad(
            "bad-pipe-prefix-cut-in-a-character",
            r"\\.\pipeé".as_bytes(),
        ),
        bad("bad-pipe-of-257", pipe(257).as_bytes()),
    ]
}

/// Choices for `round_trip`. No one says what is in them, so they are good in any case.
fn tapes() -> Vec<File> {
    let mut random = Random(6);
    let mut files = vec![file("good-nothing", [], "Ok")];
    for n in 1..=8 {
        let mut bytes = random.bytes(40 * n);
        // The limits and the encoding.
        bytes[..2].copy_from_slice(&[n as u8, (n / 3) as u8]);
        files.push(file(&format!("good-choices-{n}"), bytes, "Ok"));
    }
    files
}

fn nested(opening: &[u8], levels: usize, leaf: &[u8]) -> Vec<u8> {
    [&opening.repeat(levels)[..], leaf].concat()
}

fn messages() -> Vec<File> {
    let good = |name, bytes: &[u8]| file(name, bytes, "Ok");
    let bad = |name, bytes: &[u8]| file(name, bytes, "Malformed");
    let deep = |name, bytes: &[u8]| file(name, bytes, "TooDeep");
    let numbers = "9d 00 7f e0 ff cc ff cd ff ff ce ff ff ff ff cf ff ff ff ff ff ff ff ff \
                   d0 80 d1 80 00 d2 80 00 00 00 d3 80 00 00 00 00 00 00 00 c0";
    let strings = [
        &b"\x96\xa0\xa1a\xd9\x02\xc3\xb6\xda\0\x01b\xdb\0\0\0\x01c\xbf"[..],
        &[b'x'; 31],
    ]
    .concat();
    let extensions = [
        &unhex("98 d4 01 00 d5 02 00 00 d6 ff 00 00 00 00")[..],
        &[0xd7; 10],
        &[0xd8; 18],
        &unhex("c7 01 05 00 c8 00 01 05 00 c9 00 00 00 00 05"),
    ]
    .concat();
    vec![
        good("good-nil", &[0xc0]),
        good("good-bools", &unhex("92 c2 c3")),
        good("good-integers-of-every-width", &unhex(numbers)),
        good("good-floats", &unhex("93 ca 7f 80 00 00 cb ff f8 00 00 00 00 00 01 cb 80 00 00 00 00 00 00 00")),
        good("good-strings-of-every-width", &strings),
        good("good-string-not-utf-8", &unhex("a2 ff fe")),
        good("good-bytes-of-every-width", &unhex("93 c4 01 00 c5 00 01 00 c6 00 00 00 01 00")),
        good("good-arrays-of-every-width", &unhex("93 90 dc 00 01 c0 dd 00 00 00 01 c0")),
        good("good-maps-of-every-width", &unhex("83 01 80 02 de 00 01 c0 c0 03 df 00 00 00 01 c0 c0")),
        good("good-extensions-of-every-width", &extensions),
        good("good-key-is-a-map", &unhex("81 81 01 02 03")),
        good("good-key-twice", &unhex("82 a1 61 01 a1 61 02")),
        good("good-enum-variants", b"\x94\xa4Leaf\x81\xa3Neg\xa4Leaf\x81\xa4Both\x92\xa4Leaf\xa4Leaf\x81\xa5Named\x81\xa5inner\xc0"),
        good("good-tagged", b"\x82\xa1t\xa1B\xa1c\x82\xa1t\xa1C\xa1c\x81\xa1x\x90"),
        good("good-siblings", &[&[0xdc, 1, 0][..], &[0x91, 0x90].repeat(256)].concat()),
        good("good-depth-128", &nested(&[0x91], 127, &[0x90])),
        good("good-depth-128-by-enum", &nested(b"\x81\xa3Neg", 128, b"\xa4Leaf")),
        good("good-depth-128-by-extension", &nested(&[0x91], 127, &unhex("d4 01 02"))),
        deep("bad-depth-129", &nested(&[0x91], 128, &[0x90])),
        deep("bad-depth-129-by-maps", &nested(b"\x81\xa1a", 129, &[0xc0])),
        deep("bad-depth-129-by-keys", &[vec![0x81; 129], vec![0xc0; 130]].concat()),
        deep("bad-depth-129-by-enum", &nested(b"\x81\xa3Neg", 129, b"\xa4Leaf")),
        deep("bad-depth-129-by-extension", &nested(&[0x91], 128, &unhex("d4 01 02"))),
        deep("bad-depth-2000", &nested(&[0x91], 2000, &[0xc0])),
        bad("bad-nothing", &[]),
        bad("bad-two-values", &[0xc0, 0xc0]),
        bad("bad-reserved-byte", &[0x91, 0xc1]),
        bad("bad-cut-in-a-number", &unhex("cd 01")),
        bad("bad-cut-in-a-string", b"\xa3ab"),
        bad("bad-cut-in-an-array", &[0x92, 0xc0]),
        bad("bad-cut-in-a-map", &[0x81, 0xc0]),
        bad("bad-cut-in-an-extension", &unhex("c7 02 01 00")),
        bad("bad-length-bomb-array", &unhex("dd ff ff ff ff 01")),
        bad("bad-length-bomb-map", &unhex("df ff ff ff ff 01")),
        bad("bad-length-bomb-map-of-half", &unhex("df 80 00 00 00 01")),
        bad("bad-length-bomb-string", &unhex("db ff ff ff ff 01")),
        bad("bad-length-bomb-bytes", &unhex("c6 ff ff ff ff 01")),
        bad("bad-length-bomb-extension", &unhex("c9 ff ff ff ff 01")),
        bad("bad-length-bombs-nested", &unhex("dd ff ff ff ff").repeat(100)),
        bad("bad-lengths-true-one-by-one", &unhex("dc 10 00").repeat(2000)),
    ]
}

fn streams() -> Vec<File> {
    let malformed = |name, body: &[u8]| {
        // Skipped, and the message behind it is read.
        file(
            name,
            after_hello(&[&message(body), &message(&[7])]),
            "Malformed",
        )
    };
    let protocol = |name, parts: &[&[u8]]| file(name, after_hello(parts), "Protocol");
    let deepest = nested(&[0x91], 127, &[0x90]);
    let deeper = nested(&[0x91], 128, &[0x90]);
    let wire_2 = [MAGIC, &[2, 3, 0, 1, 0x80]].concat();
    let named = hello_of(b"\x81\xa8protocol\x83\xa4name\xa3len\xa3min\x01\xa3max\x02");
    let random = Random(7).bytes(200);
    vec![
        file("good-hello", hello(), "Ok"),
        file(
            "good-two-messages",
            after_hello(&[&message(b"\xa2hi"), &message(&[5])]),
            "Ok",
        ),
        file(
            "good-goodbye",
            after_hello(&[&message(&[1]), &goodbye(3), &taken(4)]),
            "Ok",
        ),
        file(
            "good-taken-grows",
            after_hello(&[&taken(0), &taken(1), &taken(u64::MAX), &goodbye(u64::MAX)]),
            "Ok",
        ),
        file(
            "good-unknown-kinds-that-may-be-skipped",
            after_hello(&[&frame(0x80, &random), &message(&[1]), &frame(0xff, &[])]),
            "Ok",
        ),
        file(
            "good-unknown-kind-behind-the-goodbye",
            after_hello(&[&goodbye(0), &frame(0x90, &[1])]),
            "Ok",
        ),
        file("good-depth-128", after_hello(&[&message(&deepest)]), "Ok"),
        file(
            "good-record",
            after_hello(&[&message(
                b"\x83\xa2id\xcd\x01\x02\xa4tags\x92\xa1a\xa1b\xa4body\xc4\x03\0\x01\x02",
            )]),
            "Ok",
        ),
        file(
            "good-many-messages",
            after_hello(&[&message(&[0xc3]).repeat(100)]),
            "Ok",
        ),
        file("bad-nothing", [], "Disconnected"),
        file("bad-http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "Protocol"),
        file("bad-hello-cut", &hello()[..11], "Truncated"),
        file("bad-hello-twice", [hello(), hello()].concat(), "TooLarge"),
        file("bad-wire-versions-2-to-3", wire_2, "Incompatible"),
        file("bad-protocol-nobody-asked-for", named, "Incompatible"),
        file(
            "bad-length-cut",
            after_hello(&[&message(&[1]), &[0, 0]]),
            "Truncated",
        ),
        file(
            "bad-frame-cut",
            after_hello(&[&message(&[1]), &message(b"\xa2hi")[..6]]),
            "Truncated",
        ),
        file(
            "bad-frame-of-16-mib-cut",
            after_hello(&[&[1, 0, 0, 1, 0, 0xc6]]),
            "Truncated",
        ),
        file(
            "bad-length-0",
            after_hello(&[&[0, 0, 0, 0], &message(&[1])]),
            "Protocol",
        ),
        file(
            "bad-length-one-too-many",
            after_hello(&[&[1, 0, 0, 2, 0]]),
            "TooLarge",
        ),
        file(
            "bad-length-bomb",
            after_hello(&[&message(&[1]), &[0xff; 4]]),
            "TooLarge",
        ),
        protocol("bad-kind-3", &[&frame(3, &[])]),
        protocol("bad-kind-7f", &[&message(&[1]), &frame(0x7f, &[1, 2])]),
        protocol("bad-goodbye-of-7-bytes", &[&frame(1, &[0; 7])]),
        protocol("bad-goodbye-of-9-bytes", &[&frame(1, &[0; 9])]),
        protocol("bad-goodbye-twice", &[&goodbye(1), &goodbye(1)]),
        protocol("bad-message-behind-goodbye", &[&goodbye(1), &message(&[1])]),
        protocol("bad-taken-goes-down", &[&taken(2), &taken(1)]),
        protocol("bad-goodbye-below-taken", &[&taken(2), &goodbye(1)]),
        protocol("bad-taken-below-goodbye", &[&goodbye(2), &taken(1)]),
        malformed("bad-message-empty", &[]),
        malformed("bad-message-of-two-values", &[1, 2]),
        malformed("bad-message-reserved-byte", &[0xc1]),
        malformed("bad-message-array-bomb", &unhex("dd ff ff ff ff")),
        malformed("bad-message-map-bomb", &unhex("df ff ff ff ff")),
        malformed("bad-message-string-bomb", &unhex("db ff ff ff ff")),
        file(
            "bad-message-depth-129",
            after_hello(&[&message(&deeper), &message(&[7])]),
            "TooDeep",
        ),
        file(
            "bad-message-of-another-type",
            after_hello(&[&message(&unhex("d4 01 02")), &message(&[7])]),
            "Decode",
        ),
    ]
}
