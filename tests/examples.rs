//! Runs every example as the program that it is, and checks what it prints.
#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "it says what the test expects")]

use std::collections::BTreeMap;
use std::env::consts::EXE_SUFFIX;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use offspring::Name;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

#[tokio::test]
async fn hello_prints_each_step() {
    let output = run(&mut example("hello")).await;
    let expected = [
        "parent: fork",
        r#"parent: send "Hello Child""#,
        r#"child:  received "Hello Child""#,
        r#"child:  reply "Hello Parent""#,
        r#"parent: received "Hello Parent""#,
        "parent: disconnect",
        "child:  the parent has disconnected, so I exit",
        "parent: the child has disconnected",
        &format!("parent: the child has ended with {}", status(0)),
    ];
    assert_eq!(output.lines(), expected, "{output:?}");
    assert_eq!(output.code, Some(0));
}

#[tokio::test]
async fn stream_reads_the_standard_input_of_the_child() {
    let output = run_with_input(&mut example("stream"), "one\n\ntwo\nünicode").await;
    let end = format!("3 lines; the child ended with {}", status(0));
    let expected = ["1: one", "2: two", "3: ünicode", &end];
    assert_eq!(output.lines(), expected, "{output:?}");
    assert_eq!(output.code, Some(0));
}

#[tokio::test]
async fn stream_ends_at_once_without_input() {
    let output = run(&mut example("stream")).await;
    let end = format!("0 lines; the child ended with {}", status(0));
    assert_eq!(output.lines(), [end], "{output:?}");
}

#[cfg(feature = "blocking")]
#[tokio::test]
async fn blocking_counts_the_primes() {
    let output = run(&mut example("blocking")).await;
    assert_eq!(
        output.lines(),
        ["78498 primes below a million"],
        "{output:?}"
    );
    assert_eq!(output.code, Some(0));
}

#[tokio::test]
async fn supervisor_restarts_what_crashes() {
    let output = run(&mut example("supervisor")).await;
    let crashed = format!("supervisor: crashed with {}", status(3));
    let expected = [
        "service: working after 0 crashes",
        &crashed,
        "service: working after 1 crashes",
        &crashed,
        "service: working after 2 crashes",
        "service: the work is done",
        &format!("supervisor: all done, {}", status(0)),
    ];
    assert_eq!(output.lines(), expected, "{output:?}");
    assert_eq!(output.code, Some(0));
}

