//! The operations against those that are allowed.
//!
//! A row that moves between partitions is a delete and an insert to triggers, with another key where the partition's column
//! belongs to the key. Within one transaction a delete and an insert are therefore one update: in their effect they are.

use std::collections::BTreeMap;

use crate::change::Operation;
use crate::finding::{Finding, Findings};
use crate::ids::Xid;

/// Transactions whose deletes and inserts wait for their counterparts; one more settles the oldest.
const MAX_OPEN: usize = 10_000;
/// Findings that one transaction keeps of its forbidden operations; the others are counted.
const MAX_KEPT: usize = 64;

pub(crate) struct Allowed {
    allow: Vec<Operation>,
    open: BTreeMap<Xid, Balance>,
}

#[derive(Default)]
struct Balance {
    deletes: u64,
    inserts: u64,
    kept: Vec<Finding>,
}

impl Allowed {
    pub(crate) fn new(allow: &[Operation]) -> Self {
        Self { allow: allow.to_vec(), open: BTreeMap::new() }
    }

    /// Judges an operation; `finding` makes what is said if it is not allowed.
    pub(crate) fn take(
        &mut self,
        xid: Xid,
        operation: Operation,
        finding: impl Fn() -> Finding,
        findings: &mut Findings,
    ) {
        match operation {
            Operation::State | Operation::Retire => {}
            Operation::Update | Operation::Truncate if self.is_allowed(operation) => {}
            Operation::Update | Operation::Truncate => findings.push(finding()),
            Operation::Insert | Operation::Delete => {
                if self.is_allowed(Operation::Insert) && self.is_allowed(Operation::Delete) {
                    return;
                }
                let is_allowed = self.is_allowed(operation);
                let balance = self.open.entry(xid).or_default();
                match operation {
                    Operation::Insert => balance.inserts += 1,
                    _ => balance.deletes += 1,
                }
                if !is_allowed && balance.kept.len() < MAX_KEPT {
                    balance.kept.push(finding());
                }
                if self.open.len() > MAX_OPEN
                    && let Some((_, oldest)) = self.open.pop_first()
                {
                    self.settle_one(oldest, findings);
                }
            }
        }
    }

    /// Settles all transactions. The protection's next rules may be others.
    pub(crate) fn settle(&mut self, findings: &mut Findings) {
        for (_, balance) in std::mem::take(&mut self.open) {
            self.settle_one(balance, findings);
        }
    }

    fn settle_one(&self, Balance { deletes, inserts, kept }: Balance, findings: &mut Findings) {
        // Without `update`, the two together are not allowed either.
        let moved = if self.is_allowed(Operation::Update) { deletes.min(inserts) } else { 0 };
        let excess = |operation, count: u64| if self.is_allowed(operation) { 0 } else { count - moved };
        let faults = excess(Operation::Delete, deletes) + excess(Operation::Insert, inserts);
        let mut kept = kept.into_iter().rev();
        let mut last = None;
        for _ in 0..faults {
            last = kept.next().or(last);
            if let Some(finding) = last.clone() {
                findings.push(finding);
            }
        }
    }

    fn is_allowed(&self, operation: Operation) -> bool {
        self.allow.contains(&operation)
    }
}
