//! Rules of the values: each member of a document is malformed, missing, twice there, or another one of the same form.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::base::Base;
use crate::rule::{CANNOT_TELL, OTHER_KEY, REFUSED, Rules, VERIFIED, flipped};

/// A value of a document.
struct Site<'a> {
    /// The number of the text, and the members and places within it.
    path: Vec<String>,
    /// The same without places, such as `events[].leaf`; of evidence without the number of the line.
    pattern: String,
    value: &'a Value,
}

/// How many sites of a pattern a rule is applied to.
const SITES: usize = 3;

pub fn rules(bases: &[Base], rules: &mut Rules) {
    for base in bases {
        whole(base, rules);
    }
    let mut seen: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for base in bases {
        for site in sites(base) {
            let count = seen.entry((base.kind, format!("{} {}", base.texts[0]["format"], site.pattern))).or_default();
            *count += 1;
            // The rules that look at what a value says are applied everywhere, those of its form to some.
            if *count <= SITES {
                form(base, &site, rules);
            }
            if *count <= 4 * SITES {
                meaning(base, &site, rules);
            }
        }
    }
}

/// Rules of a whole document: a part of it alone, and members of another version.
fn whole(base: &Base, rules: &mut Rules) {
    let document = &base.texts[0];
    let with = |members: Value| {
        let mut other = document.clone();
        for (name, value) in members.as_object().expect("members") {
            other[name] = value.clone();
        }
        other.to_string()
    };
    if base.kind == "certificate" {
        rules.add("part/certificate_alone", CANNOT_TELL, base, "", document["certificate"].to_string());
        let mut list = document.clone();
        list.as_object_mut().expect("a page").remove("certificate");
        rules.add("part/list_alone", CANNOT_TELL, base, "", list.to_string());
    }
    if base.kind != "receipt" {
        return;
    }
    let is_v1 = document["format"] == "counterfoil receipt v1";
    for name in ["statement", "content", "salt"] {
        // Version 1 has no statements; of version 2 they are for verifiers that read them, unless something contradicts.
        let verdict = if is_v1 { REFUSED } else { CANNOT_TELL };
        let rule = if is_v1 { "members/of_another_version" } else { "members/of_a_statement" };
        for value in [json!("AA=="), json!({}), json!(false)] {
            rules.add(rule, verdict, base, name, with(json!({ name: value })));
        }
        rules.add("members/of_a_statement_null", REFUSED, base, name, with(json!({ name: null })));
    }
    let (hash, key) = (json!({ "size": "20", "root": "07".repeat(32) }), "1".repeat(64));
    if is_v1 {
        let bridge = json!({ "head": hash, "consistency": [], "event_head": hash, "event_proof": [] });
        rules.add("members/of_another_version", REFUSED, base, "bridge", with(json!({ "bridge": bridge })));
        rules.add("members/of_another_version", REFUSED, base, "transaction", with(json!({ "transaction": key })));
    } else {
        rules.add("members/of_another_version", REFUSED, base, "head", with(json!({ "head": hash })));
        rules.add("members/of_another_version", REFUSED, base, "event_head", with(json!({ "event_head": hash })));
        let mut event = document["event"].clone();
        event["proof"] = json!([]);
        rules.add("members/of_another_version", REFUSED, base, "event.proof", with(json!({ "event": event })));
        rules.add(
            "members/of_another_version",
            REFUSED,
            base,
            "all",
            with(json!({ "event": event, "head": hash, "event_head": hash })),
        );
    }
}

fn sites(base: &Base) -> Vec<Site<'_>> {
    let mut sites = Vec::new();
    for (at, text) in base.texts.iter().enumerate() {
        walk(text, vec![at.to_string()], String::new(), &mut sites);
    }
    sites
}

fn walk<'a>(value: &'a Value, path: Vec<String>, pattern: String, sites: &mut Vec<Site<'a>>) {
    let below = |name: &str| [path.clone(), vec![name.to_owned()]].concat();
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                let dot = if pattern.is_empty() { "" } else { "." };
                walk(inner, below(name), format!("{pattern}{dot}{name}"), sites);
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                walk(inner, below(&at.to_string()), format!("{pattern}[]"), sites);
            }
        }
        _ => {}
    }
    sites.push(Site { path, pattern, value });
}

