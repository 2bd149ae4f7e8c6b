//! Tables of ratios, in Markdown.

use std::fmt::Write;

use crate::measure::{Figures, Spread};
use crate::work::Kind;

/// The table of one work.
pub fn table(figures: &Figures) -> String {
    let mut text = format!("### {}\n\n", figures.title);
    let unit = match figures.work.kind {
        Kind::Children | Kind::Spawn => "time per child",
        Kind::Connect => "time per client",
        Kind::Copy => "time per copy",
        Kind::Stream => "time per message",
        Kind::RoundTrip | Kind::Connections | Kind::Busy => "time per round trip",
    };
    let memory = figures.rows.iter().any(|row| row.memory_each.is_some());
    let tokio = figures.floor != "raw-tokio"
        && figures
            .rows
            .iter()
            .any(|row| row.ratio_to_raw_tokio.is_some());
    let mut heads = vec![
        String::new(),
        format!("to {}", figures.floor),
        "spread".into(),
    ];
    heads.extend(tokio.then(|| "to raw-tokio".into()));
    heads.extend([unit.into(), "processor time".into()]);
    heads.extend(memory.then(|| "memory each".into()));
    let _ = writeln!(text, "| {} |", heads.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(heads.len()));
    for row in &figures.rows {
        let Spread { low, median, high } = row.ratio;
        let mut cells = vec![
            row.name.into(),
            format!("{median:.2}"),
            format!("{low:.2} to {high:.2}"),
        ];
        if tokio {
            cells.push(
                row.ratio_to_raw_tokio
                    .map_or_else(String::new, |ratio| format!("{:.2}", ratio.median)),
            );
        }
        cells.extend([time(row.time.median), time(row.cpu.median)]);
        if memory {
            let each = row.memory_each.filter(|_| figures.work.many > 1);
            cells.push(each.map_or_else(String::new, |bytes| format!("{:.1} KiB", bytes / 1024.0)));
        }
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// How each contestant is used.
pub fn legend(all: &[Figures]) -> String {
    let mut text = String::from("### How each is used\n\n");
    let mut named = Vec::new();
    for row in all.iter().flat_map(|figures| &figures.rows) {
        if !named.contains(&row.name) {
            named.push(row.name);
            let _ = writeln!(text, "- **{}**: {}", row.name, row.how);
        }
    }
    text
}

fn time(nanos: f64) -> String {
    match nanos {
        n if n >= 1e9 => format!("{:.2} s", n / 1e9),
        n if n >= 1e6 => format!("{:.2} ms", n / 1e6),
        n if n >= 1e3 => format!("{:.2} us", n / 1e3),
        n => format!("{n:.0} ns"),
    }
}
