//! Compares offspring with its peers and with the raw floor, on the same work, in one run, interleaved.
//!
//! ```text
//! tool ── lines on stdin/stdout ──▶ driver of each contestant (the parent's part) ──▶ its child
//! ```
//!
//! All drivers of a work are started; then, round by round and in a new order each time, each does the work for a
//! moment. Times are compared within a round only, so that a slow moment of the machine counts for all.

mod contestant;
mod driver;
mod measure;
mod memory;
mod message;
mod peers;
mod report;
mod work;

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::measure::Effort;
use crate::work::{Cores, Kind, Work};

/// Compares offspring with its peers and with the raw floor.
#[derive(Debug, Parser)]
struct Options {
    /// Only works whose title contains this, such as `round trip, 64`.
    #[arg(long, default_value = "")]
    work: String,
    /// Only contestants whose name begins with one of these; the floor always takes part.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How often each contestant does each work.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Milliseconds of one run.
    #[arg(long, default_value_t = 100)]
    millis: u64,
    /// Measures how the cost grows with size, connections, children and the parent's memory, instead.
    #[arg(long)]
    growth: bool,
    /// Writes all figures here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes charts into this folder.
    #[arg(long)]
    charts: Option<PathBuf>,
    /// Names the works and contestants, and measures nothing.
    #[arg(long)]
    list: bool,
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("drive") => driver::drive(args.get(1).context("no name")?, &role(&args[2..])?),
        Some("echo") => {
            ensure!(args.len() >= 3, "echo NAME SIZE [ADDRESS]");
            peers::echo(&args[1], args[2].parse()?, &args[3..])
        }
        _ => compare(&Options::parse()),
    }
}

/// The work of a driver, from its arguments.
fn role(args: &[String]) -> Result<Work> {
    let [kind, size, many, ballast] = args else {
        anyhow::bail!("drive NAME KIND SIZE MANY BALLAST");
    };
    Ok(Work {
        kind: serde_json::from_value::<Kind>(kind.as_str().into())?,
        size: size.parse()?,
        many: many.parse()?,
        ballast: ballast.parse()?,
        cores: Cores::All,
    })
}

fn compare(options: &Options) -> Result<()> {
    let works = if options.growth {
        Work::growth()
    } else {
        Work::all()
    };
    let effort = Effort {
        rounds: options.rounds.max(1),
        run: Duration::from_millis(options.millis),
    };
    let chosen = |name: &str| {
        options.only.is_empty() || options.only.iter().any(|only| name.starts_with(only))
    };
    let mut all = Vec::new();
    for work in works {
        if !work.to_string().contains(&options.work) {
            continue;
        }
        if options.list {
            let names = contestant::Contestant::all_for(&work);
            println!(
                "{work}: {}",
                names.iter().map(|c| c.name).collect::<Vec<_>>().join(" ")
            );
            continue;
        }
        eprintln!("{work}");
        let growth_only = |name: &str| {
            !options.growth
                || ["raw", "raw-tokio", "offspring", "offspring-blocking"].contains(&name)
        };
        let figures = measure::measure(&work, |c| chosen(c.name) && growth_only(c.name), effort)?;
        if let Some(figures) = figures {
            println!("{}", report::table::table(&figures));
            all.push(figures);
        }
    }
    if options.list {
        return Ok(());
    }
    println!("{}", report::table::legend(&all));
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&all)?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    if let Some(folder) = &options.charts {
        fs::create_dir_all(folder)?;
        if options.growth {
            report::growth::charts(&all, folder)?;
        } else {
            for figures in &all {
                report::chart::bars(figures, folder)?;
            }
        }
    }
    Ok(())
}