impl Site<'_> {
    fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The kind of value that stands here.
    fn form(&self) -> &'static str {
        let member = self.pattern.rsplit('.').next().unwrap_or_default().trim_end_matches("[]");
        match (self.value, member) {
            (Value::Object(_), _) => "object",
            (Value::Array(_), _) => "list",
            (Value::Bool(_), _) => "flag",
            (_, "payload" | "leaf") if self.pattern != "leaf.index" => "bytes",
            (_, "genesis_hash" | "program" | "ledger" | "transaction") => "key",
            (_, "root" | "hash" | "leaf_hash" | "proof" | "consistency" | "event_proof") => "hash",
            (_, "format" | "log") => "word",
            _ => "number",
        }
    }

    /// Whether a document may do without it.
    fn is_optional(&self, base: &Base) -> bool {
        let is_v1 = base.texts[0]["format"] == "counterfoil receipt v1";
        match base.kind {
            "receipt" => !is_v1 && ["transaction", "bridge"].contains(&self.pattern.as_str()),
            "evidence" => ["transaction", "bridge"].contains(&self.pattern.as_str()),
            "certificate" => self.name() == "leaf_hash",
            _ => false,
        }
    }

    /// Whether no verdict shows it: readers are told that it is a hint.
    fn is_hint(&self) -> bool {
        ["transaction", "certificate.slot"].contains(&self.pattern.as_str())
    }
}

/// The document with a raw JSON text in place of a value.
fn raw(base: &Base, path: &[String], raw: &str) -> String {
    const HOLE: &str = "@@hole@@";
    let mut texts = base.texts.clone();
    let (line, inner) = path.split_first().expect("a path begins with a text");
    let mut value = &mut texts[line.parse::<usize>().expect("a number")];
    for step in inner {
        value = match value {
            Value::Array(items) => &mut items[step.parse::<usize>().expect("a place")],
            members => &mut members[step.as_str()],
        };
    }
    *value = Value::from(HOLE);
    let texts: Vec<String> = texts.iter().map(Value::to_string).collect();
    base.text_of(&texts).replacen(&format!("\"{HOLE}\""), raw, 1)
}

