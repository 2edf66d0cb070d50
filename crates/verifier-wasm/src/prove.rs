//! Proofs from tiles, for servers at the edge that keep nothing but tiles.

use counterfoil_core::json::{FromJson, Plain, ReadError, Value};
use counterfoil_core::receipt::Head;
use merkle_log::{
    Hash, LeafIndex, Plan, Position, Tile, Tiles, TreeHead, TreeSize, consistency_plan, hash_leaf, range_plan,
};

use crate::tiles::{Peaks, insert, path};
use crate::write::Writer;

/// The longest run of leaves that one proof is made for: as many as a tile has.
const MAX_RUN: u64 = 256;

/// The first line of the input; the tiles' bytes follow it, one tile after the other.
struct Request {
    head: Head,
    /// The roots of the perfect subtrees that make up the log, the largest first.
    frontier: Vec<Hash>,
    /// The proof that leaves are all of a run, as a certificate has it. Their bundles are among the tiles.
    range: Option<Span>,
    /// The proof that `head` extends a tree of this many leaves.
    first: Option<u64>,
    tiles: Vec<Given>,
}

struct Span {
    from: u64,
    to: u64,
}

struct Given {
    path: String,
    bytes: u64,
}

/// The answer.
enum Answer {
    /// The paths of all tiles and bundles that it takes, some of which were not given.
    Needed(Vec<String>),
    /// The proof; all tiles and bundles lead to the head.
    Proof(Vec<Hash>),
    /// A tile that leads elsewhere: no tile that came with it may be kept.
    Refused { reason: String, place: String },
    /// The request is none.
    Error(String),
}

/// Makes a proof from tiles, all of which are shown to lead to the head. The README says what goes in and comes out.
#[must_use]
pub fn prove(input: &[u8]) -> Vec<u8> {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (line, bytes) = input.split_at_checked(end).unwrap_or((input, &[]));
    let answer = match Value::parse(line).and_then(|value| Request::from_json(&value)) {
        Ok(request) => answer(&request, bytes.get(1..).unwrap_or_default()),
        Err(error) => Answer::Error(Plain(&format!("the request cannot be read: {error}")).to_string()),
    };
    answer.to_json()
}

impl FromJson for Request {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|request| {
            Ok(Self {
                head: request.member("head")?,
                frontier: request.member("frontier")?,
                range: request.optional("range")?,
                first: request.optional("first")?,
                tiles: request.optional("tiles")?.unwrap_or_default(),
            })
        })
    }
}

impl FromJson for Span {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|span| Ok(Self { from: span.member("from")?, to: span.member("to")? }))
    }
}

impl FromJson for Given {
    fn from_json(value: &Value<'_>) -> Result<Self, ReadError> {
        value.object(|tile| Ok(Self { path: tile.member("path")?, bytes: tile.member("bytes")? }))
    }
}

impl Answer {
    fn to_json(&self) -> Vec<u8> {
        let mut json = Writer::default();
        json.object(|answer| match self {
            Self::Needed(paths) => answer.member("needed").texts(paths),
            Self::Proof(hashes) => answer.member("proof").list(hashes, |writer, hash| writer.shown(hash)),
            Self::Refused { reason, place } => answer.member("refused").object(|refusal| {
                refusal.member("reason").text(reason);
                refusal.member("where").text(place);
            }),
            Self::Error(error) => answer.member("error").text(error),
        });
        json.into_bytes()
    }
}

fn answer(request: &Request, bytes: &[u8]) -> Answer {
    let wrong = |error: &dyn ToString| Answer::Error(Plain(&error.to_string()).to_string());
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
fn plan(request: &Request, size: TreeSize) -> Result<(Plan, Vec<Tile>), String> {
    let text = |error: &dyn ToString| error.to_string();
    match (&request.range, request.first) {
        (Some(Span { from, to }), None) => {
            if to.saturating_sub(*from) > MAX_RUN {
                return Err(format!("a run has at most {MAX_RUN} leaves"));
            }
            let first = LeafIndex::new(*from).map_err(|error| text(&error))?;
            let end = TreeSize::new(*to).map_err(|error| text(&error))?;
            let plan = range_plan(first, end, size).map_err(|error| text(&error))?;
            let mut leaves = Vec::new();
            for offset in [*from, to.saturating_sub(1)] {
                insert(&mut leaves, Tile::holding(Position { level: 0, offset }, size).map_err(|error| text(&error))?);
            }
            Ok((plan, leaves))
        }
        (None, Some(first)) => {
            let first = TreeSize::new(first).map_err(|error| text(&error))?;
            Ok((consistency_plan(first, size).map_err(|error| text(&error))?, Vec::new()))
        }
        _ => Err("a request has either `range` or `first`".to_owned()),
    }
}

/// A tile's path below `/tile/`. A bundle stands in for the tile of its leaves.
fn name(tile: &Tile, leaves: &[Tile]) -> String {
    if leaves.contains(tile) { format!("entries/{}", path(tile)) } else { format!("{}/{}", tile.level, path(tile)) }
}

/// The bytes of the needed tiles, in their order; none where one is missing.
fn given<'a>(request: &Request, mut bytes: &'a [u8], needed: &[String]) -> Option<Vec<&'a [u8]>> {
    let mut found = vec![None; needed.len()];
    for given in &request.tiles {
        let (tile, rest) = bytes.split_at_checked(usize::try_from(given.bytes).ok()?)?;
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
