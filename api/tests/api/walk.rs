//! What is found, page by page, from either end.

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

    /// What is counted, and whether that is all.
    pub async fn count(self, index: &Index, arguments: &str) -> Value {
        let Self { ledger, field, .. } = self;
        let fields = "totalCount { value isExact }";
        let query = format!("{{ ledger(address: \"{ledger}\") {{ {field}({arguments}) {{ {fields} }} }} }}");
        index.graphql(&query).await["ledger"][field]["totalCount"].take()
    }
}
