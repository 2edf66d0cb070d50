//! Proofs for all entries and events of a page at once.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{Context, Result};
use counterfoil_core::LedgerId;
use counterfoil_store::PgPool;

use crate::problem::{Code, Problem};
use crate::query::{ProofWanted, prove};
use crate::value::{Hash, hashes};

/// Gathers the proofs that one page asks for, so that their tiles are read by one query a ledger.
pub(super) struct ProofLoader {
    pub(super) pool: PgPool,
}

type Answer = Result<Arc<Vec<Hash>>, Problem>;

impl Loader<ProofWanted> for ProofLoader {
    type Value = Answer;
    type Error = std::convert::Infallible;

    async fn load(&self, keys: &[ProofWanted]) -> Result<HashMap<ProofWanted, Answer>, Self::Error> {
        let mut by_ledger: HashMap<LedgerId, Vec<ProofWanted>> = HashMap::new();
        for key in keys {
            by_ledger.entry(key.head.ledger).or_default().push(key.clone());
        }
        let mut answers = HashMap::with_capacity(keys.len());
        for (ledger, wanted) in by_ledger {
            match prove(&self.pool, ledger, &wanted).await {
                Ok(proofs) => answers.extend(wanted.into_iter().zip(proofs.into_iter().map(|proof| match proof {
                    Ok(proof) => Ok(Arc::new(hashes(proof))),
                    Err(error) => Err(Problem::from(error)),
                }))),
                Err(error) => {
                    let problem = Problem::from(error);
                    answers.extend(wanted.into_iter().map(|key| (key, Err(problem.clone()))));
                }
            }
        }
        Ok(answers)
    }
}

/// The proof of a leaf, read together with those of its neighbours.
pub(super) async fn load_proof(context: &Context<'_>, wanted: ProofWanted) -> Result<Vec<Hash>> {
    let Ok(answer) = context.data::<DataLoader<ProofLoader>>()?.load_one(wanted).await;
    // The loader answers every key; one without an answer could only be given none.
    let answer = answer.unwrap_or_else(|| Err(Problem::new(Code::DatabaseUnavailable, "No proof was read.")));
    Ok(answer?.to_vec())
}
