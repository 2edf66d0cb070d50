//! Steps that wait for others of their transaction.

use std::collections::BTreeMap;

use crate::chain::Step;
use crate::finding::Findings;
use crate::ids::Xid;
use crate::key::Subject;
use crate::settle::Table;
use crate::store::TooManyRows;

/// Steps of the transaction at hand. More than these are applied as far as they join.
const MAX_CURRENT: usize = 65_536;
/// Rows whose steps did not join when their transaction ended. More than these become findings.
const MAX_STUCK: usize = 65_536;

#[derive(Default)]
pub(crate) struct Pending {
    xid: Option<Xid>,
    current: BTreeMap<Subject, Vec<Step>>,
    current_steps: usize,
    /// Rows of transactions whose records are interrupted by other ones, as a relay that stopped may leave them.
    stuck: BTreeMap<Subject, (Xid, Vec<Step>)>,
}

impl Pending {
    pub(crate) fn push(
        &mut self,
        table: &mut Table,
        xid: Xid,
        subject: Subject,
        step: Step,
        findings: &mut Findings,
    ) -> Result<(), TooManyRows> {
        if self.xid != Some(xid) || self.current_steps >= MAX_CURRENT {
            self.drain(table, findings)?;
            self.xid = Some(xid);
        }
        let mut earlier = match self.stuck.remove(&subject) {
            Some((stuck, steps)) if stuck == xid => steps,
            Some((_, steps)) => {
                table.settle(&subject, &steps, findings)?;
                Vec::new()
            }
            None => Vec::new(),
        };
        let steps = self.current.entry(subject).or_default();
        earlier.append(steps);
        *steps = earlier;
        steps.push(step);
        self.current_steps += 1;
        Ok(())
    }

    /// Applies all that forms chains.
    fn drain(&mut self, table: &mut Table, findings: &mut Findings) -> Result<(), TooManyRows> {
        self.current_steps = 0;
        let Some(xid) = self.xid else { return Ok(()) };
        for (subject, steps) in std::mem::take(&mut self.current) {
            if !table.settle_chain(&subject, &steps)? {
                self.stuck.insert(subject, (xid, steps));
            }
        }
        if self.stuck.len() > MAX_STUCK {
            self.settle_stuck(table, findings)?;
        }
        Ok(())
    }

    /// Applies all, and says where it does not join.
    pub(crate) fn settle(&mut self, table: &mut Table, findings: &mut Findings) -> Result<(), TooManyRows> {
        self.drain(table, findings)?;
        self.xid = None;
        self.settle_stuck(table, findings)
    }

    fn settle_stuck(&mut self, table: &mut Table, findings: &mut Findings) -> Result<(), TooManyRows> {
        for (subject, (_, steps)) in std::mem::take(&mut self.stuck) {
            table.settle(&subject, &steps, findings)?;
        }
        Ok(())
    }

    /// Drops a row's steps where a record without content may be the missing one among them.
    pub(crate) fn settle_before_missing(&mut self, table: &mut Table, subject: &Subject) -> Result<(), TooManyRows> {
        let stuck = self.stuck.remove(subject).map(|(_, steps)| steps);
        for steps in stuck.into_iter().chain(self.current.remove(subject)) {
            table.settle_chain(subject, &steps)?;
        }
        Ok(())
    }

    /// Drops all rows' steps that form no chain, for the same reason.
    pub(crate) fn settle_before_blind(&mut self, table: &mut Table) -> Result<(), TooManyRows> {
        let stuck = std::mem::take(&mut self.stuck).into_iter().map(|(subject, (_, steps))| (subject, steps));
        for (subject, steps) in stuck.chain(std::mem::take(&mut self.current)) {
            table.settle_chain(&subject, &steps)?;
        }
        self.current_steps = 0;
        Ok(())
    }
}
