//! What a real Node.js has sent: `golden.txt`, made by `golden.js`.

use offspring::ErrorKind;
use offspring::node::{BigInt, ErrorClass, Object, Serialization, Value, View};

use super::{decode, encode, encode_error, hex};

fn array<const N: usize>(elements: [Value; N]) -> Value {
    Value::Array(elements.into())
}

fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    Value::Object(Object::from_iter(properties))
}

fn number(number: impl Into<f64>) -> Value {
    Value::Number(number.into())
}

fn big(number: impl Into<BigInt>) -> Value {
    Value::BigInt(number.into())
}

fn text(text: &str) -> Value {
    text.into()
}

fn regexp(source: &str, flags: &str) -> Value {
    Value::RegExp {
        source: source.to_owned(),
        flags: flags.to_owned(),
    }
}

fn error(class: ErrorClass, message: &str) -> Value {
    Value::Error {
        class,
        message: Some(message.to_owned()),
        stack: Some("s".to_owned()),
        cause: None,
    }
}

fn with_cause(message: &str, cause: Value) -> Value {
    Value::Error {
        class: ErrorClass::Error,
        message: Some(message.to_owned()),
        stack: Some("s".to_owned()),
        cause: Some(Box::new(cause)),
    }
}

fn shared(id: u32, value: Value) -> Value {
    Value::Shared(id, Box::new(value))
}

fn boxed(value: impl Into<Value>) -> Value {
    Value::Boxed(Box::new(value.into()))
}

fn view<const N: usize>(view: View, bytes: [u8; N]) -> Value {
    Value::View(view, bytes.to_vec())
}

