//! GET /tlog/{ledger}/{log}/tile/…: tiles of hashes, and bundles of entries.

use axum::Extension;
use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use counterfoil_http::{Origin, ReaderOf, Rejection, pinned};
use counterfoil_read as read;
use counterfoil_wire::Code;

use super::log::LogId;
use super::path::{Wanted, parse_tile_path};

/// A tile: hashes of 32 bytes one after the other. A bundle: entries one after the other, each after its length in two
/// bytes, big-endian. Both verified to be in the checked tree.
pub(super) async fn tile(
    ReaderOf(reader): ReaderOf,
    Path((ledger, log, path)): Path<(String, String, String)>,
) -> Result<impl IntoResponse, Rejection> {
    let LogId { ledger, log } = LogId::parse(&ledger, &log)?;
    let tile = parse_tile_path(&path).ok_or_else(|| {
        let detail = format!(
            "\"{}\" names no tile: it is LEVEL/INDEX or entries/INDEX, with .p/WIDTH behind it where fewer than 256 are \
             wanted. See https://c2sp.org/tlog-tiles.",
            path.escape_debug()
        );
        Rejection::new(Code::MalformedParameter, detail)
    })?;
    let (bytes, root) = match tile.wanted {
        Wanted::Hashes { level } => {
            let (hashes, root) = read::tile(&reader, ledger, log, level, tile.index, tile.width).await?;
            (hashes.into_iter().map(|hash| hash.0).collect::<Vec<_>>().into_flattened(), root)
        }
        Wanted::Entries => (bundle(&read::bundle(&reader, ledger, log, tile.index, tile.width).await?), None),
    };
    let origin = root.map(|root| Extension(Origin::new(&[&root.0])));
    Ok((pinned(true), origin, [(header::CONTENT_TYPE, "application/octet-stream")], bytes))
}

fn bundle(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.len().saturating_add(2)).sum());
    for entry in entries {
        let length = u16::try_from(entry.len()).expect("entries and events have at most 65,535 bytes");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}
