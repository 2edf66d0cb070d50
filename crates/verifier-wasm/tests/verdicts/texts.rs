//! Rules of the text: JSON that is none, that has two readings, or that was cut off; and the order of evidence's lines.

use serde_json::Value;

use crate::base::Base;
use crate::rule::{CANNOT_TELL, REFUSED, Rules};

pub fn rules(bases: &[Base], rules: &mut Rules) {
    for (at, base) in bases.iter().enumerate() {
        same(base, rules);
        broken(base, rules);
        if base.is_evidence() {
            lines(base, bases, rules);
        }
        // Cuts and nests at places of a few documents of each kind.
        if bases[..at].iter().filter(|other| other.kind == base.kind).count() < 3 {
            cuts(base, rules);
        }
    }
}

/// Other texts of the same JSON.
fn same(base: &Base, rules: &mut Rules) {
    let spaced: Vec<String> = base
        .texts
        .iter()
        .map(|text| text.to_string().replace(':', " : ").replace("\" : \"", "\": \"").replace(',', " ,\t"))
        .collect();
    let spaced_is_same = base
        .texts
        .iter()
        .zip(&spaced)
        .all(|(text, spaced)| serde_json::from_str::<Value>(spaced).is_ok_and(|read| read == *text));
    if spaced_is_same {
        rules.add("text/spaces", base.best(), base, "", base.text_of(&spaced));
    }
    let turned: Vec<String> = base.texts.iter().map(turned).collect();
    rules.add("text/members_in_another_order", base.best(), base, "", base.text_of(&turned));
    let escaped: Vec<String> = base
        .texts
        .iter()
        .map(|text| {
            text.to_string()
                .replace("\"proof\"", "\"\\u0070roof\"")
                .replace("\"0\"", "\"\\u0030\"")
                .replace("\"1\"", "\"\\u0031\"")
        })
        .collect();
    rules.add("text/escapes", base.best(), base, "", base.text_of(&escaped));
    if base.is_evidence() {
        rules.add("text/carriage_returns", base.best(), base, "", base.text().replace('\n', "\r\n"));
        rules.add("text/no_last_line_end", base.best(), base, "", base.text().trim_end().to_owned());
    } else {
        rules.add("text/line_ends_around", base.best(), base, "", format!("\n\r\n{}\n", base.text()));
    }
}

fn turned(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let inner: Vec<String> =
                members.iter().rev().map(|(name, value)| format!("{name:?}:{}", turned(value))).collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(turned).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// Texts that are no JSON, or no text.
fn broken(base: &Base, rules: &mut Rules) {
    let text = base.text();
    let (first, rest) = text.split_at(1);
    let end = text.trim_end().len() - 1;
    for (name, document) in [
        ("text/mark_of_byte_order", format!("\u{feff}{text}").into_bytes()),
        ("text/utf_16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("text/byte_of_no_character", [first.as_bytes(), b"\xff", rest.as_bytes()].concat()),
        ("text/zero_byte_after", format!("{text}\0").into_bytes()),
        ("text/comma_before_the_end", format!("{},{}", &text[..end], &text[end..]).into_bytes()),
        ("text/comment", format!("/* */{text}").into_bytes()),
        ("text/comment_of_a_line", format!("// receipt\n{text}").into_bytes()),
        ("text/single_quotes", text.replace('"', "'").into_bytes()),
        ("text/space_of_no_break", format!("\u{a0}{text}").into_bytes()),
        ("text/no_first_brace", rest.as_bytes().to_vec()),
        ("text/name_without_quotes", text.replacen("\"proof\"", "proof", 1).into_bytes()),
        ("text/half_a_character", text.replacen("{\"", "{\"\\ud800", 1).into_bytes()),
        ("text/escape_of_no_character", text.replacen("{\"", "{\"\\x", 1).into_bytes()),
        ("text/tab_in_a_text", text.replacen("{\"", "{\"\t", 1).into_bytes()),
        ("text/not_a_number", text.replacen("[\"", "[NaN,\"", 1).into_bytes()),
        ("text/number_with_leading_zero", text.replacen("[\"", "[01,\"", 1).into_bytes()),
        ("text/a_second_one_after", format!("{}{}", text.trim_end(), text).into_bytes()),
        ("text/in_a_list", format!("[{}]", text.trim_end()).into_bytes()),
        ("text/in_a_text", Value::from(text.as_str()).to_string().into_bytes()),
        ("text/deep", text.replacen("[\"", &format!("[{}{},\"", "[".repeat(200), "]".repeat(200)), 1).into_bytes()),
        ("text/deep_for_ever", text.replacen("[\"", &format!("[{},\"", "[".repeat(2_000)), 1).into_bytes()),
    ] {
        rules.add(name, REFUSED, base, "", document);
    }
}

/// Documents that end too early.
fn cuts(base: &Base, rules: &mut Rules) {
    let text = base.text();
    for part in 1..16 {
        let at = text.len() * part / 16;
        // A cut at the end of a line is one of the rules of lines.
        if text.is_char_boundary(at) && !text[..at].ends_with('\n') && !text[at..].starts_with('\n') {
            rules.add("text/cut", REFUSED, base, &format!("at byte {at}"), &text.as_bytes()[..at]);
        }
    }
    rules.add("text/nothing", REFUSED, base, "", "");
    rules.add("text/null", REFUSED, base, "", "null");
    rules.add("text/empty_object", REFUSED, base, "", "{}");
    rules.add("text/spaces_alone", REFUSED, base, "", "   \n");
}

/// Lines of evidence that are missing, moved, twice there, or another file's.
fn lines(base: &Base, bases: &[Base], rules: &mut Rules) {
    let lines: Vec<String> = base.texts.iter().map(Value::to_string).collect();
    let last = lines.len() - 1;
    let mut add = |name: &str, verdict, at: usize, lines: &[&[String]]| {
        rules.add(name, verdict, base, &format!("line {}", at + 1), base.text_of(&lines.concat()));
    };
    for at in 1..=last {
        let (before, from) = lines.split_at(at);
        let (line, after) = from.split_at(1);
        // Without its end the rest may be true.
        add("lines/cut", CANNOT_TELL, at, &[before]);
        if at < last {
            add("lines/missing", REFUSED, at, &[before, after]);
            add("lines/swapped", REFUSED, at, &[before, &after[..1], line, &after[1..]]);
        }
        add("lines/twice", REFUSED, at, &[before, line, line, after]);
        add("lines/empty", REFUSED, at, &[before, &[String::new()], from]);
        add("lines/first_again", REFUSED, at, &[before, &lines[..1], from]);
        add("lines/end_too_early", REFUSED, at, &[before, &lines[last..], from]);
    }
    add("lines/no_first", REFUSED, 0, &[&lines[1..]]);
    add("lines/after_the_end", REFUSED, last, &[&lines, &[String::from("{}")]]);
    add("lines/turned", REFUSED, 0, &[&lines[..1], &lines[1..].iter().rev().cloned().collect::<Vec<_>>()]);
    for other in bases.iter().filter(|other| other.is_evidence() && other.name != base.name) {
        let theirs: Vec<String> = other.texts.iter().map(Value::to_string).collect();
        if theirs[0] != lines[0] && theirs[1..] != lines[1..] {
            add("lines/first_of_another_file", REFUSED, 0, &[&theirs[..1], &lines[1..]]);
        }
    }
}
