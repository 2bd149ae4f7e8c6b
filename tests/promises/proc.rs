//! What Linux tells about a process.

use std::fs;

/// Resident memory of a process, in bytes.
pub(crate) fn memory(pid: u32) -> u64 {
    status(pid, "VmRSS:") * 1024
}

/// Forgets how much memory this process had at most.
pub(crate) fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// How much memory this process had at most, since [`forget_peak`].
pub(crate) fn peak() -> u64 {
    status(std::process::id(), "VmHWM:") * 1024
}

/// Without the one that counts them.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

pub(crate) fn threads() -> u64 {
    status(std::process::id(), "Threads:")
}

/// How often the threads of a process have gone to sleep, and so been woken.
pub(crate) fn naps(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            field(
                &task.unwrap().path().join("status"),
                "voluntary_ctxt_switches:",
            )
        })
        .sum()
}

/// The processor time of a process, in hundredths of a second.
pub(crate) fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name of the program stands in brackets and may contain anything.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields = fields.split(' ').skip(11).take(2);
    fields.map(|time| time.parse::<u64>().unwrap()).sum()
}

fn status(pid: u32, name: &str) -> u64 {
    field(format!("/proc/{pid}/status").as_ref(), name)
}

fn field(file: &std::path::Path, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// In MiB, for figures.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
