//! Searches, page by page, from either end.

use counterfoil_core::LedgerId;
use serde_json::Value;

use crate::index::Index;

/// A field of a ledger that finds something, and the field of its nodes that tells them apart.
#[derive(Clone, Copy)]
pub struct List {
    pub ledger: LedgerId,
    pub field: &'static str,
    pub key: &'static str,
}

impl List {
    /// One page.
    pub async fn page(self, index: &Index, arguments: &str) -> Value {
        let Self { ledger, field, key } = self;
        let fields = format!(
            "pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }} edges {{ cursor node {{ {key} }} }}"
        );
        let query = format!("{{ ledger(address: \"{ledger}\") {{ {field}({arguments}) {{ {fields} }} }} }}");
        index.graphql(&query).await["ledger"][field].take()
    }

    /// The keys on all pages from either end, seven at a time.
    pub async fn walk(self, index: &Index, arguments: &str, forwards: bool) -> Vec<String> {
        let (mut found, mut cursor): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let (count, beyond) = if forwards { ("first: 7", "after") } else { ("last: 7", "before") };
            let beyond = cursor.as_ref().map(|cursor| format!("{beyond}: \"{cursor}\"")).unwrap_or_default();
            let page = self.page(index, &format!("{arguments} {count} {beyond}")).await;
            let edges = page["edges"].as_array().unwrap();
            let keys = edges.iter().map(|edge| edge["node"][self.key].as_str().unwrap().to_owned());
            let info = &page["pageInfo"];
            let (more, less, next) = if forwards {
                found.extend(keys);
                ("hasNextPage", "hasPreviousPage", "endCursor")
            } else {
                found.splice(0..0, keys);
                ("hasPreviousPage", "hasNextPage", "startCursor")
            };
            assert_eq!(info[less], cursor.is_some(), "{arguments}");
            if info[more] == false {
                return found;
            }
            cursor = Some(info[next].as_str().unwrap().to_owned());
        }
    }

    /// The count, and whether it is all.
    pub async fn count(self, index: &Index, arguments: &str) -> Value {
        let Self { ledger, field, .. } = self;
        let fields = "totalCount { value isExact }";
        let query = format!("{{ ledger(address: \"{ledger}\") {{ {field}({arguments}) {{ {fields} }} }} }}");
        index.graphql(&query).await["ledger"][field]["totalCount"].take()
    }
}

/// A filter as GraphQL writes it, as REST's JSON: keys are quoted, and in snake case.
pub fn as_json(filter: &str) -> String {
    let mut json = String::new();
    let mut is_text = false;
    let mut word = String::new();
    for character in filter.chars() {
        if !is_text && character.is_ascii_alphabetic() {
            word.push(character);
            continue;
        }
        let word = std::mem::take(&mut word);
        match (word.as_str(), character) {
            ("", _) => {}
            (_, ':') => json += &format!("\"{}\"", snake_case(&word)),
            _ => json += &word,
        }
        is_text ^= character == '"';
        json.push(character);
    }
    json
}

/// An order as GraphQL writes it, as REST does: `-time,index`.
pub fn as_order(order: &str) -> String {
    let fields = order.split("field: ").skip(1).map(|field| {
        let name: String =
            field.chars().take_while(|character| character.is_ascii_uppercase() || *character == '_').collect();
        let sign = if field.contains("DESC") { "-" } else { "" };
        format!("{sign}{}", name.to_lowercase())
    });
    fields.collect::<Vec<_>>().join(",")
}

/// The keys on all pages of a REST list, and how the pages before the last one are found again from its end.
pub async fn walk_rest(index: &Index, path: &str, list: &str, key: &str, filter: &str, order: &str) -> Vec<String> {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let mut path = format!("{path}?limit=50&where={}", encode(filter));
    if !order.is_empty() {
        path += &format!("&order={order}");
    }
    let keys = |page: &Value| {
        let items = page[list].as_array().unwrap().iter();
        items.map(|item| item[key].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut pages = vec![index.ok(&path).await];
    while let Some(next) = pages.last().unwrap()["next"].as_str() {
        pages.push(index.ok(&format!("{path}&after={next}")).await);
    }
    let mut page = pages.last().unwrap().clone();
    for before in pages.iter().rev().skip(1) {
        let previous = page["previous"].as_str().unwrap_or_else(|| panic!("no page before: {path}"));
        page = index.ok(&format!("{path}&after={previous}")).await;
        assert_eq!(keys(&page), keys(before), "{path}");
    }
    assert_eq!(page["previous"], Value::Null, "{path}");
    pages.iter().flat_map(keys).collect()
}

fn snake_case(name: &str) -> String {
    let letter = |character: char| match character.is_ascii_uppercase() {
        true => format!("_{}", character.to_ascii_lowercase()),
        false => character.to_string(),
    };
    name.chars().map(letter).collect()
}
