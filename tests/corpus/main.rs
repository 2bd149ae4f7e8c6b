//! The seeds of the fuzzer on every system, with plain Rust: what is good is accepted, what is bad is refused for the
//! right reason, and nothing panics.
//!
//! `fuzz/corpus` holds the bytes, one folder for each target, and `verdicts.txt`, which says what becomes of them.
//! Other implementations of the wire can use both. `seeds.rs` says where the bytes come from; after a change of it run
//!
//! ```sh
//! OFFSPRING_WRITE_CORPUS=1 cargo test --test corpus the_files_are
//! ```
#![expect(clippy::unwrap_used, reason = "in a test it is the assertion")]

mod node;
mod seeds;
#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library for the fuzzer")]
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[cfg(feature = "node")]
use offspring::node::Serialization;
use offspring::wire::{Body, Hello, Inbox, Limits};
use serde::de::DeserializeOwned;

use crate::seeds::{Seed, seeds};
use crate::targets::Verdict;
use crate::targets::fixtures::Value;

/// Relative, so that it is found from Wine too.
const CORPUS: &str = "fuzz/corpus";

const FOLDERS: [&str; 8] = [
    "hello",
    "name",
    "node_json",
    "node_stream",
    "node_v8",
    "round_trip",
    "scan",
    "stream",
];

