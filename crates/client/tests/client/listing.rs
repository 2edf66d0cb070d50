use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_client::{ClientError, ListedTransaction, Listing, MAX_LISTED, Rpc, Source};
use counterfoil_core::account::{LEDGER_BYTES, LEDGER_DISCRIMINATOR};
use counterfoil_core::{LedgerAccount, LedgerId, ProgramId, Wallet};
use serde_json::{Value, json};
use solana_signature::Signature;

use super::server;

/// A JSON-RPC server that gives two rows a page, however many are asked for. Row N is in slot N, the newest first.
fn serve_short_pages(rows: u8) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).expect("a header") > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            let request: Value = serde_json::from_slice(&body).expect("JSON");
            let before = request["params"][1]["before"].as_str().map(|text| text.parse::<Signature>().expect("base58"));
            let before = before.map_or(rows, |signature| signature.as_ref()[0]);
            let row = |slot: u8| {
                json!({
                    "signature": Signature::from([slot; 64]).to_string(), "slot": slot, "err": null,
                    "memo": null, "blockTime": null, "confirmationStatus": "finalized",
                })
            };
            let page: Vec<Value> = (0..before).rev().take(2).map(row).collect();
            let body = json!({ "jsonrpc": "2.0", "id": request["id"], "result": page }).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            write!(stream.get_mut(), "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("it is read");
        }
    });
    url
}

