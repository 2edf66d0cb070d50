//! Streams: each leaf once and in order, whatever fails, and no follower waits for another.

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use counterfoil_api::{App, Settings};
use counterfoil_core::LedgerId;
use counterfoil_core::certificate::Certificate;
use counterfoil_store::halt;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::history::History;
use crate::index::{BIG, BIG_EVENTS, BIG_SIZE, Index, NEW, UNCHECKED, UNKNOWN, settings};
use crate::statements::count_statements;

pub const LIVE: LedgerId = LedgerId([9; 32]);

/// A stream of server-sent events.
pub struct Messages {
    body: BodyDataStream,
    buffer: String,
}

/// One of them: its name, its id and its data.
pub type Message = (String, Option<u64>, Value);

impl Messages {
    pub async fn open(app: &App, request: Request<Body>) -> Self {
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { body: response.into_body().into_data_stream(), buffer: String::new() }
    }

    async fn get(index: &Index, path: &str) -> Self {
        Self::open(&index.app, Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// The next one; none at the end of the stream.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((message, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = message.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    lines.next_back().map(str::to_owned)
                };
                let data = field("data").filter(|data| !data.is_empty());
                let data = data.map_or(Value::Null, |data| serde_json::from_str(&data).unwrap());
                let found = (field("event"), field("id").filter(|id| id != "-1").map(|id| id.parse().unwrap()), data);
                self.buffer = rest.to_owned();
                if let (Some(name), id, data) = found {
                    return Some((name, id, data));
                }
                continue;
            }
            let bytes = self.body.next().await?.unwrap();
            self.buffer.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// Takes pages of entries until the log's `end`: they are all from `first` on, each once, in order, each page with its
    /// certificate.
    pub async fn expect_entries(&mut self, index: &Index, ledger: LedgerId, first: u64, end: u64) {
        let mut next = first;
        while next < end {
            let (name, id, mut page) = self.next().await.expect("the stream goes on");
            assert_eq!(name, "entries", "{page}");
            let count = page["entries"].as_array().unwrap().len() as u64;
            let certificate: Certificate = serde_json::from_value(page["certificate"].clone()).unwrap();
            assert_eq!((certificate.from, certificate.to), (next, next + count));
            let list = index.ok(&format!("/v1/ledgers/{ledger}/entries?first={next}&limit={count}")).await;
            assert_eq!(page["entries"].take(), list["entries"]);
            next += count;
            assert_eq!(id, Some(next - 1));
        }
        assert_eq!(next, end);
    }
}

/// A ledger of its own, with `size` entries checked.
pub async fn open_live(index: &Index, entries: usize) -> History {
    let mut history = History::create(LIVE);
    for _ in 0..entries / 50 {
        history.append(50);
    }
    history.check(&index.pool).await;
    history
}

#[tokio::test]
async fn a_stream_begins_where_it_is_told_and_goes_on_with_what_is_checked() {
    let index = Index::open().await;
    let mut history = open_live(&index, 250).await;
    let path = format!("/v1/ledgers/{LIVE}/entries/live");
    let mut from_now = Messages::get(&index, &path).await;
    let mut from_three = Messages::get(&index, &format!("{path}?after=2")).await;
    let resumed = Request::get(format!("{path}?after=2")).header("last-event-id", "249").body(Body::empty()).unwrap();
    let mut resumed = Messages::open(&index.app, resumed).await;
    let mut events = Messages::get(&index, &format!("/v1/ledgers/{LIVE}/events/live?after=5")).await;
    for count in [3, 1, 40] {
        history.append(count);
        history.check(&index.pool).await;
    }
    from_now.expect_entries(&index, LIVE, 250, 294).await;
    from_three.expect_entries(&index, LIVE, 3, 294).await;
    resumed.expect_entries(&index, LIVE, 250, 294).await;
    let mut seqs = Vec::new();
    while seqs.len() < 3 {
        let (name, _, page) = events.next().await.unwrap();
        assert_eq!(name, "events");
        seqs.extend(page["events"].as_array().unwrap().iter().map(|event| event["seq"].clone()));
    }
    assert_eq!(seqs, [json!("6"), json!("7"), json!("8")]);
}

/// All that comes before a stream's first page.
async fn begin(index: &Index, path: &str) -> String {
    let response = index.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let first = response.into_body().into_data_stream().next().await.unwrap().unwrap();
    String::from_utf8(first.to_vec()).unwrap()
}

#[tokio::test]
async fn a_stream_that_drops_before_its_first_page_goes_on_where_it_began() {
    for (entries, id) in [(0, "-1"), (50, "49")] {
        let index = Index::open().await;
        let mut history = open_live(&index, entries).await;
        let path = format!("/v1/ledgers/{LIVE}/entries/live");
        assert_eq!(begin(&index, &path).await, format!("id: {id}\n\n"));
        let size = history.payloads.len() as u64;
        history.append(2);
        history.check(&index.pool).await;
        let again = Request::get(&path).header("last-event-id", id).body(Body::empty()).unwrap();
        Messages::open(&index.app, again).await.expect_entries(&index, LIVE, size, size + 2).await;
    }
}

