//! The reader of JSON, compared with `serde_json`: both accept and refuse the same texts.
//!
//! Apart from three differences: two members of one name are refused, of a number only its form is looked at (`1e999`), and an
//! error's text is another one.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::json::{FromJson, MAX_DEPTH, ReadError, Value, bytes};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::seed;

/// Whether a text has two members of one name in an object.
struct Twice(bool);

impl<'de> Deserialize<'de> for Twice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self(false))
    }
}

impl<'de> Visitor<'de> for Twice {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        let mut twice = false;
        while let Some(item) = items.next_element::<Self>()? {
            twice |= item.0;
        }
        Ok(Self(twice))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let (mut names, mut twice) = (HashSet::new(), false);
        while let Some((name, value)) = members.next_entry::<String, Self>()? {
            twice |= value.0 | !names.insert(name);
        }
        Ok(Self(twice))
    }
}

/// What `serde_json` reads, without the numbers' values; none where it refuses or a name stands there twice.
fn expected(text: &[u8]) -> Option<Value<'static>> {
    let value: serde_json::Value = serde_json::from_slice(text).ok()?;
    let Twice(false) = serde_json::from_slice(text).expect("it was read before") else { return None };
    Some(converted(&value))
}

fn converted(value: &serde_json::Value) -> Value<'static> {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(_) => Value::Number,
        serde_json::Value::String(text) => Value::Text(Cow::Owned(text.clone())),
        serde_json::Value::Array(items) => Value::List(items.iter().map(converted).collect()),
        serde_json::Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (Cow::Owned(name.clone()), converted(value))).collect())
        }
    }
}

/// With each object's members in the order of their names, as `serde_json` keeps them.
fn sorted(value: Value<'_>) -> Value<'_> {
    match value {
        Value::List(items) => Value::List(items.into_iter().map(sorted).collect()),
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|(name, _), (other, _)| name.cmp(other));
            Value::Object(members)
        }
        other => other,
    }
}

/// Whether `serde_json` refuses a text for a number's size, which the project's reader does not look at.
fn is_too_large(text: &[u8]) -> bool {
    let error = serde_json::from_slice::<serde_json::Value>(text).err();
    error.is_some_and(|error| error.to_string().starts_with("number out of range"))
}

fn expect_the_same(text: &[u8]) -> Result<(), TestCaseError> {
    if is_too_large(text) {
        return Ok(());
    }
    let shown = String::from_utf8_lossy(text);
    let parsed = Value::parse(text).ok().map(sorted);
    prop_assert_eq!(&parsed, &expected(text), "{}", shown);
    // Through serde's interface, too.
    let by_serde = serde_json::from_slice::<Value<'_>>(text).ok().map(sorted);
    prop_assert_eq!(by_serde, parsed, "{}", shown);
    Ok(())
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "\\PC{0,8}|[\\x00-\\x7f]{0,8}|[ -~\u{e9}\t]{0,40}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-c\u{e9}\"\\\\]{0,3}", inner, 0..5)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\":",
    "\"a\"",
    "\"\\u0061\":",
    "\"b\":",
    "\"",
    "\\",
    "\\u",
    "\\ud83d",
    "\\ude00",
    "\\n",
    "\\/",
    "\\x",
    "0",
    "-",
    "-0",
    "01",
    "1.",
    "1.5",
    ".5",
    "1e",
    "1e5",
    "1E+5",
    "1e-",
    "+1",
    "12",
    "null",
    "nul",
    "true",
    "false",
    " ",
    "\n",
    "\t",
    "\r",
    "\u{b}",
    "\u{feff}",
    "\u{1}",
    "\u{7f}",
    "é",
    "NaN",
];

proptest! {
    #![proptest_config(seed::cases(2_000))]

    #[test]
    fn json_in_any_layout_is_read(value in any_json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.expect("JSON");
        prop_assert_eq!(Value::parse(text.as_bytes()).ok().map(sorted), Some(sorted(converted(&value))));
        expect_the_same(text.as_bytes())?;
    }

    #[test]
    fn json_with_changed_bytes_is_read_or_refused_as_by_serde_json(
        value in any_json(),
        changes in prop::collection::vec((any::<Index>(), prop_oneof![any::<u8>(), select(&b"{}[]\",:\\0e-. "[..])]), 1..3),
        cut in any::<Option<Index>>(),
    ) {
        let mut text = value.to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len() + 1));
        }
        expect_the_same(&text)?;
    }

    #[test]
    fn pieces_of_json_in_any_order_are_read_or_refused_as_by_serde_json(pieces in prop::collection::vec(select(PIECES), 0..8)) {
        let pieces = pieces.concat();
        for text in [pieces.clone(), format!("[{pieces}]"), format!("{{{pieces}}}"), format!("\"{pieces}\""), format!("[1,{{\"a\":{pieces}}}]")] {
            expect_the_same(text.as_bytes())?;
        }
    }
}

