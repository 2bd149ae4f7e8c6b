//! Runs the examples with Node as the programs that they are, and checks what they print.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::scripts::node;
use crate::support::within;

/// The program of an example.
fn example(name: &str) -> PathBuf {
    // Cargo builds this test as <target>/<profile>/deps/node-… and the examples beside `deps`.
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let path = profile.join(format!("examples/{name}{EXE_SUFFIX}"));
    assert!(
        path.exists(),
        "{} is missing. `cargo test` builds it; before `cargo test --test node` run `cargo build --examples`",
        path.display()
    );
    path
}

#[track_caller]
fn prints(output: &Output, expected: &[String]) {
    let printed = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines, expected, "{output:?}");
    assert!(output.status.success(), "{output:?}");
}

/// How std shows success.
fn success() -> String {
    std::process::ExitStatus::default().to_string()
}

#[tokio::test]
async fn node_parent_counts_words_with_javascript() {
    let Some(node) = node() else { return };
    within(async {
        let mut command = Command::new(example("node_parent"));
        // The example looks for `node` in the path.
        let folder = Path::new(&node).parent().unwrap().to_owned();
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let paths = [folder].into_iter().chain(std::env::split_paths(&paths));
        command.env("PATH", std::env::join_paths(paths).unwrap());
        command.stdin(Stdio::null()).kill_on_drop(true);
        let expected = [
            r#"1: 6 words, the longest is "not""#.to_owned(),
            r#"2: 2 words, the longest is "Wörterbuch""#.to_owned(),
            r#"3: 0 words, the longest is """#.to_owned(),
            "the script has disconnected".to_owned(),
            format!("the script has ended with {}", success()),
        ];
        prints(&command.output().await.unwrap(), &expected);
    })
    .await;
}

#[tokio::test]
async fn node_child_finds_factors_for_javascript() {
    if std::env::var_os("UNDER_WINE").is_some() {
        println!("skipped: under Wine, Node cannot write to a pipe that it was started with");
        return;
    }
    let Some(node) = node() else { return };
    within(async {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = script.join("examples/node_child/node_parent.js");
        let mut command = Command::new(node);
        command.arg(script).arg(example("node_child"));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.unwrap();
        let mut lines: Vec<_> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect();
        // Node promises no order of the last two.
        lines.sort();
        let expected = [
            "12 = 2 * 2 * 3",
            "600851475143 = 71 * 839 * 1471 * 6857",
            "9007199254740881 = 9007199254740881",
            "97 = 97",
            "the program has disconnected",
            "the program has ended with 0",
        ];
        assert_eq!(lines, expected, "{output:?}");
    })
    .await;
}

#[tokio::test]
#[cfg(unix)]
async fn node_cluster_deals_connections_out_to_its_workers() {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

    let Some(node) = node() else { return };
    within(async {
        let mut command = Command::new(example("node_cluster"));
        command.args(["--port", "0", "--workers", "3", "--until-eof", "--node"]);
        command.arg(node).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut primary = command.spawn().unwrap();
        let mut lines = BufReader::new(primary.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let port: u16 = line.split(' ').nth(2).unwrap().parse().unwrap();
        assert_eq!(line, format!("listening on {port} for 3 workers"));

        let mut counts = [0; 3];
        for _ in 0..30 {
            let mut client = tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .unwrap();
            let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            client.write_all(request).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            let (_, worker) = answer.split_once("Hello from worker ").unwrap();
            let worker: usize = worker.split('\n').next().unwrap().parse().unwrap();
            counts[worker - 1] += 1;
        }
        assert_eq!(counts, [10; 3]);

        drop(primary.stdin.take());
        let last = lines.next_line().await.unwrap();
        assert_eq!(last.as_deref(), Some("all workers have ended"));
        assert!(primary.wait().await.unwrap().success());
    })
    .await;
}