#[tokio::test]
async fn who_has_none_begins_with_the_first() {
    let index = Index::open().await;
    let mut history = open_live(&index, 0).await;
    let path = format!("/v1/ledgers/{LIVE}/entries/live?from=0");
    let mut stream = Messages::get(&index, &path).await;
    history.append(1);
    history.check(&index.pool).await;
    stream.expect_entries(&index, LIVE, 0, 1).await;
    Messages::get(&index, &path).await.expect_entries(&index, LIVE, 0, 1).await;
    // With `after` both hold.
    history.append(1);
    history.check(&index.pool).await;
    for (beginning, expected) in [
        ("from: \"0\"", "0"),
        ("from: \"1\"", "1"),
        ("from: \"0\", after: \"0\"", "1"),
        ("from: \"1\", after: \"0\"", "1"),
    ] {
        let query = format!("subscription {{ entries(ledger: \"{LIVE}\", {beginning}) {{ edges {{ cursor }} }} }}");
        let request = Request::post("/graphql").header("content-type", "application/json");
        let request = request.header("accept", "text/event-stream").body(json!({ "query": query }).to_string().into());
        let (_, _, answer) = Messages::open(&index.app, request.unwrap()).await.next().await.unwrap();
        assert_eq!(answer["data"]["entries"]["edges"][0]["cursor"], expected, "{beginning}: {answer}");
    }
    Messages::get(&index, &format!("{path}&after=0")).await.expect_entries(&index, LIVE, 1, 2).await;
}

#[tokio::test]
async fn a_lost_connection_to_the_database_loses_nothing() {
    let index = Index::open().await;
    let mut history = open_live(&index, 50).await;
    let mut stream = Messages::get(&index, &format!("/v1/ledgers/{LIVE}/entries/live")).await;
    history.append(1);
    history.check(&index.pool).await;
    stream.expect_entries(&index, LIVE, 50, 51).await;
    for end in 52..56 {
        index
            .tamper(
                "select pg_terminate_backend(pid) from pg_stat_activity \
            where datname = current_database() and query like 'LISTEN%'",
            )
            .await;
        history.append(1);
        history.check(&index.pool).await;
        stream.expect_entries(&index, LIVE, end - 1, end).await;
    }
}

#[tokio::test]
async fn who_is_slow_is_let_go_and_goes_on_where_it_was() {
    let index = Index::open().await;
    let mut history = open_live(&index, 0).await;
    let path = format!("/v1/ledgers/{LIVE}/entries/live");
    let mut slow = Messages::get(&index, &path).await;
    let mut quick = Messages::get(&index, &path).await;
    for end in 1..=80 {
        history.append(1);
        history.check(&index.pool).await;
        quick.expect_entries(&index, LIVE, end - 1, end).await;
    }
    let (name, _, problem) = slow.next().await.unwrap();
    assert_eq!((name.as_str(), &problem["code"]), ("problem", &json!("too_slow")), "{problem}");
    assert_eq!(slow.next().await, None);
    let mut again = Messages::get(&index, &path.replace("live", "live?after=9")).await;
    again.expect_entries(&index, LIVE, 10, 80).await;
}

#[tokio::test]
async fn who_waits_costs_the_database_nothing() {
    let settings = Settings { max_streams_per_caller: 1_000, memory_bytes: 0, ..settings() };
    let index = Index::open_with(settings).await;
    let mut history = open_live(&index, 0).await;
    // Two at a time, for which an append takes the same statements at any size.
    history.append(2);
    let written = count_statements(history.check(&index.pool)).await;
    let path = format!("/v1/ledgers/{LIVE}/entries/live?after=1");
    let mut streams = vec![Messages::get(&index, &path).await];
    let mut statements = Vec::new();
    for (end, followers) in [(4, 1), (6, 1), (8, 1_000)] {
        while streams.len() < followers {
            let path = path.replace("after=1", &format!("after={}", end - 3));
            streams.push(Messages::get(&index, &path).await);
        }
        history.append(2);
        // From before the commit, as that is what wakes who follows.
        let counted = count_statements(async {
            history.check(&index.pool).await;
            for stream in &mut streams {
                let (_, id, _) = stream.next().await.unwrap();
                assert_eq!(id, Some(end - 1));
            }
        });
        statements.push(counted.await);
    }
    // A page with its certificate takes five; the commit may wake who follows, and so may the check after it. While the
    // first one came, the connection that listens may have been opened too.
    assert!(
        statements[1..].iter().all(|it| *it <= written + 2 * 5),
        "{statements:?}, {written} of them for the writes"
    );
}

