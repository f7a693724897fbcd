use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use super::*;

fn fails(bytes: &[u8]) -> Error {
    read_all(bytes).expect_err("must be refused")
}

#[test]
fn golden_bytes_both_ways() {
    let table: &[(&[u8], Value)] = &[
        (&[0x00, 0x40, 0x59, 0, 0, 0, 0, 0, 0], Value::Number(100.0)),
        (&[0x01, 0x01], Value::Boolean(true)),
        (&[0x02, 0x00, 0x04, b'l', b'i', b'v', b'e'], "live".into()),
        (&[0x03, 0x00, 0x01, b'a', 0x05, 0x00, 0x00, 0x09], object([("a", Value::Null)])),
        (&[0x06], Value::Undefined),
        (&[0x07, 0x00, 0x02], Value::Reference(2)),
        (&[0x08, 0, 0, 0, 1, 0x00, 0x01, b'w', 0x01, 0x00, 0, 0, 9], Value::EcmaArray(vec![("w".into(), Value::Boolean(false))])),
        (&[0x0A, 0, 0, 0, 2, 0x05, 0x06], Value::StrictArray(vec![Value::Null, Value::Undefined])),
        (&[0x0B, 0x40, 0x59, 0, 0, 0, 0, 0, 0, 0, 0], Value::Date(100.0)),
        (
            &[0x10, 0, 1, b'C', 0, 1, b'x', 0x05, 0, 0, 9],
            Value::TypedObject { class: "C".into(), properties: vec![("x".into(), Value::Null)] },
        ),
    ];
    for (bytes, value) in table {
        assert_eq!(read_all(bytes).as_deref(), Ok(std::slice::from_ref(value)));
        assert_eq!(encode(std::slice::from_ref(value)), *bytes);
    }
}

#[test]
fn long_strings_and_xml_read_as_strings() {
    assert_eq!(read_all(&[0x0C, 0, 0, 0, 2, b'h', b'i']), Ok(vec!["hi".into()]));
    assert_eq!(read_all(&[0x0F, 0, 0, 0, 2, b'<', b'>']), Ok(vec!["<>".into()]));
    let long = "x".repeat(65_536);
    let bytes = encode(&[long.as_str().into()]);
    assert_eq!(bytes[..5], [0x0C, 0, 1, 0, 0]);
    assert_eq!(read_all(&bytes), Ok(vec![long.into()]));
}

#[test]
fn a_missing_or_cut_end_marker_at_the_end_of_the_packet_is_forgiven() {
    let object = [0x03, 0, 1, b'a', 0x03, 0, 1, b'b', 0x05];
    for tail in [&[][..], &[0], &[0, 0], &[0, 0, 9], &[0, 0, 9, 0, 0], &[0, 0, 9, 0, 0, 9]] {
        let values = read_all(&[&object, tail].concat()).expect("is forgiven");
        assert_eq!(values, [super::object([("a", super::object([("b", Value::Null)]))])], "tail {tail:?}");
    }
}

#[test]
fn the_count_of_an_ecma_array_is_only_advice() {
    let mut bytes = vec![0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0, 1, b'a', 0x05, 0, 0, 9];
    assert_eq!(read_all(&bytes), Ok(vec![Value::EcmaArray(vec![("a".into(), Value::Null)])]));
    bytes[1..5].fill(0);
    assert_eq!(read_all(&bytes), Ok(vec![Value::EcmaArray(vec![("a".into(), Value::Null)])]));
}

#[test]
fn an_empty_name_is_a_name_unless_the_end_marker_follows() {
    assert_eq!(read_all(&[0x03, 0, 0, 0x05, 0, 0, 9]), Ok(vec![object([("", Value::Null)])]));
}

