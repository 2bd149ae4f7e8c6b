//! Criterion benches of the wire: encode, decode, parse, and what the check of the structure adds.
//!
//! `cargo bench --manifest-path benches/wire/Cargo.toml`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use offspring::wire::{Body, Limits};
use offspring_wire_benches::{Small, frame, inbox, many, next, outbox, read, small};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_bytes::{ByteBuf, Bytes};

/// Frame head and kind.
const HEAD: usize = 5;

fn values(c: &mut Criterion) {
    both::<Small>(c, "small struct", &small());
    both::<Vec<Small>>(c, "100 small structs", &many());
    both::<ByteBuf>(c, "1 MiB of bytes", &ByteBuf::from(vec![7; 1 << 20]));
}

fn both<M: Serialize + DeserializeOwned>(c: &mut Criterion, name: &str, message: &M) {
    let frame = frame(message).expect("it can be encoded");
    let body = Body::new(&frame[HEAD..], Limits::new());
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes(frame.len() as u64));
    let (mut outbox, mut batch) = (outbox(), Vec::new());
    group.bench_function("encode", |b| {
        b.iter(|| {
            outbox.push(black_box(message)).expect("it can be encoded");
            batch.clear();
            outbox.take(&mut batch);
        });
    });
    group.bench_function("decode", |b| {
        b.iter(|| black_box(body).decode::<M>().expect("it can be decoded"));
    });
    group.bench_function("check only", |b| {
        b.iter(|| {
            black_box(body)
                .decode::<IgnoredAny>()
                .expect("it can be decoded")
        });
    });
    group.finish();
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    let one = frame(&small()).expect("it can be encoded");
    let hundred = one.repeat(100);
    group.throughput(Throughput::Elements(100));
    let mut inbox = inbox();
    group.bench_function("100 frames of one read", |b| {
        b.iter(|| {
            read(&mut inbox, &hundred);
            let mut bytes = 0;
            while let Some(count) =
                next(&mut inbox, |body| body.bytes().len()).expect("the frames are good")
            {
                bytes += count;
            }
            bytes
        });
    });
    group.finish();
}

fn borrowed(c: &mut Criterion) {
    let frame = frame(&Bytes::new(&[7; 1 << 20])).expect("it can be encoded");
    let body = Body::new(&frame[HEAD..], Limits::new());
    c.bench_function("1 MiB of bytes/decode borrowed", |b| {
        b.iter(|| {
            black_box(body)
                .decode::<&Bytes>()
                .expect("it can be decoded")
                .len()
        });
    });
}

criterion_group!(benches, values, frames, borrowed);
criterion_main!(benches);
