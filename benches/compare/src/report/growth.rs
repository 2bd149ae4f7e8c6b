//! How the cost grows, as charts.

use std::path::Path;

use anyhow::Result;

use super::chart;
use crate::measure::{Figures, Row};
use crate::work::{Kind, Work};

/// One chart: which works it shows, against what, and which figure of them.
struct Growth {
    kind: Kind,
    title: &'static str,
    x_title: &'static str,
    x: fn(&Work) -> f64,
    y_title: &'static str,
    y: fn(&Row) -> f64,
}

const TIME: (&str, fn(&Row) -> f64) = ("time", |row| row.time.median);
/// Where the waking of idle processors would hide what a message costs.
const PROCESSOR_TIME: (&str, fn(&Row) -> f64) = ("processor time", |row| row.cpu.median);

/// Draws all charts for which there are figures.
pub fn charts(all: &[Figures], folder: &Path) -> Result<()> {
    let chart = |kind, title, x_title, x, (y_title, y)| Growth {
        kind,
        title,
        x_title,
        x,
        y_title,
        y,
    };
    let many = |work: &Work| work.many as f64;
    let charts = [
        chart(
            Kind::RoundTrip,
            "Round trip by size",
            "bytes of a message",
            |work| work.size as f64,
            TIME,
        ),
        chart(
            Kind::Connections,
            "Echo by connections, one at a time",
            "connections",
            many,
            PROCESSOR_TIME,
        ),
        chart(
            Kind::Busy,
            "Echo by connections, all busy",
            "connections",
            many,
            PROCESSOR_TIME,
        ),
        chart(
            Kind::Children,
            "Start of a child by children alive",
            "children",
            many,
            TIME,
        ),
        chart(
            Kind::Spawn,
            "Start of a child by the memory of the parent",
            "MiB, and one",
            |work| (work.ballast + 1) as f64,
            TIME,
        ),
    ];
    charts.iter().try_for_each(|chart| chart.draw(all, folder))
}

impl Growth {
    fn draw(&self, all: &[Figures], folder: &Path) -> Result<()> {
        let figures: Vec<_> = all.iter().filter(|f| f.work.kind == self.kind).collect();
        let Some(first) = figures.first() else {
            return Ok(());
        };
        let Some(unit) = first.rows.iter().find(|row| row.name == first.floor) else {
            return Ok(());
        };
        let unit = (self.y)(unit);
        let line = |row: &Row| {
            let points = figures.iter().flat_map(|f| {
                let same = f.rows.iter().find(|other| other.name == row.name);
                same.map(|row| ((self.x)(&f.work), (self.y)(row) / unit))
            });
            (row.name, points.collect())
        };
        let lines: Vec<_> = first.rows.iter().map(line).collect();
        let y_title = format!("{}, {} at the left is 1", self.y_title, first.floor);
        chart::lines(self.title, self.x_title, &y_title, &lines, folder)
    }
}
