//! Does one thing of the way of a message so many times, for tools that count: `.ci/cost`.

use std::hint::black_box;

use offspring::wire::{Body, Limits};
use offspring::{Connection, Listener, Name};
use offspring_wire_benches::{Small, frame, inbox, next, outbox, read, small};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(what), Some(count)) = (args.next(), args.next()) else {
        return Err("usage: WHAT COUNT".into());
    };
    let count: u64 = count.parse()?;
    match what.as_str() {
        "encode" => encode(count)?,
        "parse" => parse(count)?,
        "decode" => decode(count)?,
        "memory" => block_on(async {
            let (left, right) = Connection::<Small, (), _>::memory::<(), Small>();
            one_way(left, right, count).await
        })?,
        "socket" => block_on(async {
            let (left, right) = sockets().await?;
            one_way(left, right, count).await
        })?,
        "feed" => block_on(async {
            let (left, right) = sockets().await?;
            joined(left, right, count).await
        })?,
        "blocking" => blocking(count, 1)?,
        "blocking-feed" => blocking(count, JOIN)?,
        _ => return Err(format!("{what:?} is nothing that is counted").into()),
    }
    Ok(())
}

fn encode(count: u64) -> offspring::Result<()> {
    let (mut outbox, mut batch, message) = (outbox(), Vec::new(), small());
    for _ in 0..count {
        outbox.push(black_box(&message))?;
        batch.clear();
        outbox.take(&mut batch);
    }
    Ok(())
}

fn parse(count: u64) -> offspring::Result<()> {
    let (mut inbox, frame) = (inbox(), frame(&small())?);
    for _ in 0..count {
        read(&mut inbox, black_box(&frame));
        black_box(next(&mut inbox, |body| body.bytes().len())?);
    }
    Ok(())
}

fn decode(count: u64) -> offspring::Result<()> {
    let frame = frame(&small())?;
    for _ in 0..count {
        black_box(Body::new(black_box(&frame[5..]), Limits::new()).decode::<Small>()?);
    }
    Ok(())
}

/// The two ends of a socket.
async fn sockets() -> offspring::Result<(Connection<Small, ()>, Connection<(), Small>)> {
    let name = Name::unique()?;
    let mut listener = Listener::bind(&name)?;
    let left = Connection::connect(&name).await?;
    Ok((left, listener.accept().await?))
}

async fn one_way<T: offspring::transport::Transport>(
    left: Connection<Small, (), T>,
    mut right: Connection<(), Small, T>,
    count: u64,
) -> offspring::Result<()> {
    let message = small();
    for _ in 0..count {
        left.send(black_box(&message)).await?;
        black_box(right.recv().await?);
    }
    Ok(())
}

/// As [`one_way`], but [`JOIN`] messages leave together.
async fn joined(
    left: Connection<Small, ()>,
    mut right: Connection<(), Small>,
    count: u64,
) -> offspring::Result<()> {
    let message = small();
    for i in 1..=count {
        left.feed(black_box(&message)).await?;
        if i % JOIN == 0 {
            left.flush().await?;
            for _ in 0..JOIN {
                black_box(right.recv().await?);
            }
        }
    }
    Ok(())
}

fn blocking(count: u64, join: u64) -> offspring::Result<()> {
    use offspring::blocking::{Connection, Listener};
    let name = Name::unique()?;
    let mut listener = Listener::bind(&name)?;
    let left = Connection::<Small, ()>::connect(&name)?;
    let mut right = listener.accept::<(), Small>()?;
    let message = small();
    for i in 1..=count {
        match join {
            1 => left.send(black_box(&message))?,
            _ => left.feed(black_box(&message))?,
        }
        if i % join == 0 {
            left.flush()?;
            for _ in 0..join {
                black_box(right.recv()?);
            }
        }
    }
    Ok(())
}

/// How many messages leave together.
const JOIN: u64 = 50;

fn block_on(
    work: impl Future<Output = offspring::Result<()>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work)?)
}
