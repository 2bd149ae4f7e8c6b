//! What the reader gets: a table, JSON, charts.

pub mod chart;
pub mod growth;
pub mod table;
