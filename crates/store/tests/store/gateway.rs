//! The gateway's tables: requests are accepted once, records are sealed in the order of their commits, plans do not overlap.

use std::collections::HashMap;
use std::time::Duration;

use counterfoil_store::gateway::{
    Accepted, Attempt, Form, NewPlan, NewRecord, NewRequest, Outcome, OverQuota, StreamEnd, Terms, Unsealed, Used,
    WaitingRow, accept, add_attempt, add_gateway_ledger, add_plan, add_relay, add_waiting, charge, connect_to_gateway,
    decide, end_waiting, load_backlog, load_first_unplanned, load_late, load_oldest_unplanned, load_overdue,
    load_record, load_relay, load_sealed, load_streams, load_undone_plans, load_unsealed, load_usage, load_waiting,
    load_waiting_ledgers, mark_done, migrate_gateway, seal, take_sequencer,
};
use counterfoil_store::{PgPool, Quota, StoreError};
use merkle_log::{LeafHash, Root};

use crate::database::{Database, EmptyDatabase, LEDGER, OTHER_LEDGER};

const PATIENCE: Duration = Duration::from_secs(60);

struct Gateway {
    pool: PgPool,
    keys: HashMap<counterfoil_core::LedgerId, i32>,
    _database: EmptyDatabase,
}

impl Gateway {
    async fn open() -> Self {
        let database = Database::empty().await;
        let pool = connect_to_gateway(&database.url, 4, Duration::from_secs(30)).await.unwrap();
        migrate_gateway(&pool).await.unwrap();
        let mut keys = HashMap::new();
        for ledger in [LEDGER, OTHER_LEDGER] {
            let mut connection = pool.acquire().await.unwrap();
            keys.insert(ledger, add_gateway_ledger(&mut connection, ledger, false, i64::MAX).await.unwrap());
        }
        Self { pool, keys, _database: database }
    }

    fn key(&self) -> i32 {
        self.keys[&LEDGER]
    }

    async fn accept(&self, requests: &[NewRequest]) -> Vec<Accepted> {
        let mut transaction = self.pool.begin().await.unwrap();
        let outcomes = accept(&mut transaction, &self.keys, requests).await.unwrap();
        transaction.commit().await.unwrap();
        outcomes
    }
}

fn request(id: u8, name: Option<&str>) -> NewRequest {
    let record = NewRecord {
        id: [id; 16],
        form: Form::Statement,
        content_type: "text/plain".to_owned(),
        content: vec![id; 3],
        salt: [id; 32],
        commitment: [id; 32],
        stream: [7; 32],
        subject: None,
        author_time_ms: id.into(),
    };
    NewRequest {
        id: [id; 16],
        ledger: LEDGER,
        api_key: Vec::new(),
        idempotency_key: name.map(str::to_owned),
        quota: Quota::default(),
        fingerprint: [1; 32],
        terms: None,
        records: vec![record],
    }
}

fn ids(records: &[Unsealed]) -> Vec<u8> {
    records.iter().map(|record| record.id[0]).collect()
}

#[tokio::test]
async fn of_requests_of_one_name_the_first_is_accepted_and_the_others_are_told_which_that_was() {
    let gateway = Gateway::open().await;
    let other_body = NewRequest { fingerprint: [2; 32], ..request(3, Some("a")) };
    let other_ledger = NewRequest { ledger: OTHER_LEDGER, ..request(4, Some("a")) };
    let other_caller = NewRequest { api_key: vec![9; 8], ..request(5, Some("a")) };
    let before = |is_same| Accepted::Before { request: [1; 16], is_same };
    let together =
        gateway.accept(&[request(1, Some("a")), request(2, Some("a")), other_body, other_ledger, other_caller]).await;
    assert_eq!(together, [Accepted::New, before(true), before(false), Accepted::New, Accepted::New]);
    assert_eq!(
        gateway.accept(&[request(6, Some("a")), request(7, None), request(8, None)]).await,
        [before(true), Accepted::New, Accepted::New]
    );
    let mut connection = gateway.pool.acquire().await.unwrap();
    for (id, is_there) in [(1, true), (2, false), (3, false), (6, false), (7, true)] {
        assert_eq!(load_record(&mut connection, [id; 16]).await.unwrap().is_some(), is_there, "{id}");
    }
    let used: Vec<(u64, u64)> =
        load_usage(&mut connection).await.unwrap().iter().map(|usage| (usage.records, usage.bytes)).collect();
    assert_eq!(used, [(3, 9), (1, 3), (1, 3)], "by key and ledger");
}

