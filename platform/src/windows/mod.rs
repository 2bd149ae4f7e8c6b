//! The Windows backend.
