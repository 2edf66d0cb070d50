//! The format of a recording: its version, and the trailer that says where the accounts begin.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The version of the format that this program writes and reads.
pub(super) const VERSION: u64 = 1;
/// Zstandard's number for a frame that readers skip.
const SKIPPABLE: u32 = 0x184D_2A5C;
/// The trailer's bytes after number and length.
const TRAILER_BYTES: usize = 16;
/// Marks the trailer as ours.
const TRAILER_MARK: [u8; 8] = *b"counterf";

/// Reads from the file's end where the accounts begin, in bytes from the start; none when the file has no trailer.
pub(super) fn read_trailer(file: &File) -> io::Result<Option<u64>> {
    let mut file = file;
    let length = file.seek(SeekFrom::End(0))?;
    let Some(start) = length.checked_sub(8 + TRAILER_BYTES as u64) else { return Ok(None) };
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = [0; 8 + TRAILER_BYTES];
    file.read_exact(&mut bytes)?;
    let (head, offset) = bytes.split_at(16);
    let offset = u64::from_le_bytes(offset.try_into().unwrap_or_default());
    Ok((head == trailer_head() && offset < start).then_some(offset))
}

/// Number, length and mark of the trailer; the offset follows.
pub(super) fn trailer_head() -> [u8; 16] {
    let mut head = [0; 16];
    head[..4].copy_from_slice(&SKIPPABLE.to_le_bytes());
    head[4..8].copy_from_slice(&(TRAILER_BYTES as u32).to_le_bytes());
    head[8..].copy_from_slice(&TRAILER_MARK);
    head
}
