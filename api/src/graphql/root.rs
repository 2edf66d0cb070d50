//! The root of queries.

use async_graphql::connection::{Connection, Edge};
use async_graphql::{Context, Error, ID, Interface, Object, Result, SimpleObject};
use counterfoil_http::Rejection;
use counterfoil_read::{self as read, Reader};
use counterfoil_store::Condition;
use counterfoil_wire::{Code, Key};

use super::entry::{Entry, one_entry};
use super::error::refuse;
use super::event::{Event, one_event};
use super::found::{FoundConnection, FoundLedgers, found_connection};
use super::ledger::Ledger;
use super::page::{Arguments, complexity, count};
use super::transaction::{Transaction, one_transaction};
use super::writer::{LedgersAt, Writer, one_writer};
use crate::address::parse_ledger;
use crate::search::LedgerOrder;
use crate::search::{Filter, LedgerFilter};

/// The server, and what its index is of.
#[derive(SimpleObject)]
struct Status {
    /// The server's version.
    version: &'static str,
    /// The hash of the cluster's first block; null before an indexer has written.
    genesis_hash: Option<Key>,
    /// The program; null before an indexer has written.
    program: Option<Key>,
}

/// An object with an id of its own.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID"))]
enum Node {
    Ledger(Ledger),
    Entry(Entry),
    Event(Event),
    Transaction(Transaction),
    Writer(Writer),
}

/// The root of the schema.
pub(super) struct Root;

/// Entries of Counterfoil ledgers, who appended them and when, and proofs of both. Every proof leads to a
/// head that the indexer compared with the ledger's account on the chain. Proofs of single leaves and of whole pages were verified
/// before they were answered; those of a page's rows are made of the same nodes.
#[Object(name = "Query")]
impl Root {
    async fn status(&self, context: &Context<'_>) -> Result<Status> {
        let cluster = read::status(context.data::<Reader>()?).await.map_err(refuse)?;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            genesis_hash: cluster.map(|cluster| cluster.genesis_hash.into()),
            program: cluster.map(|cluster| cluster.program.into()),
        })
    }

    /// The ledgers of the index, in the order of their addresses' bytes, at most 1,000 a page.
    #[graphql(complexity = "complexity(first, None, child_complexity)")]
    async fn ledgers(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<Key>,
    ) -> Result<Connection<String, Ledger, FoundLedgers>> {
        let limit = first.map(count).transpose().map_err(refuse)?;
        let after = after.map(|after| parse_ledger(&after.0)).transpose().map_err(refuse)?;
        let page = read::ledgers(context.data::<Reader>()?, after, limit).await.map_err(refuse)?;
        let all = FoundLedgers(Condition::All(Vec::new()));
        let mut connection = Connection::with_additional_fields(after.is_some(), page.next.is_some(), all);
        let ledgers = page.ledgers.into_iter().map(Ledger);
        connection.edges = ledgers.map(|ledger| Edge::new(ledger.address().to_string(), ledger)).collect();
        Ok(connection)
    }

    /// The ledgers that satisfy a filter, at most 1,000 a page; 100 when nothing is said.
    #[graphql(complexity = "100 + complexity(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "GraphQL's arguments")]
    async fn find_ledgers(
        &self,
        context: &Context<'_>,
        #[graphql(name = "where")] filter: Option<LedgerFilter>,
        order_by: Option<Vec<LedgerOrder>>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<FoundConnection<Ledger, FoundLedgers>> {
        let condition = filter.unwrap_or_default().condition().map_err(refuse)?;
        let search = Arguments { first, after, last, before }.search(condition.clone(), order_by).map_err(refuse)?;
        let found = read::find_ledgers(context.data::<Reader>()?, search).await;
        let nodes = |(), ledgers: Vec<_>| ledgers.into_iter().map(Ledger).collect();
        found_connection(found, |()| FoundLedgers(condition), nodes)
    }

    #[graphql(complexity = "10 + child_complexity")]
    async fn ledger(&self, context: &Context<'_>, address: Key) -> Result<Ledger> {
        load_ledger(context, &address.0).await
    }

    /// For a federated gateway: a ledger by its id.
    #[graphql(entity)]
    async fn ledger_by_id(&self, context: &Context<'_>, id: ID) -> Result<Ledger> {
        match load_node(context, &id).await? {
            Node::Ledger(ledger) => Ok(ledger),
            _ => Err(malformed_id(&id)),
        }
    }

    /// For a federated gateway: an entry by its id.
    #[graphql(entity)]
    async fn entry_by_id(&self, context: &Context<'_>, id: ID) -> Result<Entry> {
        match load_node(context, &id).await? {
            Node::Entry(entry) => Ok(entry),
            _ => Err(malformed_id(&id)),
        }
    }

    /// For a federated gateway: an event by its id.
    #[graphql(entity)]
    async fn event_by_id(&self, context: &Context<'_>, id: ID) -> Result<Event> {
        match load_node(context, &id).await? {
            Node::Event(event) => Ok(event),
            _ => Err(malformed_id(&id)),
        }
    }

    /// For a federated gateway: a transaction by its id.
    #[graphql(entity)]
    async fn transaction_by_id(&self, context: &Context<'_>, id: ID) -> Result<Transaction> {
        match load_node(context, &id).await? {
            Node::Transaction(transaction) => Ok(transaction),
            _ => Err(malformed_id(&id)),
        }
    }

    /// For a federated gateway: a writer by its id.
    #[graphql(entity)]
    async fn writer_by_id(&self, context: &Context<'_>, id: ID) -> Result<Writer> {
        match load_node(context, &id).await? {
            Node::Writer(writer) => Ok(writer),
            _ => Err(malformed_id(&id)),
        }
    }

    /// The object with this id.
    #[graphql(complexity = "node_complexity(&id) + child_complexity")]
    async fn node(&self, context: &Context<'_>, id: ID) -> Result<Node> {
        load_node(context, &id).await
    }
}

