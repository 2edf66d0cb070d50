//! `disallow_subtrees`.

use counterfoil::errors::CounterfoilError;
use solana_signer::Signer;

use super::setup::{Scene, meta, refused_by};

const SEALED: u32 = 1;
const OPEN: u32 = 2;
const SUBTREES_ALLOWED: u32 = 4;

#[test]
fn ends_appending_by_subtree_and_nothing_else() {
    let mut scene = Scene::new(OPEN | SUBTREES_ALLOWED);
    scene.append_subtrees(5);
    scene.disallow_subtrees();
    let append = scene.append_subtrees_instruction(&scene.authority.pubkey(), None, 5, 1, &[[7; 32]]);
    scene.chain.refuse(&append, &[&scene.authority], refused_by(CounterfoilError::SubtreesNotAllowed));
    scene.append(&[b"an entry".to_vec()]);
    let stranger = scene.chain.wallet();
    scene.append_as(&stranger, None, &[b"a stranger's".to_vec()]);
}

#[test]
fn only_the_authority_disallows() {
    let mut scene = Scene::new(OPEN | SUBTREES_ALLOWED);
    let stranger = scene.chain.wallet();
    let mut disallow = scene.disallow_subtrees_instruction();
    meta(&mut disallow, &scene.authority.pubkey()).pubkey = stranger.pubkey();
    scene.chain.refuse(&disallow, &[&stranger], refused_by(CounterfoilError::NotTheAuthority));
}

#[test]
fn refuses_where_there_is_nothing_to_disallow() {
    for (flags, error) in [
        (0, CounterfoilError::SubtreesNotAllowed),
        (OPEN, CounterfoilError::SubtreesNotAllowed),
        (SEALED | SUBTREES_ALLOWED, CounterfoilError::Sealed),
    ] {
        let mut scene = Scene::new(flags & !SEALED);
        scene.ledger.flags = flags;
        scene.seed();
        let disallow = scene.disallow_subtrees_instruction();
        scene.chain.refuse(&disallow, &[&scene.authority], refused_by(error));
    }
}