#[tokio::test]
async fn a_ledger_is_followed_to_its_halt() {
    let index = Index::open().await;
    let mut history = open_live(&index, 50).await;
    let mut stream = Messages::get(&index, &format!("/v1/ledgers/{LIVE}/live")).await;
    let now = index.ok(&format!("/v1/ledgers/{LIVE}")).await;
    assert_eq!(stream.next().await.unwrap(), ("ledger".to_owned(), None, now));
    history.append(1);
    history.check(&index.pool).await;
    let (_, _, moved) = stream.next().await.unwrap();
    assert_eq!(moved["checked"]["head"]["size"], "51");
    halt(&mut index.pool.acquire().await.unwrap(), LIVE, "the account says otherwise").await.unwrap();
    let (_, _, halted) = stream.next().await.unwrap();
    assert_eq!(halted["status"], "halted");
    assert_eq!(halted, index.ok(&format!("/v1/ledgers/{LIVE}")).await);
}

#[tokio::test]
async fn streams_are_refused_as_pages_are() {
    let index = Index::open().await;
    for (path, expected) in [
        (format!("{UNKNOWN}/entries/live"), (404, "unknown_ledger")),
        (format!("{UNCHECKED}/entries/live"), (409, "not_checked_yet")),
        (format!("{NEW}/events/live"), (409, "not_checked_yet")),
        (format!("{UNKNOWN}/live"), (404, "unknown_ledger")),
        (format!("{BIG}/entries/live?after={BIG_SIZE}"), (404, "index_out_of_range")),
        (format!("{BIG}/events/live?after={}", u64::MAX), (404, "index_out_of_range")),
        (format!("{BIG}/entries/live?after=-1"), (400, "malformed_parameter")),
        (format!("{BIG}/entries/live?from=-1"), (400, "malformed_parameter")),
        ("0/entries/live".to_owned(), (400, "malformed_key")),
    ] {
        let (status, code, _) = index.problem(&format!("/v1/ledgers/{path}")).await;
        assert_eq!((status, code.as_str()), expected, "{path}");
    }
    let mut whole = Messages::get(&index, &format!("/v1/ledgers/{BIG}/events/live?after={}", BIG_EVENTS - 3)).await;
    assert_eq!(whole.next().await.unwrap().1, Some(BIG_EVENTS - 1));
}

#[tokio::test]
async fn a_changed_row_ends_the_stream() {
    let index = Index::open().await;
    let mut history = open_live(&index, 50).await;
    let path = format!("/v1/ledgers/{LIVE}/entries/live");
    let mut stream = Messages::get(&index, &path).await;
    history.append(1);
    history.commit(&index.pool).await;
    index.tamper("update entry set payload = 'forged' where index = 50").await;
    history.check(&index.pool).await;
    let (name, _, problem) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &problem["code"]), ("problem", &json!("stored_data_corrupt")), "{problem}");
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn there_are_no_more_streams_than_allowed() {
    let mut index = Index::open().await;
    index.app = counterfoil_api::app(index.pool.clone(), Settings { max_streams: 2, ..settings() });
    let path = format!("/v1/ledgers/{BIG}/entries/live");
    let first = Messages::get(&index, &path).await;
    let second = Messages::get(&index, &format!("/v1/ledgers/{BIG}/live")).await;
    let (status, code, _) = index.problem(&path).await;
    assert_eq!((status, code.as_str()), (503, "too_many_streams"));
    drop(first);
    Messages::get(&index, &path).await;
    drop(second);
}

#[tokio::test]
async fn graphql_streams_over_server_sent_events() {
    let index = Index::open().await;
    let mut history = open_live(&index, 50).await;
    let query = format!(
        "subscription {{ entries(ledger: \"{LIVE}\", after: \"47\") {{ nodes: edges {{ node {{ index payload proof \
         event {{ seq proof }} }} }} pageInfo {{ endCursor }} certificate }} }}"
    );
    let request = Request::post("/graphql")
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .body(json!({ "query": query }).to_string().into())
        .unwrap();
    let mut stream = Messages::open(&index.app, request).await;
    for (first, last) in [(48, "49"), (50, "51")] {
        if first == 50 {
            history.append(2);
            history.check(&index.pool).await;
        }
        let (name, _, mut answer) = stream.next().await.unwrap();
        assert_eq!(name, "next");
        let page = answer["data"]["entries"].take();
        assert_eq!(page["pageInfo"]["endCursor"], last);
        for (at, edge) in (first..).zip(page["nodes"].as_array().unwrap()) {
            let proof = index
                .ok(&format!(
                    "/v1/ledgers/{LIVE}/inclusion?log=entries&index={at}&size={}",
                    page["certificate"]["head"]["size"].as_str().unwrap()
                ))
                .await;
            assert_eq!(edge["node"]["proof"], proof["proof"]);
        }
    }
    let request = Request::post("/graphql")
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .body(
            json!({ "query": format!("subscription {{ ledger(address: \"{UNKNOWN}\") {{ id }} }}") })
                .to_string()
                .into(),
        )
        .unwrap();
    let mut refused = Messages::open(&index.app, request).await;
    let (_, _, answer) = refused.next().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "unknown_ledger");
    assert_eq!(refused.next().await.unwrap().0, "complete");
    assert_eq!(refused.next().await, None);
}