#[tokio::test]
async fn records_are_sealed_once_and_in_the_order_of_their_commits() {
    let gateway = Gateway::open().await;
    let mut connection = gateway.pool.acquire().await.unwrap();
    let sequencer = take_sequencer(&mut connection, gateway.key(), None, Duration::ZERO).await.unwrap().unwrap();
    let mut early = gateway.pool.begin().await.unwrap();
    accept(&mut early, &gateway.keys, &[request(2, None)]).await.unwrap();
    // One that comes meanwhile waits: it would be read before an earlier one that is not there yet.
    let late = tokio::spawn({
        let (pool, keys) = (gateway.pool.clone(), gateway.keys.clone());
        async move {
            let mut transaction = pool.begin().await.unwrap();
            accept(&mut transaction, &keys, &[request(1, None)]).await.unwrap();
            transaction.commit().await.unwrap();
        }
    });
    let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut *connection).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ids(&load_unsealed(&mut connection, &sequencer, 10).await.unwrap()), [0_u8; 0]);
    early.commit().await.unwrap();
    late.await.unwrap();
    let unsealed = load_unsealed(&mut connection, &sequencer, 10).await.unwrap();
    assert_eq!(ids(&unsealed), [2, 1]);
    let end = StreamEnd { sequence: 1, leaf: LeafHash([5; 32]) };
    let streams = HashMap::from([([7; 32], end)]);
    let mut transaction = gateway.pool.begin().await.unwrap();
    let entries = vec![b"first".to_vec(), b"second".to_vec()];
    let sealed = seal(&mut transaction, &sequencer, &unsealed, &entries, &streams).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(sealed.next_ordinal, 2);
    assert_eq!(ids(&load_unsealed(&mut connection, &sealed, 10).await.unwrap()), [0_u8; 0]);
    assert_eq!(load_streams(&mut connection, gateway.key(), &[[7; 32], [8; 32]]).await.unwrap(), streams);
    let entries = load_sealed(&mut connection, gateway.key(), 0, 10).await.unwrap();
    assert_eq!(
        entries.iter().map(|sealed| (sealed.record[0], &sealed.entry[..])).collect::<Vec<_>>(),
        [(2, &b"first"[..]), (1, &b"second"[..])]
    );
    // The twin: a sequencer that has not heard of it seals nothing a second time.
    let mut transaction = gateway.pool.begin().await.unwrap();
    let again = seal(&mut transaction, &sequencer, &unsealed, &[Vec::new(), Vec::new()], &streams).await;
    assert!(matches!(again, Err(StoreError::LeaseLost)), "{again:?}");
}

#[tokio::test]
async fn a_lease_is_renewed_by_its_holder_and_taken_by_others_only_when_it_is_old() {
    let gateway = Gateway::open().await;
    let mut connection = gateway.pool.acquire().await.unwrap();
    let mut take = async |epoch, patience| {
        let taken = take_sequencer(&mut connection, gateway.key(), epoch, patience).await.unwrap();
        taken.map(|sequencer| sequencer.epoch)
    };
    assert_eq!(take(None, PATIENCE).await, Some(1));
    assert_eq!(take(Some(1), PATIENCE).await, Some(1));
    assert_eq!(take(None, PATIENCE).await, None);
    assert_eq!(take(None, Duration::ZERO).await, Some(2));
    assert_eq!(take(Some(1), PATIENCE).await, None, "the earlier holder has lost it");
}

fn plan(first_ordinal: u64, records: u64, first_index: u64) -> NewPlan {
    NewPlan { first_ordinal, records, first_index, subtrees: None, root: Root([4; 32]) }
}

