//! Promise: a future that is dropped at any moment loses, doubles and tears nothing.

mod meetings;
mod messages;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use offspring::{Config, Connection, Listener, Name, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::yield_now;

use crate::random::Random;
use crate::stage::size;

/// How many futures of each kind are dropped before they are ready.
fn target() -> u64 {
    size(2_000, 100_000)
}

/// Drops futures, and counts them.
struct Dropper {
    random: Random,
    dropped: u64,
}

impl Dropper {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            dropped: 0,
        }
    }

    fn is_done(&self) -> bool {
        self.dropped >= target()
    }

    /// Polls the future a few times, letting others run in between. `None` if it was dropped then.
    async fn try_out<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        for _ in 0..=self.random.below(3) {
            if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
                return Some(output);
            }
            yield_now().await;
        }
        self.dropped += 1;
        None
    }
}

/// Two ends of a connection as unrelated programs have it.
async fn pair<M: Serialize + DeserializeOwned>(
    config: Config,
) -> Result<(Connection<M, M>, Connection<M, M>)> {
    let mut listener = Listener::bind_with(&Name::unique()?, config.clone())?;
    let name = listener.name().clone();
    let (client, server) = tokio::join!(Connection::connect_with(&name, config), listener.accept());
    Ok((client?, server?))
}
