//! The plan of the house, as far as a program can check it. See ARCHITECTURE.md and CONTRIBUTING.md for the reasons.

#![expect(
    clippy::unwrap_used,
    reason = "in a helper as in a test it says what is expected"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
struct Source {
    /// From the root of the repository, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// The lines that the compiler sees, with their numbers. A `//` inside of a string ends the line here too.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().zip(1..);
        lines
            .map(|(line, number)| (number, line.split("//").next().unwrap()))
            .filter(|(_, line)| !line.trim().is_empty())
    }

    /// The same without the unit tests, which come last.
    fn code_without_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code()
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
    }

    /// Every line that breaks a rule.
    fn lines_with(&self, breaks: impl Fn(&str) -> bool) -> Vec<String> {
        self.code()
            .filter(|(_, line)| breaks(line))
            .map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim()))
            .collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let text = fs::read_to_string(root().join(path));
    text.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below the folders whose names end so.
fn files(folders: &[&str], end: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|name| root().join(name)).collect();
    while let Some(folder) = folders.pop() {
        // Not every folder of the plan has been built.
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(root()).unwrap().to_str().unwrap();
            let below = below.replace('\\', "/");
            if path.is_dir() {
                folders.push(path);
            } else if below.ends_with(end) {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: below, text });
            }
        }
    }
    assert!(!found.is_empty());
    found
}

fn rust() -> Vec<Source> {
    let folders = [
        "src",
        "platform/src",
        "platform/tests",
        "tests",
        "examples",
        "benches/compare/src",
        "benches/wire/benches",
        "benches/wire/src",
        "fuzz/fuzz_targets",
        "fuzz/src",
        "models/tests",
    ];
    files(&folders, ".rs")
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|found| found == word)
}

/// Fails with all that was found.
#[track_caller]
fn none(found: impl IntoIterator<Item = String>) {
    let found: Vec<_> = found.into_iter().collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn unsafe_code_is_in_the_platform_package_only() {
    assert!(read("src/lib.rs").contains("\n#![forbid(unsafe_code)]\n"));
    let others = rust().into_iter().filter(|file| {
        // This file only names what it looks for.
        !file.path.starts_with("platform/") && file.path != "tests/tidy.rs"
    });
    none(others.flat_map(|file| file.lines_with(|line| has_word(line, "unsafe"))));
}

/// Any hook takes std from `posix_spawn` to `fork`, whose cost grows with the memory of the parent. Node children need
/// one, for which there is one file.
#[test]
fn no_hook_runs_between_fork_and_exec() {
    let hooks = ["pre_exec", "before_exec", "fork"];
    let calls = |line: &str| hooks.iter().any(|hook| line.contains(&format!(".{hook}(")));
    let files = files(&["src", "platform/src", "examples"], ".rs");
    let others = files
        .into_iter()
        .filter(|file| file.path != "platform/src/unix/numbered.rs");
    none(others.flat_map(|file| file.lines_with(calls)));
}

/// A module uses modules of its own floor and of those below, never of one above.
const FLOORS: [&[&str]; 7] = [
    &["error", "sync", "handle", "name"],
    &["wire"],
    &["config", "trace"],
    &["transport", "session", "life"],
    &["connection", "blocking"],
    &["process", "listener", "rpc"],
    &["lib"],
];

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&module))
        .unwrap_or_else(|| panic!("the module {module} has no floor: add it to the plan"))
}

/// From which module the root re-exports each name.
fn exports() -> BTreeMap<String, String> {
    let text = read("src/lib.rs");
    let mut exports = BTreeMap::new();
    for export in text.split("pub use crate::").skip(1) {
        let (module, names) = export.split_once("::").unwrap();
        for name in names
            .split(';')
            .next()
            .unwrap()
            .split([',', '{', '}', '\n', ' '])
        {
            if !name.is_empty() {
                exports.insert(name.to_owned(), module.to_owned());
            }
        }
    }
    exports
}

#[test]
fn modules_use_only_what_is_below_them() {
    let exports = exports();
    assert_eq!(exports["Command"], "process");
    let mut wrong = Vec::new();
    for file in files(&["src"], ".rs") {
        let module = file.path.strip_prefix("src/").unwrap();
        let module = module.split(['/', '.']).next().unwrap();
        let code: Vec<_> = file
            .code_without_tests()
            .map(|(_, line)| line.trim())
            .collect();
        // Of `use crate::{One, two::Three};` as of `crate::One` the first names count.
        for used in code.join("").split("crate::").skip(1) {
            let names = match used.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap(),
                None => used,
            };
            let single = !used.starts_with('{');
            for name in names.split(',').take(if single { 1 } else { usize::MAX }) {
                let name = name
                    .trim()
                    .split(|c: char| !(c.is_alphanumeric() || c == '_'));
                let name = name.into_iter().next().unwrap();
                let used = exports.get(name).map_or(name, String::as_str);
                if !name.is_empty() && floor(used) > floor(module) {
                    wrong.push(format!("{} uses {name} of {used}", file.path));
                }
            }
        }
    }
    none(wrong);
}

/// It is there without tokio, and needs nothing that the async API is made of.
#[test]
fn the_blocking_api_stands_beside_the_async_one() {
    let foreign = ["tokio", "futures_core", "async", "transport", "connection"];
    let breaks = |line: &str| {
        let path = line.contains("use ") || line.contains("crate::");
        path && foreign
            .iter()
            .any(|word| has_word(line, word) && !line.contains(&format!("blocking::{word}")))
            && !line.contains("mod ")
            && !line.contains("use self::")
    };
    let files = files(&["src/blocking", "src/session", "src/life"], ".rs").into_iter();
    none(files.flat_map(|file| file.lines_with(breaks)));
}