/// What each line means, in their order, and whether we write the same bytes.
///
/// One of them Node cannot read itself, so we do not write it: [`IN_ITS_OWN_CAUSE`].
fn expected() -> Vec<(Value, bool)> {
    let mut all: Vec<(Value, bool)> = Vec::new();
    let mut same = |value| all.push((value, true));
    // Primitives.
    same(Value::Null);
    same(Value::Bool(true));
    same(Value::Bool(false));
    same(array([Value::Undefined]));
    for int in [0, -0, 1, -1, 63, 64, -64, -65, i32::MAX, i32::MIN] {
        same(number(int));
    }
    for double in [
        2147483648.0,
        -2147483649.0,
        4294967295.0,
        9007199254740991.0,
        -9007199254740991.0,
    ] {
        same(number(double));
    }
    for double in [1e300, 0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        same(number(double));
    }
    same(array([big(0)]));
    same(array([big(1), big(-1)]));
    same(array([big(1u64 << 63), big(i64::MIN)]));
    same(array([big(u64::MAX)]));
    same(array([big(1u128 << 64), big(i128::MIN)]));
    let mut magnitude = [0; 26];
    magnitude[25] = 1;
    same(array([BigInt::new(false, &magnitude).into()]));
    // Strings.
    same(text(""));
    same(text("ascii"));
    same(text("caf\u{e9} \u{ff}"));
    same(text("\u{100}"));
    same(array([text("\u{20ac}")]));
    same(array([
        text("x"),
        text("\u{20ac}"),
        text("xy"),
        text("\u{20ac}"),
    ]));
    same(text("\u{1f600}"));
    // The halves of pairs are lost.
    all.push((text("\u{fffd}"), false));
    all.push((array([text("a\u{fffd}b")]), false));
    let mut same = |value| all.push((value, true));
    same(text("\0\n\u{2028}"));
    same(text(&"a".repeat(200)));
    same(text(&"\u{416}".repeat(100)));
    same(array([text(&"\u{416}".repeat(64))]));
    // Objects and arrays.
    same(object([]));
    same(object([
        ("a", number(1)),
        ("b", text("two")),
        ("c", Value::Null),
    ]));
    same(object([("a", Value::Undefined)]));
    same(object([
        ("0", text("zero")),
        ("10", text("ten")),
        ("x", text("x")),
    ]));
    same(object([
        ("4294967294", number(4)),
        ("-1", number(1)),
        ("01", number(2)),
        ("1.5", number(3)),
        ("4294967295", number(5)),
    ]));
    same(object([(
        "",
        object([("caf\u{e9}", object([("\u{20ac}", array([]))]))]),
    )]));
    same(object([("x", number(1)), ("y", number(2))]));
    same(array([]));
    same(array([number(1), array([number(2), array([number(3)])])]));
    // Node writes arrays in one of two ways, by what has become of them; we go by what is in them.
    all.push((array([number(1), Value::Hole, number(3)]), false));
    all.push((array([Value::Hole, Value::Hole, Value::Hole]), false));
    let sparse = |length, properties: &[(&str, Value)]| Value::SparseArray {
        length,
        properties: properties.iter().cloned().collect(),
    };
    all.push((sparse(1, &[("0", text("a")), ("index", number(4))]), false));
    let mut same = |value| all.push((value, true));
    same(sparse(101, &[("100", text("x"))]));
    same(sparse(4_000_000_001, &[("4000000000", number(1))]));
    // Map and Set.
    same(Value::Map(vec![]));
    same(Value::Map(vec![
        (text("a"), number(1)),
        (text("b"), number(2)),
    ]));
    same(Value::Map(vec![
        (number(1), text("one")),
        (object([("k", number(1))]), array([number(2)])),
        (Value::Null, Value::Undefined),
    ]));
    same(Value::Set(vec![]));
    same(Value::Set(vec![
        number(1),
        text("a"),
        object([("x", number(1))]),
    ]));
    // Date and RegExp.
    for date in [0.0, 1_700_000_000_123.0, -1.0, f64::NAN] {
        same(Value::Date(date));
    }
    same(regexp("a+b", ""));
    same(regexp("\\u20ac", "giu"));
    same(regexp("x", "dgimsy"));
    same(regexp("[a-z]", "v"));
    // Errors.
    same(error(ErrorClass::Error, "m"));
    same(error(ErrorClass::TypeError, "t"));
    same(array(
        [
            ErrorClass::EvalError,
            ErrorClass::RangeError,
            ErrorClass::ReferenceError,
            ErrorClass::SyntaxError,
            ErrorClass::UriError,
        ]
        .map(|class| error(class, class.name())),
    ));
    same(with_cause("m", object([("why", number(1))])));
    same(Value::Error {
        class: ErrorClass::Error,
        message: None,
        stack: None,
        cause: None,
    });
    same(error(ErrorClass::Error, "m"));
    // Primitives as objects.
    same(array([
        boxed(1.5),
        boxed(true),
        boxed(false),
        boxed("s"),
        boxed("\u{20ac}"),
        boxed(BigInt::from(5)),
    ]));
    // Bytes.
    same(Value::ArrayBuffer(vec![]));
    same(Value::ArrayBuffer(vec![1, 2, 3]));
    // That it could grow is lost.
    all.push((Value::ArrayBuffer(vec![0, 0]), false));
    let mut same = |value| all.push((value, true));
    same(Value::buffer(*b"hello"));
    same(Value::buffer([]));
    same(Value::buffer([7; 300]));
    same(view(View::Uint8, [1, 2, 255]));
    same(view(View::Int8, [255, 1]));
    same(view(View::Uint8Clamped, [255]));
    same(view(View::Int16, [0xfe, 0xff, 2, 0]));
    same(view(View::Uint16, [0xff; 2]));
    same(view(View::Int32, [0xfd, 0xff, 0xff, 0xff]));
    same(view(View::Uint32, [0xff; 4]));
    same(view(View::Float32, [0, 0, 0xc0, 0x3f, 0, 0, 0x80, 0xbe]));
    let floats = [std::f64::consts::PI, f64::NAN].map(f64::to_le_bytes);
    same(Value::View(View::Float64, floats.concat()));
    same(view(View::BigInt64, [0xff; 8]));
    same(view(View::BigUint64, [0xff; 8]));
    same(view(View::DataView, [2, 3]));
    same(view(View::Uint8, [1, 2]));
    same(object([
        ("a", Value::buffer(*b"a")),
        ("b", view(View::Uint8, [0])),
        ("c", array([view(View::Float32, [0; 4])])),
    ]));
    // Shared objects and cycles.
    let o = shared(1, object([("x", number(1))]));
    same(array([o, Value::Reference(1), Value::Reference(1)]));
    same(shared(0, object([("self", Value::Reference(0))])));
    same(shared(0, array([Value::Reference(0)])));
    same(shared(
        0,
        Value::Map(vec![(text("m"), Value::Reference(0))]),
    ));
    same(shared(0, Value::Set(vec![Value::Reference(0)])));
    same(array([
        shared(1, Value::Date(5.0)),
        shared(2, regexp("r", "g")),
        shared(3, Value::buffer(*b"b")),
        shared(4, boxed(1.0)),
        Value::Reference(1),
        Value::Reference(2),
        Value::Reference(3),
        Value::Reference(4),
    ]));
    let b = shared(3, object([("n", text("b")), ("a", Value::Reference(2))]));
    let a = shared(2, object([("n", text("a")), ("b", b)]));
    same(object([
        ("list", array([a, Value::Reference(3)])),
        ("b", Value::Reference(3)),
    ]));
    same(shared(0, with_cause("m", Value::Reference(0))));
    same(object([
        ("v", shared(1, view(View::Uint8, [0, 0]))),
        ("b", Value::ArrayBuffer(vec![0, 0])),
        ("again", Value::Reference(1)),
    ]));
    // What makes it a host object is lost in Node as well.
    all.push((array([object([]), object([("behind", number(1))])]), false));
    // -0 is in its place, but as an integer it cannot be told from 0.
    all[5].0 = number(-0.0);
    all
}

