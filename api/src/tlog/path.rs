//! The names of tiles. Source: <https://c2sp.org/tlog-tiles>, "Merkle Tree" and "Log Entries".

use merkle_log::TILE_WIDTH;

/// A tile as its path names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TilePath {
    pub(super) wanted: Wanted,
    pub(super) index: u64,
    /// 1 to 256.
    pub(super) width: u16,
}

/// The content of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Hashes of tree level `8 * level`.
    Hashes { level: u8 },
    /// The leaves' bytes.
    Entries,
}

/// Reads `LEVEL/INDEX[.p/WIDTH]` or `entries/INDEX[.p/WIDTH]`. There is one path for each tile.
pub(super) fn parse_tile_path(path: &str) -> Option<TilePath> {
    let (wanted, rest) = path.split_once('/')?;
    let wanted = match wanted {
        "entries" => Wanted::Entries,
        level => Wanted::Hashes { level: parse(level).filter(|level| *level <= 63)? },
    };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, parse(width).filter(|width| (1..TILE_WIDTH as u16).contains(width))?),
        None => (rest, TILE_WIDTH as u16),
    };
    Some(TilePath { wanted, index: parse_index(index)?, width })
}

/// A number in groups of three digits, each but the last after an x: 1234067 is `x001/x234/067`.
fn parse_index(text: &str) -> Option<u64> {
    let mut index = 0_u64;
    let mut groups = text.split('/').peekable();
    let first = groups.peek()?.trim_start_matches('x') == "000";
    let is_single = !text.contains('/');
    while let Some(group) = groups.next() {
        let digits = if groups.peek().is_some() { group.strip_prefix('x')? } else { group };
        if digits.len() != 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    }
    // A group of zeros in front would be a second name.
    (is_single || !first).then_some(index)
}

fn parse<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse::<T>().ok().filter(|number| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::{TilePath, Wanted, parse_tile_path};

    #[test]
    fn each_tile_has_one_path() {
        let hashes = |level, index, width| Some(TilePath { wanted: Wanted::Hashes { level }, index, width });
        let entries = |index, width| Some(TilePath { wanted: Wanted::Entries, index, width });
        for (path, expected) in [
            ("0/000", hashes(0, 0, 256)),
            ("1/x001/x234/067", hashes(1, 1_234_067, 256)),
            ("5/x001/000.p/255", hashes(5, 1_000, 255)),
            ("entries/999", entries(999, 256)),
            ("entries/x001/234.p/1", entries(1_234, 1)),
            ("63/x018/x446/x744/x073/x709/x551/615", hashes(63, u64::MAX, 256)),
        ] {
            assert_eq!(parse_tile_path(path), expected, "{path}");
        }
        let bad = [
            "",
            "0",
            "0/",
            "/000",
            "64/000",
            "-1/000",
            "00/000",
            "+0/000",
            "0/00",
            "0/0000",
            "0/x000",
            "0/x000/001",
            "0/001/002",
            "0/x01/002",
            "0/x001/x002",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/",
            "0/000.p/01",
            "0/000.p/1/2",
            "0/000.p",
            "data/000",
            "0/x018/x446/x744/x073/x709/x551/616",
            "0/00a",
            "0/000/",
        ];
        for path in bad {
            assert_eq!(parse_tile_path(path), None, "{path}");
        }
    }
}