/// The verdict without a member, or with null in place of it, where the member decides what a document is.
fn word_without(base: &Base, site: &Site<'_>, is_null: bool) -> &'static str {
    let is_page = base.kind == "certificate";
    match site.pattern.as_str() {
        // A list without a certificate may be whole or not.
        "certificate" if is_page => CANNOT_TELL,
        // The other list of a page may be null, its own may not.
        _ if is_null => REFUSED,
        _ if site.is_optional(base) => VERIFIED,
        _ => REFUSED,
    }
}

/// Rules of a value's form: JSON types, members, and the one text that a value has.
fn form(base: &Base, site: &Site<'_>, rules: &mut Rules) {
    let pattern = site.pattern.clone();
    let mut add = |name: &str, verdict, text: &str| {
        rules.add(name, verdict, base, &pattern, raw(base, &site.path, text));
    };
    let form = site.form();
    for (name, text) in
        [("null", "null"), ("list", "[]"), ("object", "{}"), ("number", "7"), ("float", "1.5"), ("true", "true")]
    {
        let verdict = if name == "null" { word_without(base, site, true) } else { REFUSED };
        let is_same = form == name
            || (form == "flag" && name == "true")
            || serde_json::from_str::<Value>(text).is_ok_and(|value| value == *site.value);
        // An empty list in place of one is a rule of lists.
        if !is_same {
            add(&format!("type/{name}_in_place"), verdict, text);
        }
    }
    let value = site.value.to_string();
    match (site.value, form) {
        (Value::Object(members), _) => {
            // Those who read a page meet members of the API's, which nothing proves.
            let is_open = base.kind == "certificate" && ["", "entries[]", "events[]"].contains(&site.pattern.as_str());
            let more = format!("{},\"note\":\"\"}}", &value[..value.len() - 1]);
            if is_open {
                add("members/one_more_where_there_may_be", VERIFIED, &more);
            } else {
                add("members/one_more", REFUSED, &more);
            }
            if let Some((name, first)) = members.iter().next() {
                add("members/twice", REFUSED, &format!("{{{name:?}:{first},{}", &value[1..]));
                add("members/twice_with_another_value", REFUSED, &format!("{{{name:?}:null,{}", &value[1..]));
                let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
                add("members/twice_in_escapes", REFUSED, &format!("{{\"{escaped}\":{first},{}", &value[1..]));
            }
        }
        (Value::Array(_), _) => {}
        (Value::String(text), form) => of_text(form, text, &mut add),
        _ => {
            add("flag/text", REFUSED, "\"true\"");
            add("flag/number", REFUSED, "1");
        }
    }
    without(base, site, rules);
}

/// Rules of the one text that a value has.
fn of_text(form: &str, text: &str, add: &mut impl FnMut(&str, &'static str, &str)) {
    let mut malformed =
        |name: &str, text: &str| add(&format!("{form}/{name}"), REFUSED, &Value::from(text).to_string());
    malformed("empty", "");
    malformed("space_before", &format!(" {text}"));
    malformed("space_after", &format!("{text} "));
    malformed("line_end_after", &format!("{text}\n"));
    malformed("zero_byte_after", &format!("{text}\0"));
    match form {
        "number" => {
            for (name, text) in [
                ("leading_zero", format!("0{text}")),
                ("sign", format!("+{text}")),
                ("negative", format!("-{text}")),
                ("fraction", format!("{text}.0")),
                ("exponent", format!("{text}e0")),
                ("separator", format!("{text}_0")),
                ("hexadecimal", format!("0x{text}")),
                ("digits_of_another_script", "\u{661}".to_owned()),
                ("beyond_64_bits", "18446744073709551616".to_owned()),
                (
                    "wrapped_to_the_value",
                    (u128::from(u64::MAX) + 1 + text.parse::<u128>().expect("a number")).to_string(),
                ),
            ] {
                malformed(name, &text);
            }
            add("number/of_json", REFUSED, text);
        }
        "hash" => {
            for (name, text) in [
                ("uppercase", text.to_uppercase()),
                ("a_byte_less", text[2..].to_owned()),
                ("a_digit_less", text[1..].to_owned()),
                ("a_byte_more", format!("{text}00")),
                ("no_digit", format!("g{}", &text[1..])),
                ("prefix", format!("0x{text}")),
                ("base64", STANDARD.encode([7; 32])),
            ] {
                malformed(name, &text);
            }
        }
        "key" => {
            for (name, text) in [
                ("leading_one", format!("1{text}")),
                ("short", text[..20].to_owned()),
                ("long", format!("{text}{text}")),
                ("letter_of_no_alphabet", format!("0{}", &text[1..])),
                ("too_large", "z".repeat(text.len().max(if text.len() > 44 { 88 } else { 44 }))),
                ("capital_i", format!("{}I", &text[..text.len() - 1])),
                ("hexadecimal", "07".repeat(32)),
            ] {
                malformed(name, &text);
            }
        }
        "bytes" => {
            for (name, text) in [
                ("without_padding", text.trim_end_matches('=').to_owned()),
                ("padding_more", format!("{text}=")),
                ("other_alphabet", format!("-_{}", &text[2..])),
                ("bits_behind_the_end", bits_behind(text)),
                ("line_end_within", format!("{}\n{}", &text[..4], &text[4..])),
                ("letter_of_no_alphabet", format!("!{}", &text[1..])),
                ("character_of_two_bytes", format!("\u{e9}{}", &text[1..])),
                ("a_character_less", text[1..].to_owned()),
            ] {
                malformed(name, &text);
            }
        }
        _ => {
            malformed("uppercase", &text.to_uppercase());
            malformed("another", &format!("{text}x"));
        }
    }
}

/// The same bytes with a bit set that no byte takes.
fn bits_behind(text: &str) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let body = text.trim_end_matches('=');
    if body.len() == text.len() {
        return text.to_owned();
    }
    let last = LETTERS.find(&body[body.len() - 1..]).expect("a letter of base64");
    format!("{}{}{}", &body[..body.len() - 1], &LETTERS[last + 1..last + 2], &text[body.len()..])
}

/// Rules of absence.
fn without(base: &Base, site: &Site<'_>, rules: &mut Rules) {
    let (name, above) = site.path.split_last().expect("a path has a last step");
    let is_member = !above.is_empty() && name.parse::<usize>().is_err();
    if !is_member {
        return;
    }
    let parent =
        above[1..].iter().fold(&base.texts[above[0].parse::<usize>().expect("a number")], |value, step| match value {
            Value::Array(items) => &items[step.parse::<usize>().expect("a place")],
            members => &members[step.as_str()],
        });
    let mut members = parent.as_object().expect("an object").clone();
    members.remove(name);
    let verdict = word_without(base, site, false);
    let rule = match verdict {
        VERIFIED => "members/one_less_where_there_may_be",
        CANNOT_TELL => "members/no_certificate",
        _ => "members/one_less",
    };
    rules.add(rule, verdict, base, &site.pattern, raw(base, above, &Value::from(members.clone()).to_string()));
    let renamed = format!("{}x", &name[..name.len() - 1]);
    members.insert(renamed, site.value.clone());
    let (rule, verdict) = match verdict {
        // The member of another name is one more.
        VERIFIED if base.kind != "certificate" => ("members/renamed", REFUSED),
        VERIFIED => ("members/renamed_where_there_may_be_more", VERIFIED),
        CANNOT_TELL => ("members/no_certificate_by_its_name", CANNOT_TELL),
        _ => ("members/renamed", REFUSED),
    };
    rules.add(rule, verdict, base, &site.pattern, raw(base, above, &Value::from(members).to_string()));
}

/// Rules of what a value says: another one of the same form.
fn meaning(base: &Base, site: &Site<'_>, rules: &mut Rules) {
    let verdict = if site.is_hint() { VERIFIED } else { REFUSED };
    let kind = if site.is_hint() { "hint" } else { "other" };
    let pattern = site.pattern.clone();
    let mut add = |name: &str, verdict, value: Value| {
        rules.add(name, verdict, base, &pattern, raw(base, &site.path, &value.to_string()));
    };
    match (site.value, site.form()) {
        (Value::String(text), "number") => {
            let number: u64 = text.parse().expect("a number");
            add(&format!("{kind}/number_above"), verdict, Value::from((number + 1).to_string()));
            if number > 0 {
                add(&format!("{kind}/number_below"), verdict, Value::from((number - 1).to_string()));
            }
            for (name, large) in
                [("2_to_the_48", 1 << 48), ("largest", u64::MAX), ("zero", 0), ("largest_tree_less_one", (1 << 48) - 1)]
            {
                if large != number {
                    add(&format!("{kind}/number_{name}"), verdict, Value::from(large.to_string()));
                }
            }
        }
        (Value::String(text), "hash") => {
            add("other/hash", verdict, Value::from(flipped(text)));
            let (rest, last) = text.split_at(63);
            add(
                "other/last_digit_of_a_hash",
                verdict,
                Value::from(format!("{rest}{}", if last == "0" { "1" } else { "0" })),
            );
        }
        (Value::String(text), "key") => {
            let other = if site.pattern == "transaction" { "1".repeat(64) } else { OTHER_KEY.to_owned() };
            add(&format!("{kind}/key"), verdict, Value::from(other));
            // An address that differs in one letter.
            let (rest, last) = text.split_at(text.len() - 1);
            add(
                &format!("{kind}/letter_of_a_key"),
                verdict,
                Value::from(format!("{rest}{}", if last == "A" { "B" } else { "A" })),
            );
        }
        (Value::String(text), "bytes") => {
            let bytes = STANDARD.decode(text).expect("base64");
            let encoded = |bytes: &[u8]| Value::from(STANDARD.encode(bytes));
            if site.name() == "leaf" {
                leaf(base, &bytes, &mut |name, verdict, bytes: &[u8]| add(name, verdict, encoded(bytes)));
            } else {
                let mut other = bytes.clone();
                other[0] ^= 1;
                add("other/first_byte_of_a_payload", REFUSED, encoded(&other));
                add("other/payload_a_byte_longer", REFUSED, encoded(&[bytes.as_slice(), &[0]].concat()));
                add("other/payload_empty", REFUSED, encoded(&[]));
            }
        }
        (Value::String(text), _) if site.name() == "log" => {
            let other = if text == "entries" { "events" } else { "entries" };
            // A consistency proof of the other log has heads that no one pinned.
            let (name, verdict) =
                if base.kind == "consistency" { ("other/log_of_heads", CANNOT_TELL) } else { ("other/log", REFUSED) };
            add(name, verdict, Value::from(other));
        }
        (Value::Bool(flag), _) => add("other/flag", REFUSED, Value::from(!flag)),
        (Value::Array(items), _) => lists(items, &mut add),
        _ => {}
    }
}

/// Rules of lists of hashes, and of a page's rows.
fn lists(items: &[Value], add: &mut impl FnMut(&str, &'static str, Value)) {
    let hash = Value::from("07".repeat(32));
    let last = items.len().saturating_sub(1);
    let but = |at: usize| -> Vec<Value> {
        items.iter().enumerate().filter(|(place, _)| *place != at).map(|(_, item)| item.clone()).collect()
    };
    for (name, list) in [
        ("list/first_missing", but(0)),
        ("list/last_missing", but(last)),
        ("list/empty", Vec::new()),
        ("list/turned", items.iter().rev().cloned().collect()),
        ("list/first_twice", [&items[..items.len().min(1)], items].concat()),
        ("list/last_twice", [items, &items[items.len() - items.len().min(1)..]].concat()),
        ("list/a_hash_before", [std::slice::from_ref(&hash), items].concat()),
        ("list/a_hash_after", [items, &[hash]].concat()),
        ("list/whole_twice", [items, items].concat()),
    ] {
        if list != items {
            add(name, REFUSED, Value::from(list));
        }
    }
}

/// Rules of an event's fields, which stand at fixed places of its bytes.
fn leaf(base: &Base, bytes: &[u8], add: &mut impl FnMut(&str, &'static str, &[u8])) {
    // Without a later head no event log is there to hold who and when to.
    let is_alone = base.kind == "receipt" && base.pin["heads"].as_array().is_some_and(|heads| heads.len() == 1);
    let by_log = if is_alone { VERIFIED } else { REFUSED };
    for (name, at, low, high) in [
        ("kind", 0, REFUSED, REFUSED),
        ("ledger", 8, REFUSED, REFUSED),
        ("seq", 40, REFUSED, REFUSED),
        ("slot", 48, by_log, by_log),
        ("unix_time", 56, by_log, by_log),
        ("signer", 64, by_log, by_log),
        ("first_index", 96, REFUSED, REFUSED),
        ("leaves", 104, REFUSED, by_log),
        ("size", 112, REFUSED, REFUSED),
        ("root", 120, REFUSED, REFUSED),
    ] {
        let without = |verdict| if verdict == VERIFIED { "_that_no_log_holds" } else { "" };
        let mut other = bytes.to_vec();
        other[at] ^= 1;
        // A range that is one longer or shorter may hold the entry or not.
        if !(is_alone && ["first_index", "leaves"].contains(&name)) {
            add(&format!("event/other_{name}{}", without(low)), low, &other);
        }
        let mut other = bytes.to_vec();
        other[at + 7] ^= 0x80;
        add(&format!("event/other_high_bit_of_{name}{}", without(high)), high, &other);
    }
    add("event/cut", REFUSED, &bytes[..bytes.len() - 1]);
    add("event/header_cut", REFUSED, &bytes[..100]);
    add("event/a_byte_more", REFUSED, &[bytes, &[0]].concat());
    add("event/empty", REFUSED, &[]);
    add("event/of_no_kind", REFUSED, &[&[0; 8], &bytes[8..]].concat());
}
