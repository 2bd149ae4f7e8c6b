//! A real Node.js as the judge: what it is sent and sends back is still the same.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use offspring::node::{BigInt, ErrorClass, Object, Serialization, Value, View};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::mapping::{Everything, everything};
use super::{decode, encode};

/// A Node.js that sends back what it is sent.
struct Node {
    child: Arc<Mutex<Child>>,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    serialization: Serialization,
    /// Ends the watchdog when it is dropped.
    _alive: Sender<()>,
}

impl Node {
    /// `None` if there is no Node.js.
    fn start(serialization: Serialization) -> Option<Self> {
        let mode = match serialization {
            Serialization::Json => "json",
            _ => "advanced",
        };
        let started = Command::new("node")
            .args([
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node_codec/echo.js"),
                mode,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("!!! SKIPPED: there is no `node` here to judge our bytes !!!");
                return None;
            }
            started => started.unwrap(),
        };
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let child = Arc::new(Mutex::new(child));
        let (_alive, ended) = channel();
        let watched = Arc::clone(&child);
        thread::spawn(move || {
            let hung =
                ended.recv_timeout(Duration::from_secs(100)) == Err(RecvTimeoutError::Timeout);
            if hung {
                let _ = watched.lock().unwrap().kill();
            }
        });
        Some(Self {
            child,
            input,
            output: BufReader::new(output),
            serialization,
            _alive,
        })
    }

    /// `None` if Node.js has died of it.
    fn try_echo(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        match self.serialization {
            Serialization::Json => {
                self.input.write_all(&[message, b"\n"].concat()).ok()?;
                let mut line = Vec::new();
                self.output.read_until(b'\n', &mut line).ok()?;
                (line.pop() == Some(b'\n')).then_some(line)
            }
            _ => {
                let len = u32::try_from(message.len()).unwrap().to_be_bytes();
                self.input.write_all(&[&len, message].concat()).ok()?;
                let mut len = [0; 4];
                self.output.read_exact(&mut len).ok()?;
                let mut message = vec![0; u32::from_be_bytes(len) as usize];
                self.output.read_exact(&mut message).ok()?;
                Some(message)
            }
        }
    }
}

