//! Charts, as SVG.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::measure::Figures;

/// A bar for each contestant: its ratio to the floor, with its quartiles.
pub fn bars(figures: &Figures, folder: &Path) -> Result<()> {
    let path = folder.join(format!("{}.svg", file_name(&figures.title)));
    let rows = &figures.rows;
    let height = 90 + 28 * rows.len() as u32;
    let area = SVGBackend::new(&path, (760, height)).into_drawing_area();
    let highest = rows.iter().map(|row| row.ratio.high).fold(1.1, f64::max);
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(
                format!(
                    "{}: times {} (less is better)",
                    figures.title, figures.floor
                ),
                ("sans-serif", 16),
            )
            .margin(10)
            .x_label_area_size(28)
            .y_label_area_size(150)
            .build_cartesian_2d(0.0..highest * 1.15, 0.0..rows.len() as f64)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .x_labels(8)
            .max_light_lines(1)
            .y_labels(0)
            .x_label_formatter(&|ratio| format!("{ratio:.1}"))
            .draw()?;
        for (index, row) in rows.iter().enumerate() {
            let top = (rows.len() - index) as f64;
            let color = if row.name.starts_with("offspring") {
                OURS
            } else {
                OTHERS
            };
            chart.draw_series([
                Rectangle::new(
                    [(0.0, top - 0.2), (row.ratio.median, top - 0.8)],
                    color.filled(),
                ),
                Rectangle::new(
                    [(row.ratio.low, top - 0.45), (row.ratio.high, top - 0.55)],
                    BLACK.filled(),
                ),
            ])?;
            let end = row.ratio.median.max(row.ratio.high);
            let (x, y) = chart.backend_coord(&(end, top - 0.5));
            let ratio = format!("{:.2}", row.ratio.median);
            area.draw(&Text::new(row.name, (14, y - 6), ("sans-serif", 13)))?;
            area.draw(&Text::new(ratio, (x + 6, y - 6), ("sans-serif", 13)))?;
        }
        area.present()?;
        Ok(())
    };
    draw().map_err(|error| anyhow!("draw {}: {error}", path.display()))
}

/// Lines on two logarithmic axes: how the cost of an operation grows.
pub fn lines(
    title: &str,
    x_title: &str,
    y_title: &str,
    all: &[(&str, Vec<(f64, f64)>)],
    folder: &Path,
) -> Result<()> {
    let path = folder.join(format!("{}.svg", file_name(title)));
    let area = SVGBackend::new(&path, (760, 420)).into_drawing_area();
    let points = || all.iter().flat_map(|(_, points)| points.iter());
    let span = |pick: fn(&(f64, f64)) -> f64| {
        let low = points().map(pick).fold(f64::INFINITY, f64::min);
        let high = points().map(pick).fold(0.0, f64::max);
        (low * 0.8)..(high * 1.25)
    };
    let (x, y) = (span(|p| p.0), span(|p| p.1));
    // The legend stands above the lines.
    let y = y.start..y.end * (y.end / y.start).powf(0.4);
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 16))
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(
                x.clone().log_scale().with_key_points(ticks(&x)),
                y.clone().log_scale().with_key_points(ticks(&y)),
            )?;
        chart
            .configure_mesh()
            .x_desc(x_title)
            .y_desc(y_title)
            .x_label_formatter(&short)
            .y_label_formatter(&short)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (name, points) in all {
            let color = match *name {
                "offspring" => OURS,
                "offspring-blocking" => OURS_TOO,
                "raw" => BLACK,
                _ => OTHERS,
            };
            chart
                .draw_series(LineSeries::new(
                    points.iter().copied(),
                    color.stroke_width(2),
                ))?
                .label(*name)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 4), (x + 12, y + 4)], color.filled())
                });
            chart.draw_series(
                points
                    .iter()
                    .map(|point| Circle::new(*point, 3, color.filled())),
            )?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK)
            .draw()?;
        area.present()?;
        Ok(())
    };
    draw().map_err(|error| anyhow!("draw {}: {error}", path.display()))
}

/// The round numbers of a logarithmic axis.
fn ticks(span: &Range<f64>) -> Vec<f64> {
    let decades = (span.end / span.start).log10();
    let of_each: &[f64] = if decades < 2.5 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let (first, last) = (span.start.log10().floor() as i32, span.end.log10() as i32);
    (first..=last)
        .flat_map(|decade| of_each.iter().map(move |n| n * 10f64.powi(decade)))
        .filter(|tick| span.contains(tick))
        .collect()
}

/// A number of an axis.
fn short(number: &f64) -> String {
    match *number {
        n if n >= 1e6 => format!("{:.0} M", n / 1e6),
        n if n >= 1e3 => format!("{:.0} k", n / 1e3),
        n if n >= 1.0 => format!("{n:.0}"),
        n => format!("{n:.1}"),
    }
}

const OURS: RGBColor = RGBColor(32, 110, 180);
const OURS_TOO: RGBColor = RGBColor(60, 160, 90);
const OTHERS: RGBColor = RGBColor(150, 150, 150);

fn file_name(title: &str) -> String {
    let plain = title.to_lowercase();
    let words = plain
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}
