//! Results of searches, as Relay's connections.

use async_graphql::connection::{Connection, ConnectionNameType, Edge, EmptyFields};
use async_graphql::{Context, Object, OutputType, Result};
use counterfoil_core::{LedgerHead, LedgerId};
use counterfoil_read::{Found, ReadError, Reader, count_found, count_ledgers};
use counterfoil_store::{Column, Condition, LedgerColumn, Log};
use counterfoil_wire::Head;

use super::error::refuse;
use super::head::TotalCount;

/// A connection over what was found; its cursors are its own.
pub(super) type FoundConnection<T, F> = Connection<String, T, F, EmptyFields, FoundName>;

/// Names such a connection.
pub(super) struct FoundName;

impl ConnectionNameType for FoundName {
    fn type_name<T: OutputType>() -> String {
        format!("Found{}Connection", T::type_name())
    }
}

/// The count of a search, made when it is asked for.
pub(super) struct Counted<C> {
    ledger: LedgerId,
    log: Log,
    condition: Condition<C>,
}

impl<C: Column> Counted<C> {
    pub(super) const fn new(ledger: LedgerId, log: Log, condition: Condition<C>) -> Self {
        Self { ledger, log, condition }
    }

    async fn load(&self, context: &Context<'_>) -> Result<TotalCount> {
        let count = count_found(context.data::<Reader>()?, self.ledger, self.log, &self.condition).await;
        Ok(count.map_err(refuse)?.into())
    }
}

macro_rules! found_fields {
    ($name:ident, $column:ty) => {
        /// The fields of a search's connection, besides its elements.
        pub(super) struct $name {
            head: LedgerHead,
            counted: Counted<$column>,
        }

        /// The fields of a search's connection, besides its elements.
        #[Object]
        impl $name {
            /// The checked head at which it was looked for.
            async fn head(&self) -> Head {
                self.head.entries.into()
            }

            /// The checked head of the event log at which it was looked for.
            async fn event_head(&self) -> Head {
                self.head.events.into()
            }

            /// How many there are in all, up to 10,000. The database counts: nothing proves it.
            async fn total_count(&self, context: &Context<'_>) -> Result<TotalCount> {
                self.counted.load(context).await
            }
        }

        impl $name {
            pub(super) const fn new(head: LedgerHead, counted: Counted<$column>) -> Self {
                Self { head, counted }
            }
        }
    };
}
found_fields!(FoundEntries, counterfoil_store::EntryColumn);
found_fields!(FoundEvents, counterfoil_store::EventColumn);
found_fields!(FoundTransactions, counterfoil_store::TransactionColumn);

/// The fields of a connection of found ledgers, besides its elements.
pub(super) struct FoundLedgers(pub(super) Condition<LedgerColumn>);

/// The fields of a connection of found ledgers, besides its elements.
#[Object]
impl FoundLedgers {
    /// How many there are in all, up to 10,000.
    async fn total_count(&self, context: &Context<'_>) -> Result<TotalCount> {
        Ok(count_ledgers(context.data::<Reader>()?, &self.0).await.map_err(refuse)?.into())
    }
}

/// A search's result as a connection. `fields` makes its other fields, `nodes` its elements.
pub(super) fn found_connection<S, H: Copy, T: OutputType, F: async_graphql::ObjectType>(
    found: Result<Found<S, H>, ReadError>,
    fields: impl FnOnce(H) -> F,
    nodes: impl FnOnce(H, Vec<S>) -> Vec<T>,
) -> Result<FoundConnection<T, F>> {
    let found = found.map_err(refuse)?;
    let mut connection = Connection::with_additional_fields(found.has_previous, found.has_next, fields(found.head));
    let (cursors, items): (Vec<String>, Vec<S>) = found.items.into_iter().unzip();
    let nodes = nodes(found.head, items);
    connection.edges = cursors.into_iter().zip(nodes).map(|(cursor, node)| Edge::new(cursor, node)).collect();
    Ok(connection)
}