impl Node {
    fn echo(&mut self, message: &[u8]) -> Vec<u8> {
        self.try_echo(message).expect("Node has died")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Has Node judge many values.
fn judge(serialization: Serialization, values: BoxedStrategy<Value>) {
    let Some(node) = Node::start(serialization) else {
        return;
    };
    // Seeded anew each time, as often as PROPTEST_CASES says; what fails is shown in a small form.
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        // Each may start another Node.
        max_shrink_iters: 200,
        ..Config::default()
    });
    let node = RefCell::new(node);
    let result = runner.run(&values, |value| {
        let bytes = encode(serialization, &value);
        let mut node = node.borrow_mut();
        let Some(back) = node.try_echo(&bytes) else {
            *node = Node::start(serialization).unwrap();
            return Err(TestCaseError::fail("Node has died of it"));
        };
        let back: Value = decode(serialization, &back).unwrap();
        // NaN is not equal to itself.
        prop_assert_eq!(format!("{:?}", back), format!("{:?}", value));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn node_understands_every_value() {
    judge(Serialization::Advanced, message().boxed());
}

#[test]
fn node_understands_every_value_that_json_can_say() {
    judge(Serialization::Json, json().boxed());
}

#[test]
fn node_understands_every_type() {
    let Some(mut node) = Node::start(Serialization::Advanced) else {
        return;
    };
    let back = node.echo(&encode(Serialization::Advanced, &everything()));
    let back: Everything = decode(Serialization::Advanced, &back).unwrap();
    assert_eq!(back, everything());
}

#[test]
fn node_takes_large_messages() {
    for serialization in [Serialization::Json, Serialization::Advanced] {
        let Some(mut node) = Node::start(serialization) else {
            return;
        };
        for unit in ["a", "\u{e9}", "\u{20ac}", "\u{1f600}\n"] {
            // Small enough to be written before it is read.
            let text = unit.repeat(10_000);
            let back = node.echo(&encode(serialization, &text));
            assert!(decode::<String>(serialization, &back).unwrap() == text);
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        any::<char>(),
        prop::char::range(' ', '~'),
        prop::char::range('\u{a0}', '\u{ff}'),
        Just('\u{feff}'),
        Just('\u{2028}'),
    ];
    prop_oneof![
        vec(char, 0..12).prop_map(String::from_iter),
        vec(prop::char::range(' ', '\u{ff}'), 120..140).prop_map(String::from_iter),
        vec(prop::char::range('\u{400}', '\u{4ff}'), 60..70).prop_map(String::from_iter),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<i32>().prop_map(f64::from),
        (-70i32..70).prop_map(f64::from),
        any::<u32>().prop_map(f64::from),
        any::<i64>().prop_map(|number| number as f64),
        prop::num::f64::ANY.prop_map(|number| if number.is_nan() { f64::NAN } else { number }),
        Just(-0.0),
        Just(9_007_199_254_740_992.0),
    ]
}

fn bigint() -> impl Strategy<Value = BigInt> {
    (any::<bool>(), vec(any::<u8>(), 0..40))
        .prop_map(|(negative, bytes)| BigInt::new(negative, &bytes))
}

fn view() -> impl Strategy<Value = Value> {
    // Not of 16-bit floats, which older versions of Node do not know.
    let all = [
        View::Int8,
        View::Uint8,
        View::Uint8Clamped,
        View::Int16,
        View::Uint16,
        View::Int32,
        View::Uint32,
        View::Float32,
        View::Float64,
        View::DataView,
        View::Buffer,
        View::BigInt64,
        View::BigUint64,
    ];
    (prop::sample::select(all.to_vec()), 0usize..6).prop_flat_map(|(view, count)| {
        let len = count * view.width();
        vec(any::<u8>(), len..=len).prop_map(move |bytes| Value::View(view, bytes))
    })
}

fn leaf() -> impl Strategy<Value = Value> {
    let patterns = [
        ("a+b", "g"),
        ("\\u{20ac}", "dimsuy"),
        ("[a&&b]", "v"),
        ("\u{e9}/", ""),
    ];
    let simple = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        bigint().prop_map(Value::BigInt),
        text().prop_map(Value::String),
    ];
    prop_oneof![
        Just(Value::Undefined),
        Just(Value::Null),
        simple.clone(),
        simple.prop_map(|value| Value::Boxed(Box::new(value))),
        (-8_640_000_000_000_000i64..=8_640_000_000_000_000)
            .prop_map(|date| Value::Date(date as f64)),
        Just(Value::Date(f64::NAN)),
        prop::sample::select(patterns.to_vec()).prop_map(|(source, flags)| Value::RegExp {
            source: source.replace('/', "\\/"),
            flags: flags.to_owned(),
        }),
        vec(any::<u8>(), 0..20).prop_map(Value::ArrayBuffer),
        view(),
        // Which object it is will be found when all are there.
        any::<u32>().prop_map(Value::Reference),
    ]
}

/// An object as JavaScript orders it: indices first, in order.
fn object(value: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Object> {
    let keys = prop_oneof![
        text(),
        any::<i32>().prop_map(|number| number.to_string()),
        Just("__proto__".to_owned()),
        Just("constructor".to_owned()),
        Just("4294967295".to_owned()),
    ];
    let is_index = |key: &str| {
        let index = key.parse::<u32>();
        index.is_ok_and(|index| index != u32::MAX && index.to_string() == key)
    };
    let named = btree_map(keys, value.clone(), 0..5);
    let indexed = btree_map(prop_oneof![0u32..200, Just(4_294_967_294)], value, 0..3);
    (indexed, named).prop_map(move |(indexed, named)| {
        let indexed = indexed
            .into_iter()
            .map(|(index, value)| (index.to_string(), value));
        let named = named.into_iter().filter(|(key, _)| !is_index(key));
        indexed.chain(named).collect()
    })
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        let distinct = vec(inner.clone(), 0..5).prop_map(|values| values.into_iter().map(distinct));
        let element = prop_oneof![9 => inner.clone(), 1 => Just(Value::Hole)];
        prop_oneof![
            vec(element, 0..5).prop_map(Value::Array),
            object(inner.clone()).prop_map(Value::Object),
            (object(inner.clone()), 1000u32..2000).prop_map(|(object, length)| {
                let below = |key: &str| key.parse::<u32>().is_err() || key.len() < 4;
                let properties = object.into_iter().filter(|(key, _)| below(key)).collect();
                Value::SparseArray { length, properties }
            }),
            distinct
                .clone()
                .prop_map(|values| Value::Set(values.collect())),
            (distinct, vec(inner.clone(), 5))
                .prop_map(|(keys, values)| Value::Map(keys.zip(values).collect())),
            (
                0usize..7,
                proptest::option::of(text()),
                text(),
                proptest::option::of(inner)
            )
                .prop_map(|(class, message, stack, cause)| Value::Error {
                    class: CLASSES[class],
                    message,
                    stack: Some(stack),
                    cause: cause.map(Box::new),
                }),
        ]
    })
}

const CLASSES: [ErrorClass; 7] = [
    ErrorClass::Error,
    ErrorClass::EvalError,
    ErrorClass::RangeError,
    ErrorClass::ReferenceError,
    ErrorClass::SyntaxError,
    ErrorClass::TypeError,
    ErrorClass::UriError,
];

/// Something that a set does not already have.
fn distinct(value: Value) -> Value {
    match value {
        Value::Array(_) | Value::Object(_) | Value::Date(_) | Value::Error { .. } => value,
        other => Value::Array(vec![other]),
    }
}

/// A value that Node sends, with references to what is in it. An array, because not everything can stand alone.
fn message() -> impl Strategy<Value = Value> {
    vec(value(), 0..4).prop_map(|values| {
        let mut message = Value::Array(values);
        let mut targets = BTreeSet::new();
        aim(&mut message, &mut 0, &mut targets, &mut Vec::new());
        share(&mut message, &mut 0, &targets);
        message
    })
}

/// Gives every reference an object that has begun before it. But Node cannot read an error that is in its own cause.
fn aim(value: &mut Value, next: &mut u32, targets: &mut BTreeSet<u32>, errors: &mut Vec<u32>) {
    if let Value::Reference(target) = value {
        *target %= *next;
        if errors.contains(target) {
            *target = 0;
        }
        targets.insert(*target);
        return;
    }
    if matches!(value, Value::Error { .. }) {
        errors.push(*next);
    }
    *next += u32::from(is_object(value));
    inside(value, &mut |value| aim(value, next, targets, errors));
    if matches!(value, Value::Error { .. }) {
        errors.pop();
    }
}

/// Makes what is referred to shared, with the numbers that V8 gives.
fn share(value: &mut Value, next: &mut u32, targets: &BTreeSet<u32>) {
    if matches!(value, Value::Reference(_)) {
        return;
    }
    let id = *next;
    let is_object = is_object(value);
    *next += u32::from(is_object);
    inside(value, &mut |value| share(value, next, targets));
    if is_object && targets.contains(&id) {
        *value = Value::Shared(id, Box::new(std::mem::take(value)));
    }
}

fn is_object(value: &Value) -> bool {
    !matches!(
        value,
        Value::Undefined
            | Value::Null
            | Value::Hole
            | Value::Bool(_)
            | Value::Number(_)
            | Value::BigInt(_)
            | Value::String(_)
    )
}

/// In the order in which V8 writes it.
fn inside(value: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Array(values) | Value::Set(values) => values.iter_mut().for_each(visit),
        Value::Object(properties) | Value::SparseArray { properties, .. } => {
            let mut all = Vec::new();
            for (key, mut value) in std::mem::take(properties) {
                visit(&mut value);
                all.push((key, value));
            }
            *properties = all.into_iter().collect();
        }
        Value::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
            visit(key);
            visit(value);
        }),
        Value::Error {
            cause: Some(cause), ..
        } => visit(cause),
        _ => {}
    }
}

/// A value that JSON can say, and JavaScript keeps.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number()
            .prop_filter("JSON has neither", |number| number.is_finite()
                && number.to_bits() != (-0.0f64).to_bits())
            .prop_map(Value::Number),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            object(inner).prop_map(Value::Object),
        ]
    })
}