#[tokio::test]
async fn chaos_breaks_no_promise() {
    let output = run(example("chaos").args(["--seed", "1", "--secs", "3", "--peers", "3"])).await;
    assert!(output.stdout.contains(r#""broken":[]"#), "{output:?}");
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[tokio::test]
async fn clients_meet_the_daemon_by_its_name() {
    let name = Name::unique().unwrap().to_string();
    let output = client(&name, &["keys"]).await;
    assert!(output.stderr.contains("no daemon is running"), "{output:?}");
    assert_eq!(output.code, Some(1));

    let daemon = start_daemon(&name).await;
    for (arguments, expected) in [
        (&["set", "colour", "green"][..], &[][..]),
        (&["set", "animal", "wärthog"], &[]),
        (&["get", "colour"], &["green"]),
        (&["get", "animal"], &["wärthog"]),
        (&["keys"], &["animal", "colour"]),
    ] {
        let output = client(&name, arguments).await;
        assert_eq!(output.lines(), expected, "{arguments:?}: {output:?}");
        assert_eq!(output.code, Some(0), "{arguments:?}: {output:?}");
    }
    let output = client(&name, &["get", "taste"]).await;
    assert!(output.stderr.contains("no such key"), "{output:?}");
    assert_eq!(output.code, Some(1));

    stop(&name, daemon).await;
}

#[tokio::test]
async fn the_name_of_a_stopped_daemon_is_free() {
    let name = Name::unique().unwrap().to_string();
    for _ in 0..2 {
        let daemon = start_daemon(&name).await;
        stop(&name, daemon).await;
    }
}

#[tokio::test]
async fn the_name_of_a_killed_daemon_is_free() {
    let name = Name::unique().unwrap().to_string();
    start_daemon(&name).await.kill().await.unwrap();
    let daemon = start_daemon(&name).await;
    stop(&name, daemon).await;
}

#[tokio::test]
async fn a_second_daemon_is_refused() {
    if under_wine() {
        println!("skipped: Wine lets two servers have one pipe name");
        return;
    }
    let name = Name::unique().unwrap().to_string();
    let daemon = start_daemon(&name).await;
    let second = run(example("daemon").args(["--name", &name])).await;
    let message = format!("there is already a daemon with the name {name}");
    assert!(second.stderr.contains(&message), "{second:?}");
    assert_eq!(second.code, Some(1));
    stop(&name, daemon).await;
}

#[tokio::test]
#[cfg(unix)]
async fn the_daemon_ends_on_ctrl_c() {
    let name = Name::unique().unwrap().to_string();
    let daemon = start_daemon(&name).await;
    // The answer shows that the daemon has come to where it waits for Ctrl-C.
    assert_eq!(client(&name, &["keys"]).await.code, Some(0));

    let id = daemon.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-INT", &id]).status().await;
    assert!(kill.unwrap().success());
    let output = wait("the daemon", daemon).await;
    assert_eq!(output.lines(), ["stopped"], "{output:?}");
    assert_eq!(output.code, Some(0));
}

#[tokio::test]
async fn wordcount_counts_what_is_there() {
    let folder = Folder::generate(many());
    for workers in ["1", "2", "7"] {
        let output = wordcount(&folder, &["--workers", workers]).await;
        folder.check(&output, "given up: 0", "restarts: 0");
        assert_eq!(output.code, Some(0));
    }
}

#[tokio::test]
async fn wordcount_loses_nothing_when_a_worker_is_killed() {
    let folder = Folder::generate(many());
    for workers in ["1", "3"] {
        let output = wordcount(&folder, &["--kill-one", "--workers", workers]).await;
        folder.check(&output, "given up: 0", "restarts: 1");
        assert_eq!(output.code, Some(0));
    }
}

#[tokio::test]
async fn wordcount_gives_up_a_file_that_kills_every_worker() {
    let folder = Folder::generate(300);
    let poison = folder.path().join("poison");
    fs::write(&poison, "never counted").unwrap();
    let output = wordcount(&folder, &["--crash-on", "poison", "--workers", "2"]).await;
    folder.check(&output, "given up: 1", "restarts: 3");
    let path = poison.display();
    let message = format!("given up, three workers died over it: {path}");
    assert!(output.stderr.contains(&message), "{output:?}");
    assert_eq!(output.code, Some(1));
}

#[tokio::test]
async fn wordcount_shows_the_most_frequent_words_in_a_fixed_order() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one"), "b a C, ÄÖ-x: c\n").unwrap();
    fs::write(folder.path().join("two"), b"b\xffa \xc3 b").unwrap();
    let output = run(example("wordcount").arg(folder.path()).args(["--top", "4"])).await;
    let lines = output.lines();
    assert_eq!(lines[1..3], ["words: 9", "distinct words: 5"], "{output:?}");
    let top = [
        "         3 b",
        "         2 a",
        "         2 c",
        "         1 x",
    ];
    assert_eq!(lines[HEADER..], top, "{output:?}");
}

#[tokio::test]
async fn wordcount_reports_and_skips_a_file_that_it_cannot_read() {
    let folder = Folder::generate(30);
    let path = folder.path().join("locked");
    let Some(_lock) = forbid_reading(&path) else {
        println!("skipped: this user can read everything");
        return;
    };
    let output = wordcount(&folder, &[]).await;
    assert_eq!(output.lines()[0], "files: 30", "{output:?}");
    assert_eq!(output.lines()[3], "skipped: 1", "{output:?}");
    let message = format!("skipped {}: ", path.display());
    assert!(output.stderr.contains(&message), "{output:?}");
    assert_eq!(output.code, Some(0));
}

#[tokio::test]
async fn wordcount_fails_without_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(example("wordcount").arg(folder.path().join("missing"))).await;
    assert!(output.stderr.contains("cannot read"), "{output:?}");
    assert_eq!(output.code, Some(1));
}

// ---- A folder with known content ----

struct Folder {
    dir: TempDir,
    files: usize,
    words: BTreeMap<String, u64>,
}

impl Folder {
    /// Nested folders with small files, some of them empty, most of them not UTF-8, and links that
    /// must not be followed.
    fn generate(files: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folders: Vec<_> = (0..20)
            .map(|number: u32| dir.path().join(format!("{}/{}", number % 4, number / 4)))
            .collect();
        for folder in &folders {
            fs::create_dir_all(folder).unwrap();
        }
        link(dir.path(), &folders[0].join("link to the top"));
        link(&folders[1], &dir.path().join("link to a folder"));

        let mut random = 1_u64;
        let mut random_below = |limit: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % limit
        };
        let mut words = BTreeMap::new();
        for file in 0..files {
            let mut content = Vec::new();
            for _ in 0..random_below(40) {
                let number = random_below(200);
                let written = match number % 4 {
                    0 => format!("Wort{number}"),
                    1 => format!("ÄRGER{number}"),
                    2 => format!("СЛОВО{number}"),
                    _ => number.to_string(),
                };
                content.extend_from_slice(written.as_bytes());
                let gap: &[u8] =
                    [&b" "[..], b"\r\n", b", ", b"\xff", b"\0\xc3("][random_below(5) as usize];
                content.extend_from_slice(gap);
                *words.entry(written.to_lowercase()).or_default() += 1;
            }
            let folder = &folders[file % folders.len()];
            fs::write(folder.join(format!("{file}.txt")), content).unwrap();
        }
        Self { dir, files, words }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Compares all that is certain: everything but the time.
    fn check(&self, output: &Output, given_up: &str, restarts: &str) {
        let lines = output.lines();
        let expected = [
            &format!("files: {}", self.files),
            &format!("words: {}", self.words.values().sum::<u64>()),
            &format!("distinct words: {}", self.words.len()),
            "skipped: 0",
            given_up,
            restarts,
        ];
        assert_eq!(lines[..6], expected, "{output:?}");
        let counted: BTreeMap<String, u64> = lines[HEADER..]
            .iter()
            .map(|line| line.trim().split_once(' ').unwrap())
            .map(|(times, word)| (word.to_owned(), times.parse().unwrap()))
            .collect();
        assert_eq!(counted, self.words);
    }
}

/// Enough files for many batches. Wine takes milliseconds to open one.
fn many() -> usize {
    if under_wine() { 300 } else { 3000 }
}

/// Counts, and shows all words.
async fn wordcount(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = example("wordcount");
    command.arg(folder.path()).args(["--top", "1000000"]);
    run(command.args(arguments)).await
}

#[cfg(unix)]
fn link(to: &Path, from: &Path) {
    std::os::unix::fs::symlink(to, from).unwrap();
}

#[cfg(windows)]
fn link(to: &Path, from: &Path) {
    if let Err(error) = std::os::windows::fs::symlink_dir(to, from) {
        println!("no links in this test, not every user of Windows may make them: {error}");
    }
}

/// Creates a file that nobody can read while the result lives.
#[cfg(unix)]
fn forbid_reading(path: &Path) -> Option<File> {
    use std::os::unix::fs::PermissionsExt;
    let file = File::create(path).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o000))
        .unwrap();
    File::open(path).is_err().then_some(file)
}

