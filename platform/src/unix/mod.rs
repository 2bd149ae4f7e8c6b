//! The Unix backend.
