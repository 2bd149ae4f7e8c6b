//! Measures all contestants of a work, interleaved.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::contestant::Contestant;
use crate::driver::{Driver, Run};
use crate::work::{Kind, Work};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub rounds: usize,
    /// How long one run of one contestant should take.
    pub run: Duration,
}

/// The figures of one work.
#[derive(Debug, Serialize)]
pub struct Figures {
    pub work: Work,
    pub title: String,
    pub floor: &'static str,
    pub rows: Vec<Row>,
}

/// The figures of one contestant.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: &'static str,
    pub how: &'static str,
    /// Time of one operation, in nanoseconds.
    pub time: Spread,
    /// Processor time of one operation in all processes, in nanoseconds.
    pub cpu: Spread,
    /// `time` divided by that of the floor in the same round.
    pub ratio: Spread,
    /// `time` divided by that of `raw-tokio` in the same round, where that takes part.
    pub ratio_to_raw_tokio: Option<Spread>,
    /// Bytes of memory that both processes hold for one connection.
    pub memory_each: Option<f64>,
}

/// The quartiles of some figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        let at = |share: f64| all[((all.len() - 1) as f64 * share).round() as usize];
        Self {
            low: at(0.25),
            median: at(0.5),
            high: at(0.75),
        }
    }
}

struct Entry {
    driver: Driver,
    count: u64,
    runs: Vec<Run>,
}

/// Measures a work. Contestants that cannot be started are named and left out.
pub fn measure(
    work: &Work,
    chosen: impl Fn(&Contestant) -> bool,
    effort: Effort,
) -> Result<Option<Figures>> {
    let Some(floor) = Contestant::floor(work) else {
        return Ok(None);
    };
    let mut entries = Vec::new();
    for contestant in Contestant::all_for(work) {
        if contestant.name != floor.name && !chosen(&contestant) {
            continue;
        }
        match prepare(contestant, work, effort) {
            Ok(entry) => entries.push(entry),
            Err(error) => eprintln!("  {} does not take part: {error:#}", contestant.name),
        }
    }
    for _ in 0..effort.rounds {
        // In another order each time, so that nobody always comes after the same.
        let mut order: Vec<_> = (0..entries.len()).collect();
        fastrand::shuffle(&mut order);
        for index in order {
            let entry = &mut entries[index];
            let run = entry.driver.run(entry.count)?;
            entry.runs.push(run);
        }
    }
    let each = |entry: &Entry, run: &Run| {
        let operations = work.operations(entry.count) as f64;
        (
            run.wall.as_nanos() as f64 / operations,
            run.cpu.as_nanos() as f64 / operations,
        )
    };
    let Some(first) = entries
        .iter()
        .find(|entry| entry.driver.contestant.name == floor.name)
    else {
        return Ok(None);
    };
    let floors: Vec<f64> = first.runs.iter().map(|run| each(first, run).0).collect();
    let second = entries
        .iter()
        .find(|entry| entry.driver.contestant.name == "raw-tokio");
    let seconds: Option<Vec<f64>> =
        second.map(|second| second.runs.iter().map(|run| each(second, run).0).collect());
    let rows = entries
        .iter()
        .map(|entry| {
            let (times, cpus): (Vec<_>, Vec<_>) =
                entry.runs.iter().map(|run| each(entry, run)).unzip();
            let to = |floors: &Vec<f64>| {
                Spread::of(
                    times
                        .iter()
                        .zip(floors)
                        .map(|(time, floor)| time / floor)
                        .collect(),
                )
            };
            Row {
                name: entry.driver.contestant.name,
                how: entry.driver.contestant.how,
                ratio: to(&floors),
                ratio_to_raw_tokio: seconds.as_ref().map(to),
                time: Spread::of(times),
                cpu: Spread::of(cpus),
                memory_each: entry.runs.last().and_then(|run| run.memory_each),
            }
        })
        .collect();
    for entry in entries {
        entry.driver.end()?;
    }
    Ok(Some(Figures {
        work: *work,
        title: work.to_string(),
        floor: floor.name,
        rows,
    }))
}

/// Starts a driver, warms it up, and finds how often it must repeat the work for a run.
fn prepare(contestant: Contestant, work: &Work, effort: Effort) -> Result<Entry> {
    let mut driver = Driver::start(contestant, work)?;
    let mut count = match work.kind {
        Kind::Busy => work.many as u64,
        _ => 1,
    };
    // The first one waits until the child has started.
    driver.run(count)?;
    loop {
        let wall = driver.run(count)?.wall;
        if wall >= effort.run || work.kind == Kind::Children {
            break;
        }
        // In steps, for the first runs are slow.
        let missing = effort.run.as_secs_f64() / wall.as_secs_f64().max(1e-6);
        count = (count as f64 * missing.clamp(1.3, 8.0)).ceil() as u64;
    }
    Ok(Entry {
        driver,
        count,
        runs: Vec::new(),
    })
}