#[tokio::test]
async fn a_record_is_in_one_plan_that_may_land_and_in_another_only_when_that_one_is_dead() {
    let gateway = Gateway::open().await;
    let mut connection = gateway.pool.acquire().await.unwrap();
    gateway.accept(&(1..=9).map(|id| request(id, None)).collect::<Vec<_>>()).await;
    let sequencer = take_sequencer(&mut connection, gateway.key(), None, Duration::ZERO).await.unwrap().unwrap();
    let unsealed = load_unsealed(&mut connection, &sequencer, 10).await.unwrap();
    let entries: Vec<Vec<u8>> = (1..=9).map(|n| vec![n]).collect();
    let sequencer = seal(&mut connection, &sequencer, &unsealed, &entries, &HashMap::new()).await.unwrap();
    let first = add_plan(&mut connection, &sequencer, &plan(0, 4, 100)).await.unwrap();
    let second = add_plan(&mut connection, &sequencer, &plan(4, 3, 104)).await.unwrap();
    assert!(add_plan(&mut connection, &sequencer, &plan(0, 4, 107)).await.is_err(), "it is in an open plan");
    assert_eq!(load_first_unplanned(&mut connection, &sequencer).await.unwrap(), Some((7, 2)));
    decide(&mut connection, &sequencer, first, Outcome::Dead).await.unwrap();
    assert_eq!(load_first_unplanned(&mut connection, &sequencer).await.unwrap(), Some((0, 4)));
    decide(&mut connection, &sequencer, second, Outcome::Landed { event_seq: 8 }).await.unwrap();
    assert!(decide(&mut connection, &sequencer, second, Outcome::Dead).await.is_err(), "it was decided");
    assert!(add_plan(&mut connection, &sequencer, &plan(4, 3, 110)).await.is_err(), "it landed");
    let third = add_plan(&mut connection, &sequencer, &plan(0, 4, 107)).await.unwrap();
    assert_eq!(load_first_unplanned(&mut connection, &sequencer).await.unwrap(), Some((7, 2)));
    let attempt = Attempt {
        signature: [1; 64],
        transaction: vec![1],
        last_valid_height: 5,
        payer: Some([3; 32]),
        lamports: 10_001,
    };
    add_attempt(&mut connection, &sequencer, third, &attempt).await.unwrap();
    let undone: Vec<i64> =
        load_undone_plans(&mut connection, gateway.key()).await.unwrap().iter().map(|plan| plan.id).collect();
    assert_eq!(undone, [second, third], "in the order of the log; a dead one is done");
    mark_done(&mut connection, second).await.unwrap();
    mark_done(&mut connection, third).await.unwrap();
    let undone: Vec<i64> =
        load_undone_plans(&mut connection, gateway.key()).await.unwrap().iter().map(|plan| plan.id).collect();
    assert_eq!(undone, [third], "an open plan is not done");
    let planned = load_record(&mut connection, [5; 16]).await.unwrap().unwrap().planned.unwrap();
    assert_eq!((planned.index, planned.outcome, planned.is_done), (104, Some(Outcome::Landed { event_seq: 8 }), true));
    // A sequencer whose lease another one took writes nothing.
    take_sequencer(&mut connection, gateway.key(), None, Duration::ZERO).await.unwrap().unwrap();
    assert!(matches!(add_plan(&mut connection, &sequencer, &plan(7, 2, 111)).await, Err(StoreError::LeaseLost)));
    assert!(matches!(decide(&mut connection, &sequencer, third, Outcome::Dead).await, Err(StoreError::LeaseLost)));
    assert!(matches!(add_attempt(&mut connection, &sequencer, third, &attempt).await, Err(StoreError::LeaseLost)));
}

/// Records of a key, by their ids.
fn of_key(key: u8, ids: &[u8], quota: Quota) -> NewRequest {
    let first = request(ids[0], None);
    let records = ids.iter().flat_map(|id| request(*id, None).records).collect();
    NewRequest { api_key: vec![key; 8], quota, records, ..first }
}

