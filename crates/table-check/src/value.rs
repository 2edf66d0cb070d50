//! One form for a value, whether a record's JSON has it or a live row: equal forms are equal values.
//!
//! The form of a scalar is the text of its type's output function. A record's JSON cannot tell apart, and so the form does
//! not either: SQL NULL and the JSON value `null` of a `json` column, and the lower bounds of an array.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::array::{self, MAX_DIMENSIONS, Node};
use crate::instant;

const NULL: u8 = 0;
const TEXT: u8 = 1;
const ARRAY: u8 = 2;

/// A type, as far as it decides how a value is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// JSON writes the output function's text, in quotes or as a number.
    Text,
    /// As [`Kind::Text`], and an array's JSON has no quotes where it is a JSON number.
    Number,
    /// JSON writes `true`, the output function `t`.
    Bool,
    /// JSON writes ISO 8601.
    Instant,
    /// JSON has the value as it is.
    Json,
    /// JSON has an array.
    Array(Box<Kind>, char),
    /// A type of a user, such as a domain: a scalar whose texts are compared as instants are, and no array and no JSON.
    Other,
}

/// A value that has no common form with its counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotComparable;

const NUMBERS: [&str; 6] = ["smallint", "integer", "bigint", "numeric", "real", "double precision"];
const INSTANTS: [&str; 2] = ["timestamp without time zone", "timestamp with time zone"];
const TEXTS: [&str; 55] = [
    "\"char\"",
    "aclitem",
    "bit",
    "bit varying",
    "box",
    "bytea",
    "character",
    "character varying",
    "cid",
    "cidr",
    "circle",
    "date",
    "datemultirange",
    "daterange",
    "inet",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "nummultirange",
    "numrange",
    "oid",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "text",
    "tid",
    "time with time zone",
    "time without time zone",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
];
const MORE_TEXTS: [&str; 5] = ["txid_snapshot", "uuid", "xid", "xid8", "xml"];

impl Kind {
    /// The kind of a type as `format_type` names it.
    pub(crate) fn of(type_name: &str, is_enum: bool) -> Self {
        if let Some(element) = type_name.strip_suffix("[]") {
            let delimiter = if element == "box" { ';' } else { ',' };
            return Self::Array(Box::new(Self::of(element, is_enum)), delimiter);
        }
        let base = without_modifier(type_name);
        let base = base.as_ref();
        match base {
            "boolean" => Self::Bool,
            "json" | "jsonb" => Self::Json,
            _ if NUMBERS.contains(&base) => Self::Number,
            _ if INSTANTS.contains(&base) => Self::Instant,
            _ if is_enum || TEXTS.contains(&base) || MORE_TEXTS.contains(&base) => Self::Text,
            _ if base == "interval" || base.starts_with("interval ") => Self::Text,
            _ => Self::Other,
        }
    }

    /// The kind of a live column, whose category (`typcategory`) says more of a user's type.
    pub(crate) fn of_live(type_name: &str, is_enum: bool, category: char) -> Self {
        match (Self::of(type_name, is_enum), category) {
            (Self::Other, 'B') => Self::Bool,
            (Self::Other, 'D') => Self::Instant,
            (Self::Other, 'N') => Self::Number,
            (kind, _) => kind,
        }
    }
}

/// Removes `(10,2)` and the like, wherever it stands in the name.
fn without_modifier(type_name: &str) -> Cow<'_, str> {
    match (type_name.find('('), type_name.find(')')) {
        (Some(open), Some(close)) if open < close && !type_name.starts_with('"') => {
            let (before, after) = (type_name.get(..open).unwrap_or(""), type_name.get(close + 1..).unwrap_or(""));
            Cow::Owned(format!("{before}{after}"))
        }
        _ => Cow::Borrowed(type_name),
    }
}

/// Appends the form of a record's JSON value.
pub(crate) fn push_json(kind: &Kind, json: &str, out: &mut Vec<u8>) -> Result<(), NotComparable> {
    match (kind, json.as_bytes().first()) {
        (_, None) => Err(NotComparable),
        (_, Some(b'n')) => {
            out.push(NULL);
            Ok(())
        }
        (Kind::Json, _) => {
            push_text(json, out);
            Ok(())
        }
        (Kind::Array(element, _), Some(b'[')) if **element == Kind::Json => {
            out.push(ARRAY);
            out.extend_from_slice(json.as_bytes());
            Ok(())
        }
        (Kind::Array(element, _), Some(b'[')) => push_json_array(element, json, 1, out),
        (_, Some(b'[' | b'{')) | (Kind::Array(..), _) => Err(NotComparable),
        (_, Some(b't')) => {
            push_text("t", out);
            Ok(())
        }
        (_, Some(b'f')) => {
            push_text("f", out);
            Ok(())
        }
        (_, Some(b'"')) => {
            let text = unescape(json).ok_or(NotComparable)?;
            push_scalar(kind, &text, out);
            Ok(())
        }
        _ => {
            push_text(json, out);
            Ok(())
        }
    }
}

