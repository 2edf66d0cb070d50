//! How often the database is asked.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::sync::Once;

use tracing::span;

thread_local! {
    /// The statements that sqlx logged on this thread, which is one test's.
    static STATEMENTS: Cell<usize> = const { Cell::new(0) };
    static AUDIT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The lines of the audit log that `work` writes on this thread.
pub async fn audited<T>(work: impl Future<Output = T>) -> Vec<String> {
    count_statements(async {
        AUDIT.take();
        work.await;
    })
    .await;
    AUDIT.take()
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
        ["sqlx::query", "audit"].contains(&metadata.target())
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        if event.metadata().target() == "sqlx::query" {
            STATEMENTS.set(STATEMENTS.get() + 1);
        } else {
            let mut line = String::new();
            event.record(&mut |field: &tracing::field::Field, value: &dyn Debug| {
                line += &format!("{}={value:?};", field.name());
            });
            AUDIT.with_borrow_mut(|audit| audit.push(line));
        }
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
