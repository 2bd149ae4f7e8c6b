//! The two serialisations of Node.js: bytes in, bytes out, and a real Node.js as the judge.
#![expect(clippy::unwrap_used, reason = "in a test it is the assertion")]

mod advanced;
mod damage;
mod foreign;
mod golden;
mod json;
mod limits;
mod mapping;
#[cfg(unix)]
mod oracle;
mod references;

use offspring::node::Serialization;
use offspring::wire::Limits;
use offspring::{ErrorKind, Result};
use serde::{Deserialize, Serialize};

fn encode<T: Serialize + ?Sized>(serialization: Serialization, value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    serialization
        .encode(value, Limits::new(), &mut bytes)
        .unwrap();
    bytes
}

fn encode_error<T: Serialize + ?Sized>(serialization: Serialization, value: &T) -> ErrorKind {
    let mut bytes = b"before".to_vec();
    let error = serialization.encode(value, Limits::new(), &mut bytes);
    assert_eq!(bytes, b"before", "something was left behind");
    error.unwrap_err().kind()
}

fn decode<'a, T: Deserialize<'a>>(serialization: Serialization, bytes: &'a [u8]) -> Result<T> {
    serialization.decode(bytes, Limits::new())
}

fn decode_error<'a, T: Deserialize<'a>>(
    serialization: Serialization,
    bytes: &'a [u8],
) -> ErrorKind {
    match decode::<T>(serialization, bytes) {
        Ok(_) => panic!("it was decoded"),
        Err(error) => error.kind(),
    }
}

/// Bytes of hexadecimal digits, with any spaces.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// A structured clone: the header, and this.
fn clone_of(digits: &str) -> Vec<u8> {
    [hex("ff 0f"), hex(digits)].concat()
}