#[test]
fn the_wire_layer_takes_bytes_and_gives_bytes() {
    let foreign = ["tokio", "futures_core", "offspring_platform", "async"];
    let of_std = [
        "io", "net", "sync", "time", "thread", "process", "fs", "env",
    ];
    let breaks = |line: &str| {
        foreign.iter().any(|word| has_word(line, word))
            || (has_word(line, "std") && of_std.iter().any(|word| has_word(line, word)))
    };
    let files = files(&["src/wire"], ".rs").into_iter();
    none(files.flat_map(|file| {
        // rmp and serde_json write through `io::Write`; there they write into memory.
        let is_sink = |line: &str| {
            let sinks = [
                "src/wire/capped.rs",
                "src/wire/msgpack.rs",
                "src/wire/outline.rs",
                "src/wire/node/json/formatter.rs",
            ];
            sinks.contains(&&*file.path) && line.starts_with("use std::io")
        };
        // What only a driver calls is there with a driver only.
        let is_driver =
            |line: &str| line.trim() == r#"#[cfg(any(feature = "blocking", feature = "tokio"))]"#;
        let lines = file.code_without_tests();
        lines
            .filter(|(_, line)| breaks(line) && !is_sink(line) && !is_driver(line))
            .map(|(number, line)| format!("{}:{number}: {line}", file.path))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn the_platform_package_knows_nothing_of_messages() {
    let manifest = read("platform/Cargo.toml");
    for word in ["serde", "rmp", "offspring ="] {
        assert!(!manifest.contains(word), "{word}");
    }
}

#[test]
fn systems_are_told_apart_on_whole_items_only() {
    // Indented, it would stand inside of a function.
    let breaks = |line: &str| {
        let inside = line.starts_with(' ') && line.trim_start().starts_with("#[cfg(");
        let systems = [
            "unix",
            "windows",
            "target_os",
            "target_vendor",
            "target_family",
        ];
        (inside && systems.iter().any(|system| has_word(line, system)))
            || (line.contains("cfg!(") && systems.iter().any(|system| has_word(line, system)))
    };
    let files = files(&["src"], ".rs").into_iter();
    none(files.flat_map(|file| file.lines_with(breaks)));
}

/// More is two ideas. Documentation does not count: every public item has some, with an example.
const LONGEST: usize = 500;

#[test]
fn a_file_is_one_idea_and_says_which() {
    let mut wrong = Vec::new();
    for file in rust() {
        let is_doc = |line: &&str| {
            let line = line.trim_start();
            line.starts_with("///") || line.starts_with("//!")
        };
        let lines = file.text.lines().filter(|line| !is_doc(line)).count();
        if lines > LONGEST {
            wrong.push(format!("{} has {lines} lines", file.path));
        }
        if !file.text.starts_with("//! ") {
            wrong.push(format!("{} does not say what it is", file.path));
        }
    }
    none(wrong);
}

/// The value of a line such as `key = "value"`.
fn value<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split('"').nth(1).unwrap()
}

#[test]
fn both_packages_carry_one_version_and_the_changelog_knows_it() {
    let manifest = read("Cargo.toml");
    let version = value(&manifest, "version =");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    for manifest in [&manifest, &read("platform/Cargo.toml")] {
        assert!(manifest.contains("\nversion.workspace = true\n"));
    }
    let pin = value(&manifest, "offspring-platform =");
    assert_eq!(
        pin,
        format!("={version}"),
        "the pin of the platform package"
    );
    let entry = format!("\n## {version}");
    assert!(
        read("CHANGELOG.md").contains(&entry),
        "no entry for {version}"
    );
}

#[test]
fn features_are_told_in_the_same_words_everywhere() {
    let manifest = read("Cargo.toml");
    let features = manifest.split("\n[features]\n").nth(1).unwrap();
    let features = features.split("\n[").next().unwrap();
    let docs = read("src/lib.rs").replace("\n//!   ", " ");
    let mut comment = String::new();
    for line in features.lines().filter(|line| !line.is_empty()) {
        if let Some(words) = line.strip_prefix("# ") {
            comment = format!("{comment} {words}").trim().to_owned();
            continue;
        }
        let (feature, _) = line.split_once(" =").unwrap();
        if feature != "default" {
            let told = docs
                .lines()
                .find_map(|line| line.strip_prefix(&format!("//! - `{feature}`")))
                .unwrap_or_else(|| panic!("src/lib.rs does not tell of `{feature}`"));
            let told = told
                .trim_start_matches(" (default)")
                .trim_start_matches(": ");
            assert_eq!(told.to_lowercase(), comment.to_lowercase(), "{feature}");
        }
        comment.clear();
    }
}

#[test]
fn the_readme_has_the_two_commands() {
    let readme = read("README.md");
    for command in [
        "\ncargo run --example hello\n",
        "\ncargo test --workspace --all-features\n",
    ] {
        assert!(readme.contains(command), "{command}");
    }
}

#[test]
fn documents_lead_only_to_files_that_are_there() {
    let mut documents = files(&["examples", "platform"], ".md");
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().file_name().into_string().unwrap();
        if path.ends_with(".md") {
            let text = read(&path);
            documents.push(Source { path, text });
        }
    }
    let mut wrong = Vec::new();
    for Source { path, text } in documents {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for link in text.split("](").skip(1) {
            let link = link.split([')', '#']).next().unwrap();
            if !link.is_empty() && !link.contains("://") && !folder.join(link).exists() {
                wrong.push(format!("{path} leads to {link}"));
            }
        }
    }
    none(wrong);
}
