//! Names that unrelated programs meet by.
