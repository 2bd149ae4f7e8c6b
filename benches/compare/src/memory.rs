//! What a process holds, and what it has used.

use std::fs;

use anyhow::{Context, Result};

/// Bytes of memory that belong to a process alone (`RssAnon` of `/proc/<pid>/status`).
pub fn of(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no RssAnon")?.parse::<u64>()? * 1024)
}

/// Nanoseconds of processor time of a process and its living descendants.
pub fn cpu(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    let mut total = 0;
    for task in tasks.flatten() {
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let used = read("schedstat");
        total += used
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        for child in read("children").split_whitespace() {
            total += child.parse().map_or(0, cpu);
        }
    }
    total
}