/// A writer follows from all that was ever granted; all else is one row and its proof.
fn node_complexity(id: &str) -> usize {
    if id.starts_with("writer:") { 1_000 } else { 10 }
}

async fn load_node(context: &Context<'_>, id: &str) -> Result<Node> {
    let reader = context.data::<Reader>()?;
    let parts: Vec<&str> = id.split(':').collect();
    let number = |text: &str| text.parse::<u64>().map_err(|_| malformed_id(id));
    match parts[..] {
        ["ledger", ledger] => Ok(Node::Ledger(load_ledger(context, ledger).await?)),
        ["entry", ledger, index] => {
            let found = read::entry(reader, parse_ledger(ledger).map_err(refuse)?, number(index)?).await;
            one_entry(found).map(Node::Entry)
        }
        ["event", ledger, seq] => {
            let found = read::event(reader, parse_ledger(ledger).map_err(refuse)?, number(seq)?).await;
            one_event(found).map(Node::Event)
        }
        ["transaction", ledger, first] => {
            let found = read::transaction(reader, parse_ledger(ledger).map_err(refuse)?, number(first)?).await;
            one_transaction(found).map(Node::Transaction)
        }
        ["writer", ledger, wallet, ref then @ ..] if then.len() <= 1 => {
            let wallet = wallet.parse().map_err(|_| malformed_id(id))?;
            let events = then.first().map(|events| number(events)).transpose()?;
            let found = context
                .data::<LedgersAt>()?
                .writer(reader, parse_ledger(ledger).map_err(refuse)?, wallet, events)
                .await;
            one_writer(found).map(Node::Writer)
        }
        _ => Err(malformed_id(id)),
    }
}

fn malformed_id(id: &str) -> Error {
    let detail = format!("\"{}\" is not an id: take it from a field id.", id.escape_debug());
    refuse(Rejection::new(Code::MalformedParameter, detail))
}

async fn load_ledger(context: &Context<'_>, address: &str) -> Result<Ledger> {
    let ledger = read::ledger(context.data::<Reader>()?, parse_ledger(address).map_err(refuse)?).await;
    ledger.map(Ledger).map_err(refuse)
}