#[tokio::test]
async fn a_short_page_does_not_end_the_listing() {
    let rpc = Rpc::new(&serve_short_pages(7), ProgramId([7; 32]));
    let slots = async |since| {
        let listed = rpc.list_transactions(LedgerId([1; 32]), since).await.expect("it answers");
        listed.transactions.iter().map(|transaction| transaction.slot).collect::<Vec<_>>()
    };
    assert_eq!(slots(0).await, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(slots(3).await, [3, 4, 5, 6]);
}

/// A row of getSignaturesForAddress. The signature's first eight bytes are its number.
fn row(number: u64, slot: u64, is_ok: bool) -> Value {
    let err = if is_ok { Value::Null } else { json!({ "InstructionError": [0, { "Custom": 1 }] }) };
    json!({
        "signature": signature(number).to_string(), "slot": slot, "err": err, "memo": null, "blockTime": null,
        "confirmationStatus": "finalized",
    })
}

fn signature(number: u64) -> Signature {
    let mut bytes = [7; 64];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Signature::from(bytes)
}

fn number(listed: &ListedTransaction) -> u64 {
    u64::from_le_bytes(listed.signature[..8].try_into().expect("eight bytes"))
}

/// Answers with the page that a list of rows, newest first, has after the cursor.
fn page(rows: &[Value], request: &Value) -> Value {
    let before = request["params"][1]["before"].as_str();
    let start = before.map_or(0, |before| 1 + rows.iter().position(|row| row["signature"] == before).expect("known"));
    let limit = usize::try_from(request["params"][1]["limit"].as_u64().expect("a limit")).expect("small");
    json!(rows[start..].iter().take(limit).collect::<Vec<_>>())
}

async fn list(answer: impl Fn(&Value) -> Value + Clone + Send + Sync + 'static) -> Result<Listing, ClientError> {
    let (url, _) = server::serve(move |request| answer(request).into()).await;
    let rpc = Rpc::new(&url, ProgramId([7; 32]));
    loop {
        match rpc.list_transactions(LedgerId([1; 32]), 0).await {
            // However slow the machine is: the next call goes on.
            Err(error) if error.to_string().contains("more than fits into one call") => {}
            listed => return listed,
        }
    }
}

#[tokio::test]
async fn of_a_listing_larger_than_the_bound_the_oldest_are_kept() {
    const ROWS: u64 = 70_000;
    for (rows, is_whole) in [(ROWS, false), (MAX_LISTED as u64, true)] {
        // Answered by number, for a list would be searched through with each page.
        let answer = move |request: &Value| {
            let before = request["params"][1]["before"].as_str().map(|text| text.parse().expect("base58"));
            let before = before.map_or(rows, |signature: Signature| {
                u64::from_le_bytes(signature.as_ref()[..8].try_into().expect("eight bytes"))
            });
            let page = (before.saturating_sub(1_000)..before).rev().map(|number| row(number, 5 + number / 3, true));
            server::result(request, Value::from_iter(page))
        };
        let listing = list(answer).await.expect("it answers");
        assert_eq!((listing.transactions.len(), listing.is_whole), (MAX_LISTED, is_whole));
        let in_order = listing
            .transactions
            .iter()
            .zip(0..)
            .all(|(listed, expected)| number(listed) == expected && listed.slot == 5 + expected / 3);
        assert!(in_order);
    }
}

#[tokio::test]
async fn rows_are_ordered_by_slot_whatever_the_order_within_one_and_failed_ones_are_left_out() {
    let rows = vec![row(5, 12, true), row(3, 11, true), row(6, 11, false), row(4, 12, true), row(1, 10, true)];
    let listing = list(move |request| server::result(request, page(&rows, request))).await.expect("it answers");
    let slots: Vec<u64> = listing.transactions.iter().map(|listed| listed.slot).collect();
    assert_eq!(slots, [10, 11, 12, 12]);
    let mut numbers: Vec<u64> = listing.transactions.iter().map(number).collect();
    numbers[2..].sort_unstable();
    assert_eq!((numbers, listing.is_whole), (vec![1, 3, 4, 5], true));
}

#[tokio::test]
async fn pages_that_lead_nowhere_are_an_error_to_try_elsewhere() {
    type Pages = fn(&Value) -> Value;
    let same: Pages = |request| server::result(request, json!([row(9, 20, true), row(8, 19, true)]));
    let backwards: Pages = |request| match request["params"][1]["before"].is_null() {
        true => server::result(request, json!([row(9, 20, true), row(8, 19, true)])),
        false => server::result(request, json!([row(7, 30, true)])),
    };
    // Pages without end, all of one slot.
    let endless: Pages = |request| {
        let before = request["params"][1]["before"].as_str().map(|text| text.parse::<Signature>().expect("base58"));
        let before =
            before.map_or(1 << 40, |last| u64::from_le_bytes(last.as_ref()[..8].try_into().expect("eight bytes")));
        server::result(request, Value::from_iter((before - 1_000..before).rev().map(|number| row(number, 7, true))))
    };
    for (says, pages) in [("does not go on", same), ("do not go on", backwards), ("do not go on", endless)] {
        let error = list(pages).await.expect_err("no listing");
        assert!(error.is_transient() && error.to_string().contains(says), "{error}");
    }
}

/// One row a page, each a slot older than the one before, from row `rows` down.
async fn one_row_a_page(rows: u64) -> (Rpc, server::Asked) {
    let (url, asked) = server::serve(move |request| {
        let before = request["params"][1]["before"].as_str().map(|text| text.parse().expect("base58"));
        let before = before.map_or(rows, |signature: Signature| {
            u64::from_le_bytes(signature.as_ref()[..8].try_into().expect("eight bytes"))
        });
        let page = before.checked_sub(1).map(|number| row(number, number, true));
        server::result(request, Value::from_iter(page)).into()
    })
    .await;
    (Rpc::new(&url, ProgramId([7; 32])), asked)
}

#[tokio::test]
async fn a_listing_without_end_fails_after_so_many_pages() {
    let (rpc, asked) = one_row_a_page(1_000_000_000_000_000).await;
    for call in 1..=2 {
        let error = rpc.list_transactions(LedgerId([1; 32]), 0).await.expect_err("no listing");
        assert!(error.is_transient() && error.to_string().contains("more than fits into one call"), "{error}");
        assert_eq!(asked.lock().expect("no panics").len(), call * 256);
    }
}

#[tokio::test]
async fn a_long_listing_goes_on_where_the_call_before_it_left_it() {
    let (rpc, asked) = one_row_a_page(600).await;
    for _ in 0..2 {
        rpc.list_transactions(LedgerId([1; 32]), 7).await.expect_err("it goes on");
    }
    let listing = rpc.list_transactions(LedgerId([1; 32]), 9).await.expect("the end");
    assert!(listing.is_whole && listing.transactions.iter().map(number).eq(9..600), "{}", listing.transactions.len());
    assert_eq!(asked.lock().expect("no panics").len(), 600 - 6);
}

/// An empty ledger's account with an authority at the place that the filter names.
fn account(authority: u8, offset: usize) -> Vec<u8> {
    let mut bytes = vec![0; LEDGER_BYTES];
    bytes[..8].copy_from_slice(&LEDGER_DISCRIMINATOR);
    bytes[8] = 1;
    bytes[offset..offset + 32].copy_from_slice(&[authority; 32]);
    bytes
}

#[tokio::test]
async fn ledgers_of_an_authority_are_filtered_by_the_server_where_the_account_names_it() {
    let (url, asked) = server::serve(|request| server::result(request, json!([])).into()).await;
    let rpc = Rpc::new(&url, ProgramId([7; 32]));
    rpc.fetch_ledgers(Some(Wallet([6; 32]))).await.expect("it answers");
    rpc.fetch_ledgers(None).await.expect("it answers");
    let asked = asked.lock().expect("no panics");
    let filters = |request: &Value| request["params"][1]["filters"].as_array().expect("filters").clone();
    let (of_one, all) = (filters(&asked[0]), filters(&asked[1]));
    assert_eq!(of_one[..2], all[..]);
    let offset = usize::try_from(of_one[2]["memcmp"]["offset"].as_u64().expect("an offset")).expect("small");
    let decoded = LedgerAccount::decode(&account(6, offset)).expect("a ledger");
    assert_eq!((decoded.authority, decoded.creator), (Wallet([6; 32]), Wallet([0; 32])));
}

#[tokio::test]
async fn accounts_are_read_a_hundred_at_a_time_and_each_ledgers_fault_is_its_own() {
    let (url, asked) = server::serve(|request| {
        let value = |address: &Value| {
            let data = |bytes: &[u8]| json!([BASE64_STANDARD.encode(bytes), "base64"]);
            let account = |owner: u8, bytes: &[u8]| {
                json!({
                    "data": data(bytes), "executable": false, "lamports": 1, "owner": server::key(&[owner; 32]),
                    "rentEpoch": 0, "space": bytes.len(),
                })
            };
            match bs58::decode(address.as_str().expect("an address")).into_vec().expect("base58")[0] {
                3 => Value::Null,
                4 => account(8, &account_bytes()),
                5 => account(7, &[1, 2, 3]),
                _ => account(7, &account_bytes()),
            }
        };
        let values: Vec<Value> = request["params"][0].as_array().expect("addresses").iter().map(value).collect();
        server::result(request, json!({ "context": { "slot": 77 }, "value": values })).into()
    })
    .await;
    let rpc = Rpc::new(&url, ProgramId([7; 32]));
    let ledgers: Vec<LedgerId> = (0..250).map(|each| LedgerId([each; 32])).collect();
    let read = rpc.fetch_accounts(&ledgers).await.expect("it answers");
    assert_eq!((read.len(), asked.lock().expect("no panics").len()), (250, 3));
    for (number, account) in read.iter().enumerate() {
        let is_expected = match number {
            3 => matches!(account, Err(ClientError::NoLedger { ledger, .. }) if *ledger == ledgers[3]),
            4 => matches!(account, Err(ClientError::WrongOwner { ledger, .. }) if *ledger == ledgers[4]),
            5 => matches!(account, Err(ClientError::Account { ledger, .. }) if *ledger == ledgers[5]),
            _ => matches!(account, Ok(at) if at.slot == 77),
        };
        assert!(is_expected, "{number}: {account:?}");
    }
    assert_eq!(rpc.fetch_accounts(&[]).await.expect("nothing").len(), 0);
}

fn account_bytes() -> Vec<u8> {
    account(9, 80)
}

#[tokio::test]
async fn an_answer_of_another_form_is_refused_at_its_first_byte_and_told_in_brief() {
    // 8 MB of what would be 250 MB as a tree, and 4 MB of text where an object is due.
    let numbers = json!(vec![0; 4 << 20]);
    let text = json!("a server's text\n".repeat(1 << 18));
    for (result, method) in
        [(&numbers, "getMultipleAccounts"), (&text, "getMultipleAccounts"), (&text, "getSignatures")]
    {
        let answer = result.clone();
        let (url, _) = server::serve(move |request| server::result(request, answer.clone()).into()).await;
        let rpc = Rpc::new(&url, ProgramId([7; 32]));
        let error = match method {
            "getMultipleAccounts" => rpc.fetch_accounts(&[LedgerId([1; 32])]).await.unwrap_err(),
            _ => rpc.list_transactions(LedgerId([1; 32]), 0).await.unwrap_err(),
        };
        assert!(error.to_string().len() < 600, "{}", error.to_string().len());
    }
}

#[tokio::test]
async fn of_a_servers_words_the_beginning_is_told() {
    let (url, _) = server::serve(|request| server::error(request, -32_000, &"so long ".repeat(1 << 19)).into()).await;
    let rpc = Rpc::new(&url, ProgramId([7; 32]));
    let mut errors = vec![rpc.fetch_genesis_hash().await.unwrap_err()];
    errors.push(rpc.fetch_accounts(&[LedgerId([1; 32])]).await.unwrap_err());
    errors.push(rpc.list_transactions(LedgerId([1; 32]), 0).await.unwrap_err());
    for error in errors {
        let text = error.to_string();
        assert!(text.contains("so long so long") && text.len() < 600, "{} bytes", text.len());
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_its_own_cursor_has_listed_what_is_newer() {
    let refuse = |code: i64| {
        move |request: &Value| match request["params"][1]["before"].as_str() {
            Some(_) => server::error(request, code, "transaction not found"),
            None => server::result(request, json!([row(2, 11, true), row(1, 10, true)])),
        }
    };
    let listing = list(refuse(-32_602)).await.expect("a list");
    assert_eq!(listing.transactions.iter().map(number).collect::<Vec<_>>(), [1, 2]);
    let error = list(refuse(-32_005)).await.unwrap_err();
    assert!(error.to_string().contains("transaction not found (error -32005)"), "{error}");
}
