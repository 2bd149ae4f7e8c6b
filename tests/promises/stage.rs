//! How large a run is, how its figures are told, and how it is ended if it hangs.

use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The small size, or that of the promise.
pub(crate) fn size<T>(small: T, full: T) -> T {
    if std::env::var_os("OFFSPRING_PROMISES").is_some_and(|value| value == "full") {
        full
    } else {
        small
    }
}

/// Fails instead of hanging.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    let patience = size(Duration::from_secs(60), Duration::from_secs(200));
    tokio::time::timeout(patience, work)
        .await
        .expect("the test hangs")
}

/// Runs an entry point in a process of its own, whose memory and descriptors are nobody else's, and passes its figures on.
#[cfg(target_os = "linux")]
pub(crate) async fn alone(entry: &str) {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", entry, "--ignored", "--nocapture"]);
    passes(command).await;
}

/// Runs a program that prints figures, and passes them on.
#[cfg(target_os = "linux")]
pub(crate) async fn passes(mut command: tokio::process::Command) {
    let run = command
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = within(run).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines() {
        // The name of the test may stand in front.
        if let Some((_, figure)) = line.split_once("figure: ") {
            println!("figure: {figure}");
        }
    }
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Times that were measured.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort_unstable();
    }

    /// The time that so many of a hundred stay below.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (half, most) = (self.percentile(50), self.percentile(99));
        write!(f, "p50 {half:.1?}, p99 {most:.1?} of {}", self.0.len())
    }
}

/// A message that shows whether it is the right one, and whole.
#[derive(Serialize, Deserialize)]
pub(crate) struct Parcel {
    pub(crate) number: u64,
    sum: u64,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

impl Parcel {
    pub(crate) fn new(number: u64, size: usize) -> Self {
        // Words that differ within a parcel and between parcels.
        let mut bytes = vec![0; size.next_multiple_of(8)];
        for (index, word) in (0..).zip(bytes.chunks_exact_mut(8)) {
            word.copy_from_slice(&first(number ^ index));
        }
        let sum = sum(&bytes);
        Self { number, sum, bytes }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.sum == sum(&self.bytes) && self.bytes.get(..8) == Some(&first(self.number))
    }
}

fn first(number: u64) -> [u8; 8] {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()
}

fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8).map(|word| word.try_into().unwrap());
    words.fold(bytes.len() as u64, |sum, word| {
        (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3)
    })
}