/// Runs every file of a folder, also what a fuzzer has found, and compares the verdicts.
#[track_caller]
fn judge(folder: &str, target: fn(&[u8]) -> Verdict) {
    let mut expected = read_verdicts();
    expected.retain(|name, _| name.starts_with(&format!("{folder}/")));
    let mut wrong = Vec::new();
    for (name, bytes) in files(&Path::new(CORPUS).join(folder)) {
        println!("{name}");
        // An interpreter takes minutes for the long ones, which differ in nothing but their length.
        if cfg!(miri) && bytes.len() > 150 {
            expected.remove(&format!("{folder}/{name}"));
            continue;
        }
        let verdict = say(target(&bytes));
        match expected.remove(&format!("{folder}/{name}")) {
            Some(other) if other != verdict => {
                wrong.push(format!("{name}: {verdict}, not {other}"))
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(expected.is_empty(), "no file for {:?}", expected.keys());
}

#[test]
fn streams() {
    judge("stream", targets::stream);
}

#[test]
#[cfg(feature = "tokio")]
fn streams_into_a_connection() {
    for (name, bytes) in files(&Path::new(CORPUS).join("stream")) {
        println!("{name}");
        targets::connection(&bytes);
    }
}

#[test]
fn hellos() {
    judge("hello", targets::hello);
}

#[test]
fn messages() {
    judge("scan", targets::scan);
}

#[test]
fn names() {
    judge("name", targets::name);
}

#[test]
#[cfg(feature = "node")]
fn messages_of_node_in_json() {
    judge("node_json", targets::node_json);
}

#[test]
#[cfg(feature = "node")]
fn messages_of_node_as_clones() {
    judge("node_v8", targets::node_v8);
}

#[test]
#[cfg(feature = "node")]
fn streams_of_node() {
    judge("node_stream", targets::node_stream);
}

#[test]
fn samples_of_a_program() {
    judge("round_trip", targets::round_trip);
}

#[test]
fn names_of_files_tell_their_verdicts() {
    for (name, verdict) in read_verdicts() {
        let (_, file) = name.split_once('/').unwrap();
        match verdict.as_str() {
            "Ok" => assert!(file.starts_with("good-"), "{name}"),
            _ => assert!(file.starts_with("bad-"), "{name}"),
        }
    }
}

/// What is refused costs next to nothing, whatever it claims.
#[test]
#[cfg_attr(
    miri,
    ignore = "counts what the program allocates, and the interpreter allocates too"
)]
fn bad_bytes_are_refused_in_64_kib() {
    for (name, verdict) in read_verdicts()
        .into_iter()
        .filter(|(_, verdict)| verdict != "Ok")
    {
        let bytes = fs::read(Path::new(CORPUS).join(&name)).unwrap();
        let mut refused = false;
        let info = allocation_counter::measure(|| {
            refused = match name.split('/').next().unwrap() {
                "stream" => {
                    let inbox = Inbox::new(Limits::new(), Hello::new());
                    read_stream::<Value>(inbox, &bytes).is_err()
                }
                #[cfg(feature = "node")]
                "node_stream" => {
                    let (&choice, bytes) = bytes.split_first().unwrap();
                    let inbox = Inbox::from_node(Limits::new(), targets::node_format(choice));
                    read_stream::<offspring::node::Value>(inbox, bytes).is_err()
                }
                "hello" => Hello::parse(&bytes).is_err() || verdict != "Protocol",
                #[cfg(feature = "node")]
                "node_json" => Serialization::Json
                    .decode::<offspring::node::Value>(&bytes, Limits::new())
                    .is_err(),
                #[cfg(feature = "node")]
                "node_v8" => Serialization::Advanced
                    .decode::<offspring::node::Value>(&bytes, Limits::new())
                    .is_err(),
                "scan" => Body::new(&bytes, Limits::new()).decode::<Value>().is_err(),
                _ => true,
            };
        });
        assert!(refused, "{name}");
        assert!(info.bytes_max < 64 * 1024, "{name}: {info:?}");
    }
}

/// Reads and decodes as a program does, from a source that gives as much as there is room.
fn read_stream<T: DeserializeOwned>(mut inbox: Inbox, mut bytes: &[u8]) -> offspring::Result<()> {
    loop {
        while let Some(envelope) = inbox.next()? {
            if let offspring::wire::Envelope::Message(body) = envelope {
                body.decode::<T>()?;
            }
        }
        if bytes.is_empty() {
            return inbox.end();
        }
        let space = inbox.space();
        let n = space.len().min(bytes.len());
        space[..n].copy_from_slice(&bytes[..n]);
        inbox.filled(n);
        bytes = &bytes[n..];
    }
}

#[test]
#[cfg_attr(miri, ignore = "nothing that an interpreter would see")]
fn the_files_are_what_the_seeds_say() {
    let mut seeds = seeds();
    seeds.sort_by(|left, right| left.name.cmp(&right.name));
    assert!(seeds.iter().map(|seed| seed.bytes.len()).sum::<usize>() < 200 * 1024);
    let write = std::env::var_os("OFFSPRING_WRITE_CORPUS").is_some();
    if write {
        write_files(&seeds);
    }
    let mut rest: BTreeMap<_, _> = FOLDERS
        .into_iter()
        .flat_map(|folder| {
            let files = files(&Path::new(CORPUS).join(folder)).into_iter();
            files.map(move |(name, bytes)| (format!("{folder}/{name}"), bytes))
        })
        // What a fuzzer has found is named after a hash.
        .filter(|(name, _)| name.contains("/good-") || name.contains("/bad-"))
        .collect();
    let verdicts = read_verdicts();
    for seed in &seeds {
        assert_eq!(
            rest.remove(&seed.name).as_ref(),
            Some(&seed.bytes),
            "{}",
            seed.name
        );
        assert_eq!(
            verdicts.get(&seed.name).map(String::as_str),
            Some(seed.verdict),
            "{}",
            seed.name
        );
    }
    assert!(rest.is_empty(), "no seed is called {:?}", rest.keys());
    assert_eq!(verdicts.len(), seeds.len());
}

fn write_files(seeds: &[Seed]) {
    let mut verdicts = String::new();
    for seed in seeds {
        let path = Path::new(CORPUS).join(&seed.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &seed.bytes).unwrap();
        verdicts += &format!("{} {}\n", seed.name, seed.verdict);
    }
    fs::write(Path::new(CORPUS).join("verdicts.txt"), verdicts).unwrap();
}

fn read_verdicts() -> BTreeMap<String, String> {
    let text = fs::read_to_string(Path::new(CORPUS).join("verdicts.txt")).unwrap();
    text.lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, verdict)| (name.to_owned(), verdict.to_owned()))
        .collect()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let path = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path();
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(path).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths
        .iter()
        .map(|path| (name(path), fs::read(path).unwrap()))
        .collect()
}

/// The name of a kind without its numbers.
fn say(verdict: Verdict) -> String {
    match verdict {
        Ok(()) => "Ok".to_owned(),
        Err(kind) => format!("{kind:?}").split(' ').next().unwrap().to_owned(),
    }
}