const IN_ITS_OWN_CAUSE: &str =
    "(() => { const e = new Error(\"m\"); e.stack = \"s\"; e.cause = e; return e; })()";

/// The expressions, and the bytes that Node made of each.
pub(crate) fn lines() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let lines = include_str!("golden.txt").lines();
    lines.map(|line| {
        let (expression, bytes) = line.rsplit_once("  =>  ").unwrap();
        (expression, hex(bytes))
    })
}

/// With NaN equal to itself, and -0 not to 0.
fn show(value: &Value) -> String {
    format!("{value:?}")
}

#[test]
fn golden_payloads_mean_what_node_means() {
    let expected = expected();
    assert!(expected.len() >= 72);
    assert_eq!(lines().count(), expected.len());
    for ((expression, bytes), (value, _)) in lines().zip(&expected) {
        let decoded: Value = decode(Serialization::Advanced, &bytes).unwrap();
        assert_eq!(show(&decoded), show(value), "{expression}");
    }
}

#[test]
fn golden_payloads_are_written_byte_by_byte() {
    for ((expression, bytes), (value, is_same)) in lines().zip(expected()) {
        if expression == IN_ITS_OWN_CAUSE {
            assert_eq!(
                encode_error(Serialization::Advanced, &value),
                ErrorKind::Encode
            );
            continue;
        }
        let encoded = encode(Serialization::Advanced, &value);
        assert_eq!(encoded[..2], [0xff, 13]);
        assert_eq!(
            encoded[2..] == bytes[2..],
            is_same,
            "{expression}: {encoded:02x?}"
        );
        let again: Value = decode(Serialization::Advanced, &encoded).unwrap();
        assert_eq!(show(&again), show(&value), "{expression}");
    }
}

#[test]
fn golden_payloads_are_read_in_each_version() {
    for (expression, mut bytes) in lines() {
        let ours: Value = decode(Serialization::Advanced, &bytes).unwrap();
        for version in 13..=15 {
            bytes[1] = version;
            let value: Value = decode(Serialization::Advanced, &bytes).unwrap();
            assert_eq!(show(&value), show(&ours), "{expression}");
        }
    }
}