#[test]
fn it_goes_as_deep_as_serde_json_and_no_deeper() {
    let depth = usize::from(MAX_DEPTH);
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for (depth, is_read) in [(depth, true), (depth + 1, false), (100_000, false)] {
            let text = open.repeat(depth) + "1" + &close.repeat(depth);
            assert_eq!(Value::parse(text.as_bytes()).is_ok(), is_read, "{depth}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), is_read, "{depth}");
        }
        let unclosed = open.repeat(100_000);
        assert!(Value::parse(unclosed.as_bytes()).is_err());
    }
}

#[test]
fn a_number_is_one_by_its_form_however_large() {
    for number in ["1e999", "-1e999999999999", &"9".repeat(1_000)] {
        assert_eq!(Value::parse(number.as_bytes()), Ok(Value::Number), "{number}");
    }
    for number in ["1e", "1e+", "--1", "00", "1.e5", "1_000", "0x1"] {
        assert!(Value::parse(number.as_bytes()).is_err(), "twin: {number}");
    }
}

#[test]
fn an_error_says_where() {
    let error = |text: &str| Value::parse(text.as_bytes()).expect_err(text).to_string();
    assert_eq!(error("{\"a\": 1,\n \"b\": x}"), "it is not JSON, at line 2 column 7");
    assert_eq!(error("[1"), "it ends too early, at line 1 column 3");
    assert_eq!(error("[{\"a\":1,\"\\u0061\":2}]"), "two members have the name `a`");
    let error = |text: &str| {
        let value = Value::parse(text.as_bytes()).expect(text);
        value.object(|object| object.member::<Vec<Vec<u64>>>("list")).expect_err(text)
    };
    let wrong = error("{\"list\":[[\"1\",\"2\"],[\"1\",\"02\"]]}");
    assert_eq!((wrong.place(), wrong.problem()), (Some("list[1][1]"), "not in its usual form"));
    assert_eq!(wrong.to_string(), "list[1][1]: not in its usual form");
    assert_eq!(error("{\"list\":null}").to_string(), "list: null stands in place of a list");
    assert_eq!(error("{}").to_string(), "it has no member `list`");
}

#[test]
fn a_member_that_was_not_read_is_refused_among_any_number_of_members() {
    let read = |names: &[String], other: Option<usize>| {
        let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":\"1\"")).collect();
        let text = format!("{{{}}}", members.join(","));
        let value = Value::parse(text.as_bytes()).expect("JSON");
        value.object(|object| {
            for (at, name) in names.iter().enumerate() {
                if Some(at) != other {
                    object.member::<u64>(name)?;
                }
            }
            Ok(())
        })
    };
    for count in [1, 2, 63, 64, 65, 100] {
        let names: Vec<String> = (0..count).map(|at| format!("m{at}")).collect();
        for other in [0, count / 2, count - 1] {
            assert!(read(&names, Some(other)).is_err(), "{other} of {count}");
        }
        assert_eq!(read(&names, None).is_ok(), count <= 64, "twin: all are read, of {count}");
    }
}

#[test]
fn names_of_others_are_shown_escaped_and_cut() {
    let refused = |name: &str| {
        let text = serde_json::json!({ name: 1 }).to_string();
        let value = Value::parse(text.as_bytes()).expect("JSON");
        value.object(|_| Ok::<_, ReadError>(())).expect_err(name).to_string()
    };
    assert_eq!(refused("a\u{202e}\n"), "the member `a\\u{202e}\\u{a}` is none that it may have");
    assert!(refused(&"x".repeat(10_000)).len() < 700);
    assert_eq!(u64::from_json(&Value::Text("7".into())), Ok(7), "twin: a value that is one");
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    Vec::from_json(&Value::Text(text.into())).ok()
}

proptest! {
    #![proptest_config(seed::cases(2_000))]

    #[test]
    fn bytes_have_the_base64_that_another_encoder_gives(bytes: Vec<u8>) {
        let text = bytes::to_text(&bytes);
        prop_assert_eq!(&text, &STANDARD.encode(&bytes));
        prop_assert_eq!(decoded(&text), Some(bytes));
    }

    #[test]
    fn base64_is_read_or_refused_as_by_another_decoder(
        text in "([A-Za-z0-9+/]{4}){0,2}([A-Za-z0-9+/=]{0,5}|[A-Z][AQgw]==|[A-Z]{2}[AEIMQUYcgkosw048]=|.{4})={0,3}",
    ) {
        prop_assert_eq!(decoded(&text), STANDARD.decode(&text).ok());
    }
}

#[test]
fn four_characters_of_base64_are_read_or_refused_as_by_another_decoder() {
    let mut read = 0;
    for second in 0..0x80 {
        for third in [b'=', b'A', b'Q', b'-'] {
            let text: String = [b'Z', second, third, b'='].map(char::from).iter().collect();
            assert_eq!(decoded(&text), STANDARD.decode(&text).ok(), "{text:?}");
            read += usize::from(decoded(&text).is_some());
        }
    }
    assert_eq!(read, 4 + 64 + 64, "twin: those without bits that mean nothing");
}
