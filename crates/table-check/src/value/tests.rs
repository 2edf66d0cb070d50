use proptest::prelude::*;

use super::*;

/// Whether the two have one form, or `None` where they cannot be compared.
fn is_equal(type_name: &str, json: &str, live: Option<&str>) -> Option<bool> {
    let kind = Kind::of(type_name, false);
    let (mut recorded, mut found) = (Vec::new(), Vec::new());
    push_json(&kind, json, &mut recorded).ok()?;
    push_live(&kind, live, &mut found).ok()?;
    Some(recorded == found)
}

#[test]
fn finds_equal_values_equal() {
    for (type_name, json, live) in [
        ("integer", "null", None),
        ("numeric(10,4)", "0.0000", Some("0.0000")),
        ("numeric", "\"NaN\"", Some("NaN")),
        ("double precision", "-0", Some("-0")),
        ("double precision", "1e+20", Some("1e+20")),
        ("boolean", "true", Some("t")),
        ("boolean", "false", Some("f")),
        ("text", r#""a\"\\\n\u0001é""#, Some("a\"\\\n\u{1}é")),
        ("text", "\"null\"", Some("null")),
        ("character(5)", "\"a    \"", Some("a    ")),
        ("bytea", r#""\\x00ff""#, Some("\\x00ff")),
        ("timestamp with time zone", "\"2026-01-02T03:04:05.678+00:00\"", Some("2026-01-02 03:04:05.678+00")),
        ("timestamp(3) without time zone", "\"2026-01-02T03:04:05\"", Some("2026-01-02 03:04:05")),
        ("timestamp with time zone", "\"infinity\"", Some("infinity")),
        ("date", "\"0044-03-15 BC\"", Some("0044-03-15 BC")),
        ("interval day to second(3)", "\"1 day 02:03:04\"", Some("1 day 02:03:04")),
        ("uuid", "\"018f3f2e-0000-7000-8000-0000000000aa\"", Some("018f3f2e-0000-7000-8000-0000000000aa")),
        ("jsonb", r#"{"a": [1, "x"]}"#, Some(r#"{"a": [1, "x"]}"#)),
        ("json", r#"{ "a":1}"#, Some(" { \"a\":1}\n")),
        ("jsonb", "\"x\"", Some("\"x\"")),
        ("json", "null", Some("null")),
        ("integer[]", "[1,null,3]", Some("[2:4]={1,NULL,3}")),
        ("integer[]", "[]", Some("{}")),
        ("integer[]", "[[1,2],[3,4]]", Some("{{1,2},{3,4}}")),
        ("text[]", r#"["NULL",null,"a,b","","q\"\\"]"#, Some(r#"{"NULL",NULL,"a,b","","q\"\\"}"#)),
        ("boolean[]", "[true,false,null]", Some("{t,f,NULL}")),
        ("timestamp with time zone[]", "[\"2026-01-02T03:04:05+00:00\"]", Some("{\"2026-01-02 03:04:05+00\"}")),
        ("json[]", r#"[{"a":1},[2, 3],null]"#, Some(r#"{"{\"a\":1}","[2, 3]",NULL}"#)),
        ("jsonb[]", r#"[["a"],["b"]]"#, Some(r#"{"[\"a\"]","[\"b\"]"}"#)),
        ("numeric[]", "[1.10,\"NaN\"]", Some("{1.10,NaN}")),
        ("box[]", r#"["(1,1),(0,0)","(2,2),(1,1)"]"#, Some("{(1,1),(0,0);(2,2),(1,1)}")),
        ("int4range", "\"[1,5)\"", Some("[1,5)")),
        ("tstzrange", r#""[\"2026-01-02 03:04:05+00\",)""#, Some("[\"2026-01-02 03:04:05+00\",)")),
        ("public.email", "\"a@b\"", Some("a@b")),
        ("public.moment", "\"2026-01-02T03:04:05\"", Some("2026-01-02 03:04:05")),
    ] {
        assert_eq!(is_equal(type_name, json, live), Some(true), "{type_name} {json}");
    }
}

#[test]
fn finds_other_values_other() {
    for (type_name, json, live) in [
        ("integer", "null", Some("null")),
        ("text", "\"null\"", None),
        ("text", "\"\"", None),
        ("numeric(10,2)", "1.10", Some("1.1")),
        ("double precision", "0", Some("-0")),
        ("interval", "\"1 day\"", Some("24:00:00")),
        ("character(5)", "\"a    \"", Some("a")),
        ("boolean", "true", Some("f")),
        ("text", "\"2026-01-02T03:04:05\"", Some("2026-01-02 03:04:05")),
        ("timestamp with time zone", "\"2026-01-02T03:04:05+00:00\"", Some("2026-01-02 03:04:05")),
        ("jsonb", "\"x\"", Some("x")),
        ("json", "{\"a\":1}", Some("{\"a\": 1}")),
        ("text[]", "[\"NULL\"]", Some("{NULL}")),
        ("text[]", "[null]", Some("{\"NULL\"}")),
        ("text[]", "[\"a\",\"b\"]", Some("{\"a,b\"}")),
        ("integer[]", "[[1,2],[3,4]]", Some("{1,2,3,4}")),
        ("integer[]", "[[1],[2]]", Some("{{1,2}}")),
        ("integer[]", "[]", None),
        ("json[]", "[[1,2]]", Some("{\"[1, 2]\"}")),
    ] {
        assert_eq!(is_equal(type_name, json, live), Some(false), "{type_name} {json}");
    }
}

#[test]
fn says_that_a_users_composite_array_or_json_cannot_be_compared() {
    for json in ["[1]", "{\"a\":1}"] {
        assert_eq!(is_equal("public.pair", json, Some("(1)")), None);
    }
    assert_eq!(is_equal("integer[]", "[1]", Some("{1")), None);
    assert_eq!(is_equal("integer[]", "1", Some("{1}")), None);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(is_equal("integer[]", &deep, Some("{}")), None);
    assert_eq!(is_equal("jsonb", &deep, Some(&deep)), Some(true));
}

const TYPES: [&str; 10] = [
    "integer",
    "boolean",
    "text",
    "json",
    "text[]",
    "json[]",
    "timestamp with time zone",
    "box[]",
    "public.x",
    "boolean[]",
];

proptest! {
    #[test]
    fn takes_every_text_without_a_panic(type_name in "\\PC{0,20}", json in "\\PC{0,40}", live in "\\PC{0,40}") {
        for type_name in TYPES.iter().copied().chain([type_name.as_str()]) {
            let _ = is_equal(type_name, &json, Some(&live));
            let _ = is_equal(type_name, &json, None);
        }
    }

    #[test]
    fn takes_every_near_literal_without_a_panic(text in "[\\[\\]{}\",;\\\\:=0-9nultTZ+. é-]{0,40}") {
        for type_name in TYPES {
            let _ = is_equal(type_name, &text, Some(&text));
        }
    }

    #[test]
    fn reads_back_each_array_of_texts(elements in proptest::collection::vec(proptest::option::of("\\PC{0,6}"), 0..6)) {
        let node = Node::Array(elements.iter().map(|e| e.clone().map_or(Node::Null, Node::Text)).collect());
        let mut json = String::new();
        array_to_json(&Kind::Text, &node, &mut json);
        let quote = |e: &Option<String>| match e {
            Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            None => "NULL".to_owned(),
        };
        let live = format!("{{{}}}", elements.iter().map(quote).collect::<Vec<_>>().join(","));
        prop_assert_eq!(is_equal("text[]", &json, Some(&live)), Some(true));
    }
}
