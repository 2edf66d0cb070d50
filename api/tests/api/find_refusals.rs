//! Refusals of searches.

use axum::http::StatusCode;
use counterfoil_read::{ReadError, Reader, Search, find_entries};
use counterfoil_store::Condition;

use crate::find::{ENTRIES, FOUND, open};
use crate::index::{BIG, BIG_SIZE, Index};

#[tokio::test]
async fn cursors_and_filters_that_are_not_of_the_list_are_refused() {
    let index = Index::open().await;
    open(&index).await;
    let page = ENTRIES.page(&index, "first: 1, orderBy: [{ field: SIGNER }]").await;
    let cursor = page["pageInfo"]["endCursor"].as_str().unwrap();
    let deep = format!("where: {}index: {{ eq: \"1\" }}{}", "{ not: ".repeat(20) + "{", "}".repeat(21));
    let wide = format!("where: {{ index: {{ in: [{}] }} }}", "\"1\",".repeat(300));
    for (ledger, arguments, expected) in [
        (FOUND, format!("after: \"{cursor}\""), "not of this list"),
        (FOUND, format!("after: \"{cursor}\", orderBy: [{{ field: SIGNER, direction: DESC }}]"), "not of this list"),
        (BIG, format!("after: \"{cursor}\", orderBy: [{{ field: SIGNER }}]"), "not of this list"),
        (
            FOUND,
            format!("after: \"{}\", orderBy: [{{ field: SIGNER }}]", &cursor[..cursor.len() - 1]),
            "not of this list",
        ),
        (FOUND, format!("before: \"{cursor}x\", orderBy: [{{ field: SIGNER }}]"), "not of this list"),
        (FOUND, "after: \"7\"".to_owned(), "not of this list"),
        (FOUND, "first: 1, last: 1".to_owned(), "or from its end"),
        (FOUND, "first: 0".to_owned(), "holds 1 to 1000"),
        (FOUND, "first: -1".to_owned(), "not a count"),
        (FOUND, "where: { signer: { eq: \"x\" } }".to_owned(), "not 32 bytes in base58"),
        (FOUND, "where: { time: { lt: \"yesterday\" } }".to_owned(), "not a time"),
        (FOUND, deep, "at most 250 conditions, 16 deep"),
        (FOUND, wide, "at most 250 conditions, 16 deep"),
    ] {
        let query =
            format!("{{ ledger(address: \"{ledger}\") {{ findEntries({arguments}) {{ edges {{ cursor }} }} }} }}");
        let (code, message) = index.graphql_error(&query).await;
        let is_cursor = expected == "not of this list";
        assert_eq!(code, if is_cursor { "unknown_cursor" } else { "malformed_parameter" }, "{message}");
        assert!(message.contains(expected), "{arguments}: {message}");
    }
}

#[tokio::test]
async fn what_was_changed_is_found_and_not_answered() {
    let index = Index::open().await;
    let query = format!(
        "{{ ledger(address: \"{BIG}\") {{ findEntries(where: {{ index: {{ eq: \"{}\" }} }}) {{ edges {{ cursor }} }} }} }}",
        BIG_SIZE - 1
    );
    index.graphql(&query).await;
    index
        .tamper(&format!(
            "update entry set payload = 'forged', leaf_hash = sha256('\\x00'::bytea || 'forged') where index = {}",
            BIG_SIZE - 1
        ))
        .await;
    let (code, _) = index.graphql_error(&query).await;
    assert_eq!(code, "stored_data_corrupt");
}

#[tokio::test]
async fn a_search_that_takes_too_long_says_so() {
    let index = Index::open().await;
    let mut lock = index.pool.begin().await.unwrap();
    sqlx::query("lock table entry").execute(&mut *lock).await.unwrap();
    let condition = Condition::All(Vec::new());
    let search = Search { condition, order: Vec::new(), first: None, after: None, last: None, before: None };
    let refused = find_entries(&Reader::new(index.pool.clone()), BIG, search).await.unwrap_err();
    assert!(matches!(refused, ReadError::TooExpensive), "{refused}");
}

