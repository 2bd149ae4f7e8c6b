//! What is sent: one small struct, or many bytes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A message of a certain size that says whether it wants to be sent back.
pub trait Message: Serialize + DeserializeOwned + Clone + Send + Sync + Unpin + 'static {
    fn new(size: usize) -> Self;
    fn wants_reply(&self) -> bool;
    fn want_reply(&mut self, reply: bool);
}

/// A struct as programs have them. It takes 64 bytes on offspring's wire, its head included.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Small {
    pub id: u64,
    pub reply: bool,
    pub price: f64,
    pub name: String,
}

impl Message for Small {
    fn new(_: usize) -> Self {
        Self {
            id: u64::from(u32::MAX) + 1,
            reply: true,
            price: 12.25,
            name: "sixteen letters!".into(),
        }
    }

    fn wants_reply(&self) -> bool {
        self.reply
    }

    fn want_reply(&mut self, reply: bool) {
        self.reply = reply;
    }
}

/// Bytes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Blob {
    pub reply: bool,
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
}

impl Message for Blob {
    fn new(size: usize) -> Self {
        Self {
            reply: true,
            data: vec![7; size],
        }
    }

    fn wants_reply(&self) -> bool {
        self.reply
    }

    fn want_reply(&mut self, reply: bool) {
        self.reply = reply;
    }
}

/// The size of [`Small`].
pub const SMALL: usize = 64;
