//! What the reader gets: a table, JSON, charts.

pub mod chart;
pub mod table;
