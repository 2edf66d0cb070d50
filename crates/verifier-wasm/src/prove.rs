//! Proofs from tiles, for servers at the edge that keep nothing but tiles.

use std::collections::BTreeSet;

use counterfoil_core::json;
use counterfoil_core::receipt::Head;
use merkle_log::{
    Hash, LeafIndex, Plan, Position, Tile, Tiles, TreeHead, TreeSize, consistency_plan, hash_leaf, range_plan,
};
use serde::{Deserialize, Serialize};

use crate::judge::to_json;
use crate::text::plain;
use crate::tiles::{Peaks, path};
use crate::value::Value;

/// The longest run of leaves that one proof is made for: as many as a tile has.
const MAX_RUN: u64 = 256;

/// The first line of the input; the tiles' bytes follow it, one tile after the other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(with = "json::object")]
    head: Head,
    /// The roots of the perfect subtrees that make up the log, the largest first.
    #[serde(with = "json::hashes")]
    frontier: Vec<Hash>,
    /// The proof that leaves are all of a run, as a certificate has it. Their bundles are among the tiles.
    #[serde(default, with = "json::optional::object")]
    range: Option<Span>,
    /// The proof that `head` extends a tree of this many leaves.
    #[serde(default, with = "json::optional::text")]
    first: Option<u64>,
    #[serde(default)]
    tiles: Vec<Given>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    #[serde(with = "json::text")]
    from: u64,
    #[serde(with = "json::text")]
    to: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    path: String,
    #[serde(with = "json::text")]
    bytes: usize,
}

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// The paths of all tiles and bundles that it takes, some of which were not given.
    Needed(Vec<String>),
    /// The proof; all tiles and bundles lead to the head.
    #[serde(with = "json::hashes")]
    Proof(Vec<Hash>),
    /// A tile that leads elsewhere: no tile that came with it may be kept.
    Refused {
        reason: String,
        #[serde(rename = "where")]
        place: String,
    },
    /// The request is none.
    Error(String),
}

/// Makes a proof from tiles, all of which are shown to lead to the head. The README says what goes in and comes out.
#[must_use]
pub fn prove(input: &[u8]) -> Vec<u8> {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (line, bytes) = input.split_at_checked(end).unwrap_or((input, &[]));
    let answer = match Value::parse(line).and_then(|value| Request::deserialize(&value)) {
        Ok(request) => answer(&request, bytes.get(1..).unwrap_or_default()),
        Err(error) => Answer::Error(plain(&format!("the request cannot be read: {error}"))),
    };
    to_json(&answer)
}

fn answer(request: &Request, bytes: &[u8]) -> Answer {
    let wrong = |error: &dyn ToString| Answer::Error(plain(&error.to_string()));
    let head = match TreeHead::try_from(request.head) {
        Ok(head) => head,
        Err(error) => return wrong(&error),
    };
    let (plan, leaves) = match plan(request, head.size) {
        Ok(planned) => planned,
        Err(error) => return wrong(&error),
    };
    let peaks = match Peaks::of(&head, &request.frontier) {
        Ok(peaks) => peaks,
        Err(reason) => return Answer::Refused { reason, place: "frontier".to_owned() },
    };
    let wanted = match peaks.tiles_below(plan.positions(), &leaves, head.size) {
        Ok(tiles) => tiles,
        Err(error) => return wrong(&error),
    };
    let needed: Vec<String> = wanted.iter().map(|tile| name(tile, &leaves)).collect();
    let Some(given) = given(request, bytes, &needed) else { return Answer::Needed(needed) };
    let mut tiles = Tiles::default();
    for ((tile, name), bytes) in wanted.iter().zip(&needed).zip(given) {
        let refused = |reason: &str| Answer::Refused { reason: reason.to_owned(), place: name.clone() };
        let hashes = if leaves.contains(tile) { leaf_hashes(bytes) } else { hashes(bytes) };
        let Some(hashes) = hashes else { return refused("its bytes are cut short, or others follow them") };
        if let Err(error) = tiles.insert(*tile, hashes) {
            return refused(&error.to_string());
        }
    }
    if let Err(foreign) = peaks.authenticate(&wanted, &tiles) {
        return Answer::Refused { reason: foreign.reason, place: name(&foreign.tile, &leaves) };
    }
    match plan.proof_by(|run| run.root(|node| peaks.hash_at(node, &tiles))) {
        Ok(proof) => Answer::Proof(proof),
        Err(error) => wrong(&error),
    }
}

/// The plan, and the tiles of which the leaves themselves are wanted.
fn plan(request: &Request, size: TreeSize) -> Result<(Plan, BTreeSet<Tile>), String> {
    let text = |error: &dyn ToString| error.to_string();
    match (&request.range, request.first) {
        (Some(Span { from, to }), None) => {
            if to.saturating_sub(*from) > MAX_RUN {
                return Err(format!("a run has at most {MAX_RUN} leaves"));
            }
            let first = LeafIndex::new(*from).map_err(|error| text(&error))?;
            let end = TreeSize::new(*to).map_err(|error| text(&error))?;
            let plan = range_plan(first, end, size).map_err(|error| text(&error))?;
            let ends = [*from, to.saturating_sub(1)].map(|offset| Tile::holding(Position { level: 0, offset }, size));
            let leaves = ends.into_iter().collect::<Result<_, _>>().map_err(|error| text(&error))?;
            Ok((plan, leaves))
        }
        (None, Some(first)) => {
            let first = TreeSize::new(first).map_err(|error| text(&error))?;
            Ok((consistency_plan(first, size).map_err(|error| text(&error))?, BTreeSet::new()))
        }
        _ => Err("a request has either `range` or `first`".to_owned()),
    }
}

/// A tile's path below `/tile/`. A bundle stands in for the tile of its leaves.
fn name(tile: &Tile, leaves: &BTreeSet<Tile>) -> String {
    if leaves.contains(tile) { format!("entries/{}", path(tile)) } else { format!("{}/{}", tile.level, path(tile)) }
}

/// The bytes of the needed tiles, in their order; none where one is missing.
fn given<'a>(request: &Request, mut bytes: &'a [u8], needed: &[String]) -> Option<Vec<&'a [u8]>> {
    let mut found = vec![None; needed.len()];
    for given in &request.tiles {
        let (tile, rest) = bytes.split_at_checked(given.bytes)?;
        bytes = rest;
        if let Some(place) = needed.iter().position(|name| *name == given.path) {
            *found.get_mut(place)? = Some(tile);
        }
    }
    found.into_iter().collect()
}

fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.iter().copied().map(Hash).collect())
}

/// The leaf hashes of a bundle: leaves, each after its length in two bytes, big-endian.
/// Source: <https://c2sp.org/tlog-tiles>, "Log Entries".
fn leaf_hashes(mut bytes: &[u8]) -> Option<Vec<Hash>> {
    let mut hashes = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (leaf, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        hashes.push(hash_leaf(leaf).into());
        bytes = rest;
    }
    bytes.is_empty().then_some(hashes)
}