/// Creates a file that nobody can read while the result lives.
#[cfg(windows)]
fn forbid_reading(path: &Path) -> Option<File> {
    use std::os::windows::fs::OpenOptionsExt;
    let mut options = File::options();
    let file = options.write(true).create(true).share_mode(0);
    let file = file.open(path).unwrap();
    File::open(path).is_err().then_some(file)
}

/// How many lines `wordcount` prints before the words.
const HEADER: usize = 8;

// ---- The daemon ----

async fn start_daemon(name: &str) -> Child {
    let mut daemon = example("daemon").args(["--name", name]).spawn().unwrap();
    let mut stdout = BufReader::new(daemon.stdout.take().unwrap());
    let mut line = String::new();
    let read = stdout.read_line(&mut line);
    watch("the daemon", read).await.unwrap();
    assert_eq!(line.trim_end(), format!("listening as {name}"));
    daemon.stdout = Some(stdout.into_inner());
    daemon
}

async fn client(name: &str, arguments: &[&str]) -> Output {
    run(example("client").args(["--name", name]).args(arguments)).await
}

/// Stops a daemon as its users do.
async fn stop(name: &str, daemon: Child) {
    let output = client(name, &["stop"]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let output = wait("the daemon", daemon).await;
    assert_eq!(output.lines(), ["stopped"], "{output:?}");
    assert_eq!(output.stderr, "");
    assert_eq!(output.code, Some(0));
}

// ---- Programs ----

#[derive(Debug)]
struct Output {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Output {
    fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }
}

/// The program of an example.
fn example(name: &str) -> Command {
    // Cargo builds this test as <target>/<profile>/deps/examples-… and the examples beside `deps`.
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let path = profile.join(format!("examples/{name}{EXE_SUFFIX}"));
    assert!(
        path.exists(),
        "{} is missing. `cargo test` builds it; before `cargo test --test examples` run `cargo build --examples`",
        path.display()
    );
    let mut command = Command::new(path);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn run(command: &mut Command) -> Output {
    let child = command.spawn().unwrap();
    wait(&format!("{command:?}"), child).await
}

async fn run_with_input(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    wait(&format!("{command:?}"), child).await
}

async fn wait(what: &str, child: Child) -> Output {
    let output = watch(what, child.wait_with_output()).await.unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Ends what hangs: a program ends when the future that waits for it is dropped.
async fn watch<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} takes longer than {LIMIT:?}"),
    }
}

/// How std shows the exit code of a program.
fn status(code: u8) -> String {
    let kind = if cfg!(windows) { "code" } else { "status" };
    format!("exit {kind}: {code}")
}

fn under_wine() -> bool {
    std::env::var_os("UNDER_WINE").is_some()
}

/// How long one program may take.
const LIMIT: Duration = Duration::from_secs(60);