/// Appends the form of a live value.
pub(crate) fn push_live(kind: &Kind, live: Option<&str>, out: &mut Vec<u8>) -> Result<(), NotComparable> {
    let Some(text) = live else {
        out.push(NULL);
        return Ok(());
    };
    match kind {
        Kind::Json => match trim(text) {
            "null" => out.push(NULL),
            json => push_text(json, out),
        },
        Kind::Array(element, delimiter) => {
            let node = array::parse(text, *delimiter).ok_or(NotComparable)?;
            if **element == Kind::Json {
                let mut json = String::new();
                array_to_json(element, &node, &mut json);
                out.push(ARRAY);
                out.extend_from_slice(json.as_bytes());
            } else {
                push_node(element, &node, out);
            }
        }
        _ => push_scalar(kind, text, out),
    }
    Ok(())
}

/// Appends the JSON of an array as `row_to_json` writes it.
pub(crate) fn array_to_json(element: &Kind, node: &Node, out: &mut String) {
    match (node, element) {
        (Node::Null, _) => out.push_str("null"),
        (Node::Array(nodes), _) => {
            out.push('[');
            for (place, node) in nodes.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                array_to_json(element, node, out);
            }
            out.push(']');
        }
        (Node::Text(text), Kind::Json) => out.push_str(text),
        (Node::Text(text), Kind::Bool) => out.push_str(if text == "t" { "true" } else { "false" }),
        (Node::Text(text), Kind::Number) if is_json_number(text) => out.push_str(text),
        (Node::Text(text), Kind::Instant) => push_quoted(&instant::to_json(text), out),
        (Node::Text(text), _) => push_quoted(text, out),
    }
}

/// Reads a JSON string's text.
pub(crate) fn unescape(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains(['\\', '"']) {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(json).ok().map(Cow::Owned)
}

fn trim(json: &str) -> &str {
    json.trim_matches([' ', '\t', '\n', '\r'])
}

fn is_json_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get().len() == text.len())
}

/// `escape_json`: short escapes where JSON has them, `\u00XX` for the other control characters, and DEL as it is.
fn push_quoted(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    out.push(TEXT);
    out.extend_from_slice(text.as_bytes());
}

fn push_scalar(kind: &Kind, text: &str, out: &mut Vec<u8>) {
    match kind {
        Kind::Instant | Kind::Other => push_text(&instant::to_live(text), out),
        _ => push_text(text, out),
    }
}

/// Appends `ARRAY`, the number of parts, and each part behind its length.
fn push_parts(parts: &[Vec<u8>], out: &mut Vec<u8>) {
    out.push(ARRAY);
    out.extend_from_slice(&(parts.len() as u64).to_be_bytes());
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part);
    }
}

fn push_node(element: &Kind, node: &Node, out: &mut Vec<u8>) {
    match node {
        Node::Null => out.push(NULL),
        Node::Text(text) => push_scalar(element, text, out),
        Node::Array(nodes) => {
            let form = |node: &Node| {
                let mut part = Vec::new();
                push_node(element, node, &mut part);
                part
            };
            push_parts(&nodes.iter().map(form).collect::<Vec<_>>(), out);
        }
    }
}

fn push_json_array(element: &Kind, json: &str, depth: usize, out: &mut Vec<u8>) -> Result<(), NotComparable> {
    if depth > MAX_DIMENSIONS {
        return Err(NotComparable);
    }
    let elements: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| NotComparable)?;
    let mut parts = Vec::with_capacity(elements.len());
    for raw in elements {
        let mut part = Vec::new();
        if raw.get().starts_with('[') {
            push_json_array(element, raw.get(), depth + 1, &mut part)?;
        } else {
            push_json(element, raw.get(), &mut part)?;
        }
        parts.push(part);
    }
    push_parts(&parts, out);
    Ok(())
}

#[cfg(test)]
mod tests;
