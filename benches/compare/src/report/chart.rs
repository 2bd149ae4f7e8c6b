//! Charts, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::measure::Figures;

/// A bar for each contestant: its ratio to the floor, on a logarithmic axis, with its quartiles.
pub fn bars(figures: &Figures, folder: &Path) -> Result<()> {
    let path = folder.join(format!("{}.svg", file_name(&figures.title)));
    let rows = &figures.rows;
    let height = 90 + 28 * rows.len() as u32;
    let area = SVGBackend::new(&path, (760, height)).into_drawing_area();
    let lowest = rows.iter().map(|row| row.ratio.low).fold(0.9, f64::min);
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
            .build_cartesian_2d(
                (lowest * 0.8..highest * 1.2).log_scale(),
                0.0..rows.len() as f64,
            )?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .x_labels(6)
            .max_light_lines(1)
            .y_labels(0)
            .x_label_formatter(&|ratio| format!("{ratio:.2}"))
            .draw()?;
        for (index, row) in rows.iter().enumerate() {
            let top = (rows.len() - index) as f64;
            let ours = row.name.starts_with("offspring");
            let color = if ours {
                RGBColor(32, 110, 180)
            } else {
                RGBColor(150, 150, 150)
            };
            chart.draw_series([
                Rectangle::new(
                    [(lowest * 0.8, top - 0.2), (row.ratio.median, top - 0.8)],
                    color.filled(),
                ),
                Rectangle::new(
                    [(row.ratio.low, top - 0.45), (row.ratio.high, top - 0.55)],
                    BLACK.filled(),
                ),
            ])?;
            let (_, y) = chart.backend_coord(&(lowest, top - 0.5));
            area.draw(&Text::new(row.name, (14, y - 6), ("sans-serif", 13)))?;
        }
        area.present()?;
        Ok(())
    };
    draw().map_err(|error| anyhow!("draw {}: {error}", path.display()))
}

/// Lines on two logarithmic axes: how the time of an operation grows.
pub fn lines(
    title: &str,
    x_title: &str,
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
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 16))
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(span(|p| p.0).log_scale(), span(|p| p.1).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(x_title)
            .y_desc("microseconds")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.1}"))
            .draw()?;
        for (index, (name, points)) in all.iter().enumerate() {
            let color = Palette99::pick(index).to_rgba();
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

fn file_name(title: &str) -> String {
    let plain = title.to_lowercase();
    let words = plain
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}