/// The code with which a filter of entries is refused; none when it is answered.
async fn refusal(index: &Index, filter: &str) -> Option<(String, String)> {
    let found = format!("findEntries(where: {filter}, first: 1) {{ edges {{ cursor }} }}");
    let counted = format!("findEntries(where: {filter}, first: 1) {{ totalCount {{ value }} }}");
    let sums = format!("aggregateEntries(where: {filter}, first: 1) {{ hasNext }}");
    let mut refusals = Vec::new();
    for field in [found, counted, sums] {
        let query = format!("{{ ledger(address: \"{FOUND}\") {{ {field} }} }}");
        let answer = index.graphql_response(&query).await;
        let text = |pointer: &str| answer.pointer(pointer).map(|text| text.as_str().unwrap().to_owned());
        refusals.push(text("/errors/0/extensions/code").zip(text("/errors/0/message")));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{filter}: {refusals:?}");
    refusals.pop().unwrap()
}

#[tokio::test]
async fn a_filter_has_as_many_conditions_as_are_told_and_not_one_more() {
    let index = Index::open().await;
    open(&index).await;
    let list = |count: usize| format!("{{ index: {{ in: [{}] }} }}", "\"1\",".repeat(count));
    let within = |word: &str, filters: usize, more: &str| {
        let filters = "{ slot: { gt: \"1\" } },".repeat(filters);
        format!("{{ {word}: [{filters}] {more} }}")
    };
    let deep = |filters: usize| "{ not: ".repeat(filters - 1) + "{ index: { eq: \"1\" } }" + &"}".repeat(filters - 1);
    let one_more = "signer: { in: [] }";
    for (most, beyond) in [
        (list(250), list(251)),
        // Each filter within another is one, and so is what it compares.
        (within("and", 125, ""), within("and", 125, one_more)),
        (within("or", 125, ""), within("or", 125, one_more)),
        (format!("{{ or: [{}] }}", "{},".repeat(250)), format!("{{ or: [{}] }}", "{},".repeat(251))),
        (within("and", 124, "not: { time: { lt: \"2026-01-01T00:00:00Z\" } }"), within("and", 125, "not: {}")),
        (deep(16), deep(17)),
    ] {
        assert_eq!(refusal(&index, &most).await, None, "{most}");
        let (code, message) = refusal(&index, &beyond).await.expect(&beyond);
        assert_eq!(code, "malformed_parameter", "{beyond}");
        assert!(message.contains("at most 250 conditions, 16 deep"), "{message}");
    }
}

#[tokio::test]
async fn rest_takes_all_its_conditions_together_and_no_longer_ones() {
    let index = Index::open().await;
    open(&index).await;
    let (key, hash, signature) = (FOUND.to_string(), "0".repeat(64), "1".repeat(64));
    let time = "2026-01-01T00:00:00Z";
    let times = format!("from_slot=1&to_slot=9&from_time={time}&to_time={time}&limit=1");
    let both = format!("signer={key}&transaction={signature}&{times}");
    let prefix = "00".repeat(64);
    let entries = format!("entries/find?leaf_hash={hash}&from_index=1&to_index=9&{both}");
    for (path, is_taken) in [
        (format!("{entries}&payload_prefix={prefix}&order=-index,slot,time,signer"), true),
        (format!("{entries}&payload_prefix={prefix}00"), false),
        (format!("{entries}&order=-index,slot,time,signer,transaction"), false),
        (format!("events/find?kind=EntriesAppended&{both}&order=-seq,slot,time,signer"), true),
        (format!("events/find?kind=EntriesAppended&{both}&order=-seq,slot,time,signer,kind"), false),
    ] {
        let (status, body) = index.get(&format!("/v1/ledgers/{FOUND}/{path}")).await;
        assert_eq!(status, if is_taken { StatusCode::OK } else { StatusCode::BAD_REQUEST }, "{path}: {body}");
    }
}

#[tokio::test]
async fn a_row_whose_key_none_can_have_is_corrupt_and_not_left_out() {
    let index = Index::open().await;
    open(&index).await;
    for constraint in [
        "alter table entry drop constraint entry_index_range",
        "alter table ledger drop constraint ledger_address_length",
    ] {
        sqlx::query(constraint).execute(&index.pool).await.unwrap();
    }
    let entries = format!("{{ ledger(address: \"{FOUND}\") {{ findEntries {{ edges {{ cursor }} }} }} }}");
    for (query, change) in [
        // A list of ledgers reads their hashes, so it goes first.
        (
            "{ findLedgers { edges { cursor } } }",
            "update ledger set address = '\\x05' where address = decode(repeat('05', 32), 'hex')",
        ),
        (&entries, "update entry set index = -1 where index = 7 and ledger = (select max(ledger) from entry)"),
    ] {
        index.graphql(query).await;
        index.tamper(change).await;
        assert_eq!(index.graphql_error(query).await.0, "stored_data_corrupt", "{change}");
    }
}
