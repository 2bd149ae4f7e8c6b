//! Whatever the order in which threads get to run, nobody waits for ever and no byte is lost.
//!
//! A task that waits for something that nobody will do any more is a deadlock here, and fails the model. What was tried
//! when it failed is printed, and can be replayed with `shuttle::replay`.

mod closing;
mod hand_over;
mod pipe;
mod threads;
mod waking;

use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};
use tokio::runtime::Builder;

use crate::pipe::End;

/// Tries many schedules of what `model` does: half of them wholly at random, half with few switches at places that
/// matter, as most faults need few.
fn try_schedules(model: impl Fn() + Send + Sync + Clone + 'static) {
    // Timers need a place to be. None fires: whoever waits for one has lost.
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let _context = runtime.enter();
    let count = std::env::var("MODEL_SCHEDULES").map_or(500, |count| count.parse().unwrap());
    let mut config = Config::new();
    config.stack_size = 1 << 19;
    Runner::new(RandomScheduler::new_from_seed(1, count), config.clone()).run(model.clone());
    Runner::new(PctScheduler::new_from_seed(2, 3, count), config).run(model);
}

/// Runs a future in a thread of its own.
fn spawn<F>(future: F) -> thread::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    thread::spawn(move || block_on(future))
}

type Connection<Tx, Rx> = offspring::Connection<Tx, Rx, End>;
