//! A parent without a runtime: four workers, one thread for each, and the sum of what they find.
//!
//! Each worker is this very program once more. It counts the primes of the ranges that it is sent.
//!
//! ```sh
//! cargo run --example blocking --features blocking
//! ```

use std::ops::Range;
use std::thread;

use offspring::Result;
use offspring::blocking::{Command, Parent};

fn main() -> Result<()> {
    if let Some(parent) = Parent::<usize, Range<u32>>::attach_if_child()? {
        return work(parent);
    }

    let workers: Vec<_> = (0..4)
        .map(|worker| thread::spawn(move || count(worker * 250_000..(worker + 1) * 250_000)))
        .collect();
    let mut sum = 0;
    for worker in workers {
        sum += worker.join().expect("the thread does not panic")?;
    }
    println!("{sum} primes below a million");
    Ok(())
}

/// Has a child count, a piece at a time.
fn count(numbers: Range<u32>) -> Result<usize> {
    let mut child = Command::current_exe()?.spawn::<Range<u32>, usize>()?;
    for start in numbers.step_by(50_000) {
        // The child works while the next piece is on its way.
        child.send(&(start..start + 50_000))?;
    }
    child.disconnect();

    let mut sum = 0;
    while let Some(found) = child.recv()? {
        sum += found;
    }
    child.wait()?;
    Ok(sum)
}

/// The child.
fn work(mut parent: Parent<usize, Range<u32>>) -> Result<()> {
    while let Some(numbers) = parent.recv()? {
        parent.send(&numbers.filter(|number| is_prime(*number)).count())?;
    }
    parent.close()
}

fn is_prime(number: u32) -> bool {
    let mut divisors = (2..).take_while(|divisor| divisor * divisor <= number);
    number >= 2 && !divisors.any(|divisor| number % divisor == 0)
}
