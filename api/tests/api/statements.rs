//! How often the database is asked.

use std::cell::Cell;
use std::sync::Once;

use tracing::span;

thread_local! {
    /// The statements that sqlx logged on this thread, which is one test's.
    static STATEMENTS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the statements that `work` runs on this thread.
pub async fn count_statements<T>(work: impl Future<Output = T>) -> usize {
    static COUNTER: Once = Once::new();
    COUNTER.call_once(|| tracing::subscriber::set_global_default(Counter).unwrap());
    let before = STATEMENTS.get();
    work.await;
    STATEMENTS.get() - before
}

struct Counter;

impl tracing::Subscriber for Counter {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        if event.metadata().target() == "sqlx::query" {
            STATEMENTS.set(STATEMENTS.get() + 1);
        }
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