#[tokio::test]
async fn a_key_gets_as_much_accepted_as_its_quota_says_and_what_is_refused_leaves_nothing() {
    let gateway = Gateway::open().await;
    let quota = Quota { records: Some(3), ..Quota::default() };
    let bytes = Quota { bytes: Some(6), ..Quota::default() };
    let outcomes = gateway
        .accept(&[
            of_key(1, &[1, 2], quota),
            of_key(1, &[3, 4], quota),
            of_key(1, &[5], quota),
            of_key(2, &[6, 7], bytes),
            of_key(2, &[8], bytes),
            of_key(3, &[9], Quota::default()),
        ])
        .await;
    let over = |what, bound, used| Accepted::OverQuota(OverQuota { what, bound, used });
    assert_eq!(
        outcomes,
        [
            Accepted::New,
            over(Used::Records, 3, 2),
            Accepted::New,
            Accepted::New,
            over(Used::Bytes, 6, 6),
            Accepted::New,
        ]
    );
    assert_eq!(gateway.accept(&[of_key(1, &[10], quota)]).await, [over(Used::Records, 3, 3)], "in a later commit too");
    assert_eq!(gateway.accept(&[of_key(1, &[11], Quota::default())]).await, [Accepted::New], "the twin: without one");
    let mut connection = gateway.pool.acquire().await.unwrap();
    for (id, is_there) in [(1, true), (3, false), (8, false), (10, false)] {
        assert_eq!(load_record(&mut connection, [id; 16]).await.unwrap().is_some(), is_there, "record {id}");
    }
    let requests: i64 =
        sqlx::query_scalar("select count(*) from gateway.request").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(requests, 5, "a request that was refused can come again under its name");
    // Two of one name in one call, over the quota: both are, and no other request of the call fails.
    let named = |id| NewRequest { idempotency_key: Some("twin".to_owned()), ..of_key(1, &[id], quota) };
    let outcomes = gateway.accept(&[named(21), named(22), of_key(3, &[23], Quota::default())]).await;
    assert_eq!(outcomes, [over(Used::Records, 3, 4), over(Used::Records, 3, 4), Accepted::New]);
    // A day later it may go on.
    sqlx::query("update gateway.usage set hour = hour - interval '25 hours'").execute(&mut *connection).await.unwrap();
    assert_eq!(gateway.accept(&[of_key(1, &[10], quota)]).await, [Accepted::New]);
}

#[tokio::test]
async fn keys_share_what_a_transaction_costs_by_their_records_and_one_whose_share_is_used_up_gets_nothing_more() {
    let gateway = Gateway::open().await;
    let quota = Quota { lamports: Some(4_000), ..Quota::default() };
    gateway.accept(&[of_key(1, &[1, 2, 3], quota), of_key(2, &[4], quota)]).await;
    let mut connection = gateway.pool.acquire().await.unwrap();
    let sequencer = take_sequencer(&mut connection, gateway.key(), None, Duration::ZERO).await.unwrap().unwrap();
    let unsealed = load_unsealed(&mut connection, &sequencer, 10).await.unwrap();
    let entries = vec![vec![1]; 4];
    let sequencer = seal(&mut connection, &sequencer, &unsealed, &entries, &HashMap::new()).await.unwrap();
    let id = add_plan(&mut connection, &sequencer, &plan(0, 4, 0)).await.unwrap();
    for lamports in [9_000, 10_001] {
        let attempt = Attempt { signature: [1; 64], transaction: vec![1], last_valid_height: 5, payer: None, lamports };
        add_attempt(&mut connection, &sequencer, id, &attempt).await.unwrap();
    }
    decide(&mut connection, &sequencer, id, Outcome::Landed { event_seq: 0 }).await.unwrap();
    assert_eq!(charge(&mut connection, id).await.unwrap(), 10_001, "what the last one costs");
    let used: Vec<(u8, u64)> =
        load_usage(&mut connection).await.unwrap().iter().map(|usage| (usage.api_key[0], usage.lamports)).collect();
    assert_eq!(used, [(1, 7_501), (2, 2_501)]);
    let outcomes = gateway.accept(&[of_key(1, &[5], quota), of_key(2, &[6], quota)]).await;
    let over = OverQuota { what: Used::Lamports, bound: 4_000, used: 7_501 };
    assert_eq!(outcomes, [Accepted::OverQuota(over), Accepted::New]);
}

