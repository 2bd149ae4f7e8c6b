//! Promise: a server goes on whatever bytes its clients send, with others at the same time and afterwards.
//!
//! What changed bytes do to the wire alone is tested in `wire`, at every place and in every way; here is the rest of
//! the house: the way from the system into a connection and back.

use std::time::{Duration, Instant};

use offspring::wire::{Encoding, Limits, Outbox};
use offspring::{Connection, Error, ErrorKind, Listener, Name, Result};
use offspring_platform as platform;
use tokio::io::AsyncWriteExt as _;

use crate::fixtures::{Random, Value, frame, hello, mutate};
use crate::stage::{size, within};

/// What became of the frames.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    connections: u64,
    values: u64,
    skipped: u64,
    /// Frames that ended their connection.
    fatal: u64,
    /// Connections that came to the end of the stream.
    ended: u64,
}

impl Tally {
    fn frames(&self) -> u64 {
        self.values + self.skipped + self.fatal
    }
}

#[test]
fn a_server_outlives_changed_frames() {
    let (mut result, began) = (Ok(Tally::default()), Instant::now());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let frames = size(100_000, 1_000_000);
    let memory = allocation_counter::measure(|| {
        result = runtime.block_on(attack(frames));
    });
    let tally = result.unwrap();
    let mix = [
        tally.values,
        tally.skipped,
        20 * tally.fatal,
        50 * tally.ended,
    ];
    assert!(
        mix.iter().all(|&part| part > tally.frames() / 10),
        "{tally:?} is no good mix"
    );
    println!(
        "figure: {} changed frames over {} connections in {:.1?}: {} values, {} skipped, {} fatal; {} KiB at most",
        tally.frames(),
        tally.connections,
        began.elapsed(),
        tally.values,
        tally.skipped,
        tally.fatal,
        memory.bytes_max / 1024,
    );
    // Of it, most are the bytes of the attackers and the buffers of the runtime.
    assert!(memory.bytes_max < 1024 * 1024, "{memory:?}");
}

async fn attack(frames: u64) -> Result<Tally> {
    let name = Name::unique()?;
    let mut listener = Listener::bind(&name)?;
    let (witness, witnessed) = tokio::join!(Connection::connect(&name), listener.accept());
    let (mut witness, witnessed) = (witness?, witnessed?);
    let serving = tokio::spawn(serve(witnessed));

    let mut random = Random(8);
    let bodies = bodies(&mut random)?;
    let mut tally = Tally::default();
    while tally.frames() < frames {
        let stream = changed_stream(&mut random, &bodies);
        let read_answers = random.below(2) == 0;
        let attacker = within(send(&name, &stream, read_answers));
        let served = within(async { Ok::<_, Error>(serve(listener.accept().await?).await) });
        let (_, served) = tokio::join!(attacker, served);
        let served = served?;
        tally.connections += 1;
        tally.values += served.values;
        tally.skipped += served.skipped;
        tally.fatal += served.fatal;
        tally.ended += served.ended;
        if tally.connections % 100 == 0 {
            within(echo(&mut witness, tally.connections)).await?;
        }
    }
    within(witness.close()).await?;
    within(serving).await.unwrap();

    let fresh = within(async {
        let mut fresh = Connection::connect(&name).await?;
        echo(&mut fresh, 1).await?;
        fresh.close().await
    });
    let served = within(async { Ok::<_, Error>(serve(listener.accept().await?).await) });
    let (fresh, served) = tokio::join!(fresh, served);
    fresh?;
    assert_eq!(served?.values, 1);
    Ok(tally)
}

/// Somebody who keeps to the rules.
async fn echo(connection: &mut Connection<Value, Value>, n: u64) -> Result<()> {
    connection.send(&Value::Positive(n)).await?;
    assert_eq!(connection.recv().await?, Some(Value::Positive(n)));
    Ok(())
}

/// Answers every value with the same value, as long as there is somebody.
async fn serve(mut connection: Connection<Value, Value>) -> Tally {
    let mut tally = Tally::default();
    loop {
        match connection.recv().await {
            Ok(Some(value)) => {
                tally.values += 1;
                if let Err(error) = connection.send(&value).await {
                    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
                }
            }
            Ok(None) => {
                tally.ended += 1;
                return tally;
            }
            Err(error) => match error.kind() {
                ErrorKind::Malformed | ErrorKind::Decode | ErrorKind::TooDeep { .. } => {
                    tally.skipped += 1
                }
                ErrorKind::Protocol | ErrorKind::Incompatible | ErrorKind::TooLarge { .. } => {
                    tally.fatal += 1;
                    return tally;
                }
                ErrorKind::Truncated | ErrorKind::Disconnected => {
                    tally.ended += 1;
                    return tally;
                }
                other => panic!("{other:?}: {error:?}"),
            },
        }
    }
}

/// Writes the bytes in a few pieces and goes.
async fn send(name: &Name, stream: &[u8], read_answers: bool) {
    let name = platform::Name::new(name.to_string()).unwrap();
    // `within` ends it if it hangs.
    let far = Instant::now() + Duration::from_secs(3600);
    let connected = platform::Stream::connect(&name, far).await.unwrap();
    let (mut read, mut write) = connected.into_split();
    for piece in stream.chunks(1 + stream.len() / 3) {
        // The server may have seen enough and be gone.
        if write.write_all(piece).await.is_err() {
            return;
        }
        if read_answers {
            let _ = read.try_read(&mut [0; 4096]);
        }
    }
}

/// Values of a few hundred bytes at most: what is changed is then mostly not the inside of a string.
fn bodies(random: &mut Random) -> Result<Vec<Vec<u8>>> {
    let mut bodies = Vec::new();
    while bodies.len() < 64 {
        let mut outbox = Outbox::new(Limits::new(), Encoding::Named);
        outbox.push(&Value::random(random, 2))?;
        let mut bytes = Vec::new();
        outbox.take(&mut bytes);
        if (6..400).contains(&bytes.len()) {
            bodies.push(bytes.split_off(5));
        }
    }
    Ok(bodies)
}

/// A hello and fifty frames with a changed body each. Now and then the hello or a head is changed, or the rest is cut
/// off.
fn changed_stream(random: &mut Random, bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = hello();
    if random.below(50) == 0 {
        mutate(random, &mut stream);
    }
    for _ in 0..50 {
        let mut body = bodies[random.below(bodies.len())].clone();
        mutate(random, &mut body);
        let mut frame = frame(0, &body);
        match random.below(100) {
            0 => mutate(random, &mut frame),
            1 => frame[random.below(5)] ^= 1 << random.below(8),
            _ => {}
        }
        stream.extend(frame);
    }
    if random.below(4) == 0 {
        stream.truncate(random.below(stream.len()));
    }
    stream
}