#[test]
fn the_last_of_repeated_names_counts() {
    let value = object([("a", 1.0.into()), ("b", 2.0.into()), ("a", 3.0.into())]);
    assert_eq!(value.get("a"), Some(&Value::Number(3.0)));
    assert_eq!(serde_json::to_string(&value).expect("is JSON"), r#"{"b":2.0,"a":3.0}"#);
}

#[test]
fn bytes_that_are_not_utf8_are_replaced() {
    assert_eq!(read_all(&[0x02, 0, 2, b'a', 0xFF]), Ok(vec!["a\u{FFFD}".into()]));
}

#[test]
fn a_name_grown_by_replacement_is_cut_at_a_character() {
    let mut bytes = vec![0x03, 0xFF, 0xFF];
    bytes.extend(std::iter::repeat_n(0xFF, 65_535));
    bytes.push(0x05);
    let values = read_all(&bytes).expect("is read");
    let again = read_all(&encode(&values)).expect("is well formed");
    assert_eq!(again[0].properties().map(|members| members[0].0.chars().count()), Some(65_535 / 3));
}

#[test]
fn ten_thousand_nested_objects_are_refused_by_depth() {
    for opening in [&[0x03, 0, 1, b'a'][..], &[0x0A, 0, 0, 0, 1], &[0x08, 0, 0, 0, 0, 0, 1, b'a'], &[0x10, 0, 0, 0, 1, b'a']] {
        let error = fails(&opening.repeat(10_000));
        assert_eq!(error, Error { position: opening.len() * MAX_DEPTH, problem: Problem::TooDeep });
    }
    let legal = [0x0A, 0, 0, 0, 1].repeat(MAX_DEPTH);
    assert!(read_all(&[&legal[..], &[0x05]].concat()).is_ok());
}

#[test]
fn two_hundred_thousand_members_are_refused_by_count() {
    let mut bytes = vec![0x03];
    for _ in 0..200_000 {
        bytes.extend_from_slice(&[0, 1, b'k', 0x05]);
    }
    assert_eq!(fails(&bytes).problem, Problem::TooManyElements);
    assert_eq!(fails(&[0x05].repeat(MAX_ELEMENTS + 1)).problem, Problem::TooManyElements);
}

#[test]
fn an_array_announcing_four_thousand_million_elements_reserves_nothing() {
    assert_eq!(fails(&[0x0A, 0xFF, 0xFF, 0xFF, 0xFF]), Error { position: 5, problem: Problem::Truncated { needed: 1, left: 0 } });
}

#[test]
fn a_string_past_the_end_says_what_was_missing() {
    assert_eq!(fails(&[0x02, 0x00, 0x05, b'a']), Error { position: 3, problem: Problem::Truncated { needed: 5, left: 1 } });
    assert_eq!(fails(&[0x0C, 0xFF, 0xFF, 0xFF, 0xFF, b'a']), Error { position: 5, problem: Problem::StringTooLong(0xFFFF_FFFF) });
    assert_eq!(fails(&[0x00, 1, 2]).to_string(), "AMF0 at byte 1: 8 bytes needed, 2 left");
}

#[test]
fn reserved_and_unknown_markers_are_named() {
    for marker in [0x04, 0x09, 0x0E, 0x12, 0xFF] {
        assert_eq!(fails(&[0x05, marker]), Error { position: 1, problem: Problem::Marker(marker) });
    }
}

#[test]
fn simple_amf3_values_are_read() {
    let table: &[(&[u8], Value)] = &[
        (&[0x11, 0x00], Value::Undefined),
        (&[0x11, 0x01], Value::Null),
        (&[0x11, 0x03], Value::Boolean(true)),
        (&[0x11, 0x04, 0x7F], Value::Number(127.0)),
        (&[0x11, 0x04, 0x81, 0x00], Value::Number(128.0)),
        (&[0x11, 0x04, 0xFF, 0xFF, 0xFF, 0xFF], Value::Number(-1.0)),
        (&[0x11, 0x05, 0x40, 0x59, 0, 0, 0, 0, 0, 0], Value::Number(100.0)),
        (&[0x11, 0x06, 0x05, b'h', b'i'], "hi".into()),
        (&[0x11, 0x07, 0x05, b'h', b'i'], "hi".into()),
        (&[0x11, 0x08, 0x01, 0x40, 0x59, 0, 0, 0, 0, 0, 0], Value::Date(100.0)),
        (&[0x11, 0x0C, 0x07, 1, 2, 3], Value::Undefined),
    ];
    for (bytes, value) in table {
        assert_eq!(read_all(bytes).as_deref(), Ok(std::slice::from_ref(value)));
    }
}

#[test]
fn amf3_objects_arrays_vectors_and_dictionaries_are_read_with_their_references() {
    let sealed = Value::TypedObject { class: "P".into(), properties: vec![("x".into(), 1.0.into())] };
    let table: &[(&[u8], &[Value])] = &[
        // A dynamic object without a class: app = "live", then the end of its members.
        (&[0x11, 0x0A, 0x0B, 0x01, 0x07, b'a', b'p', b'p', 0x06, 0x09, b'l', b'i', b'v', b'e', 0x01], &[object([("app", "live".into())])]),
        // A class of one sealed member, and a second object by reference to its traits.
        (&[0x11, 0x0A, 0x13, 0x03, b'P', 0x03, b'x', 0x04, 0x01, 0x11, 0x0A, 0x01, 0x04, 0x01], &[sealed.clone(), sealed]),
        // A string by reference, in a value of its own; the empty one was not counted.
        (&[0x11, 0x06, 0x01, 0x11, 0x06, 0x05, b'h', b'i', 0x11, 0x06, 0x00], &["".into(), "hi".into(), "hi".into()]),
        (&[0x11, 0x09, 0x05, 0x01, 0x02, 0x03], &[Value::StrictArray(vec![false.into(), true.into()])]),
        (
            &[0x11, 0x09, 0x03, 0x03, b'k', 0x01, 0x01, 0x03],
            &[Value::EcmaArray(vec![("k".into(), Value::Null), ("0".into(), true.into())])],
        ),
        (&[0x11, 0x0D, 0x05, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 2], &[Value::StrictArray(vec![(-1.0).into(), 2.0.into()])]),
        (&[0x11, 0x0E, 0x03, 0, 0xFF, 0xFF, 0xFF, 0xFF], &[Value::StrictArray(vec![4_294_967_295.0.into()])]),
        (&[0x11, 0x10, 0x03, 0, 0x01, 0x06, 0x03, b'a'], &[Value::StrictArray(vec!["a".into()])]),
        (&[0x11, 0x11, 0x03, 0, 0x06, 0x03, b'k', 0x04, 0x07], &[object([("k", 7.0.into())])]),
        // An object by reference to itself is not followed.
        (&[0x11, 0x0A, 0x0B, 0x01, 0x03, b'a', 0x0A, 0x00, 0x01], &[object([("a", Value::Undefined)])]),
        // Flex's wrapper around an array.
        (
            &[&[0x11, 0x0A, 0x07, 0x43][..], b"flex.messaging.io.ArrayCollection", &[0x09, 0x03, 0x01, 0x01]].concat(),
            &[Value::StrictArray(vec![Value::Null])],
        ),
    ];
    for (bytes, values) in table {
        assert_eq!(read_all(bytes).as_deref(), Ok(*values), "{bytes:02x?}");
    }
}

#[test]
fn what_amf3_cannot_mean_is_named() {
    assert_eq!(fails(&[0x11, 0x12]), Error { position: 1, problem: Problem::Amf3Marker(0x12) });
    assert_eq!(fails(&[0x11, 0x06, 0x04]), Error { position: 2, problem: Problem::Amf3Reference });
    assert_eq!(fails(&[0x11, 0x0A, 0x05]), Error { position: 2, problem: Problem::Amf3Reference });
    assert_eq!(fails(&[0x11, 0x0A, 0x07, 0x03, b'C']).problem, Problem::Amf3Externalizable("C".into()));
}

#[test]
fn amf3_grows_no_deeper_and_no_longer_than_amf0() {
    let deep = [&[0x11][..], &[0x09, 0x03, 0x01].repeat(10_000)].concat();
    assert_eq!(fails(&deep).problem, Problem::TooDeep);
    let legal = [&[0x11][..], &[0x09, 0x03, 0x01].repeat(MAX_DEPTH), &[0x01]].concat();
    assert!(read_all(&legal).is_ok());
    // 2^28 elements announced, none there; then more nulls than are allowed.
    assert!(matches!(fails(&[0x11, 0x09, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]).problem, Problem::Truncated { .. }));
    let many = [&[0x11, 0x09, 0xFF, 0xFF, 0xFF, 0xFF, 0x01][..], &[0x01; MAX_ELEMENTS + 1]].concat();
    assert_eq!(fails(&many).problem, Problem::TooManyElements);
    // A string of 32 KiB, named again in two bytes.
    let long = [&[0x11, 0x06, 0x84, 0x80, 0x01][..], &[b'x'; 32 << 10]].concat();
    assert!(read_all(&[&long[..], &[0x11, 0x06, 0x00].repeat(8)].concat()).is_ok());
    assert_eq!(fails(&[&long[..], &[0x11, 0x06, 0x00].repeat(9)].concat()).problem, Problem::TooMuchRepeated);
    // The same by the names of a class.
    let class = [&[0x11, 0x0A, 0x03, 0x84, 0x80, 0x01][..], &[b'x'; 32 << 10]].concat();
    assert_eq!(fails(&[&class[..], &[0x11, 0x0A, 0x01].repeat(9)].concat()).problem, Problem::TooMuchRepeated);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<f64>().prop_filter("NaN equals nothing", |number| !number.is_nan()).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        ".{0,40}".prop_map(Value::String),
        Just(Value::Null),
        Just(Value::Undefined),
        any::<u16>().prop_map(Value::Reference),
        (-1e15..1e15).prop_map(Value::Date),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        let properties = || prop::collection::vec((".{0,12}", inner.clone()), 0..8);
        prop_oneof![
            properties().prop_map(Value::Object),
            properties().prop_map(Value::EcmaArray),
            (".{0,12}", properties()).prop_map(|(class, properties)| Value::TypedObject { class, properties }),
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::StrictArray),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(values in prop::collection::vec(any_value(), 0..6)) {
        prop_assert_eq!(read_all(&encode(&values)), Ok(values));
    }

    #[test]
    fn any_bytes_are_read_or_refused_inside_the_packet(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        match read_all(&bytes) {
            Ok(values) => {
                let again = encode(&values);
                prop_assert_eq!(encode(&read_all(&again).expect("what we write is well formed")), again);
            }
            Err(error) => prop_assert!(error.position <= bytes.len()),
        }
    }

    #[test]
    fn a_cut_packet_never_reads_past_its_end(values in prop::collection::vec(any_value(), 1..4), cut in any::<prop::sample::Index>()) {
        let whole = encode(&values);
        let mut part = BytesMut::new();
        part.put_slice(&whole[..cut.index(whole.len())]);
        if let Err(error) = read_all(&part) {
            prop_assert!(error.position <= part.len());
        }
    }
}