#[tokio::test]
async fn what_waits_is_counted_until_it_is_in_the_ledger_and_a_promise_is_over_when_its_time_is() {
    let gateway = Gateway::open().await;
    let mut connection = gateway.pool.acquire().await.unwrap();
    assert_eq!(load_backlog(&mut connection, gateway.key()).await.unwrap().oldest, None);
    let terms = Terms { from: 0, deadline: 1_000, root: merkle_log::Hash([1; 32]), copies: 1 };
    let promised =
        |id| NewRequest { terms: Some(Terms { deadline: 1_000 + i64::from(id), ..terms }), ..request(id, None) };
    gateway.accept(&[promised(1), promised(2), request(3, None), promised(4)]).await;
    let sequencer = take_sequencer(&mut connection, gateway.key(), None, Duration::ZERO).await.unwrap().unwrap();
    let unsealed = load_unsealed(&mut connection, &sequencer, 3).await.unwrap();
    let sequencer = seal(&mut connection, &sequencer, &unsealed, &vec![vec![1]; 3], &HashMap::new()).await.unwrap();
    let first = add_plan(&mut connection, &sequencer, &plan(0, 1, 0)).await.unwrap();
    let second = add_plan(&mut connection, &sequencer, &plan(1, 2, 1)).await.unwrap();
    let waits = async |connection: &mut sqlx::PgConnection, now| {
        let backlog = load_backlog(connection, gateway.key()).await.unwrap();
        let overdue = load_overdue(connection, gateway.key(), now).await.unwrap();
        (backlog.records, backlog.oldest.is_some(), overdue.0, overdue.1)
    };
    assert_eq!(waits(&mut connection, 1_001).await, (4, true, 0, None), "until the second is over");
    assert_eq!(waits(&mut connection, 1_002).await, (4, true, 1, Some(1_001)));
    assert_eq!(
        waits(&mut connection, 2_000).await,
        (4, true, 3, Some(1_004)),
        "one was promised nothing; the newest time is told"
    );
    counterfoil_store::gateway::mark_confirmed(&mut connection, first, 7).await.unwrap();
    assert_eq!(waits(&mut connection, 2_000).await, (4, true, 2, Some(1_004)), "one is confirmed");
    // A later plan may land first; the run of landed ones is whole when the earlier one does.
    decide(&mut connection, &sequencer, second, Outcome::Landed { event_seq: 1 }).await.unwrap();
    assert_eq!(waits(&mut connection, 2_000).await, (4, true, 1, Some(1_004)));
    decide(&mut connection, &sequencer, first, Outcome::Landed { event_seq: 0 }).await.unwrap();
    assert_eq!(waits(&mut connection, 2_000).await, (1, true, 1, Some(1_004)));
    // When they landed tells the same of promises that no look found broken.
    let late = async |connection: &mut sqlx::PgConnection, at| load_late(connection, second, at).await.unwrap();
    assert_eq!(late(&mut connection, 1_002).await, (0, None));
    assert_eq!(late(&mut connection, 1_003).await, (1, Some(1_002)), "the other one was promised nothing");
    let next = load_oldest_unplanned(&mut connection, &sequencer, None).await.unwrap();
    assert!(next.is_some(), "the fourth is not sealed");
}

#[tokio::test]
async fn rows_wait_in_the_order_in_which_they_were_read_first_under_the_key_that_they_have_now() {
    let gateway = Gateway::open().await;
    let mut connection = gateway.pool.acquire().await.unwrap();
    add_relay(&mut connection, [1; 16], "server", 0, "1:1:").await.unwrap();
    let relay = load_relay(&mut connection, [1; 16]).await.unwrap().unwrap().key;
    let row = |ledger: &str, record, xid| WaitingRow {
        ledger: ledger.to_owned(),
        xid,
        position: u64::from(record),
        record: [record; 16],
    };
    let rows = [row("a", 3, 9), row("a", 1, 7), row("b", 2, 8)];
    assert_eq!(add_waiting(&mut connection, relay, &rows).await.unwrap(), 3);
    // Read again after the outbox gave its rows another transaction.
    assert_eq!(
        add_waiting(&mut connection, relay, &[row("a", 1, 70), row("a", 3, 70), row("a", 4, 70)]).await.unwrap(),
        1
    );
    let all = [row("a", 3, 70), row("a", 1, 70), row("a", 4, 70)];
    assert_eq!(load_waiting(&mut connection, relay, "a", 10).await.unwrap(), all);
    assert_eq!(load_waiting(&mut connection, relay, "a", 2).await.unwrap(), all[..2]);
    end_waiting(&mut connection, relay, &[[3; 16], [1; 16]]).await.unwrap();
    let left = [(relay, "a".to_owned(), 1), (relay, "b".to_owned(), 1)];
    assert_eq!(load_waiting_ledgers(&mut connection).await.unwrap(), left);
}
