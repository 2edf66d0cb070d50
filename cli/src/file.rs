//! Files that the user names: read to a bound, written without harm to what is there.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use counterfoil_service::out_bytes;
use merkle_log::Hash;
use sha2::{Digest, Sha256};
use tempfile::{Builder, NamedTempFile};

/// The path that stands for standard input or output.
const STANDARD: &str = "-";

/// A file has more bytes than are read.
#[derive(Debug, thiserror::Error)]
#[error("{} has more than {max_bytes} bytes", path.display())]
pub struct TooLong {
    path: PathBuf,
    max_bytes: u64,
}

/// Reads a file, or standard input for `-`, of at most `max_bytes` bytes.
///
/// # Errors
/// When it cannot be read; [`TooLong`] when it is larger; nothing beyond the bound is kept in memory.
pub fn read(path: &Path, max_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let mut take = |input: &mut dyn Read| input.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes);
    let read = match path == Path::new(STANDARD) {
        true => take(&mut io::stdin().lock()),
        false => File::open(path).and_then(|mut file| take(&mut file)),
    };
    read.with_context(|| format!("cannot read {shown}"))?;
    match bytes.len() as u64 <= max_bytes {
        true => Ok(bytes),
        false => Err(TooLong { path: path.to_owned(), max_bytes }.into()),
    }
}

/// Reads a text in UTF-8, as [`read`] does. A byte order mark is named: parsers only call it an unexpected character.
///
/// # Errors
/// As [`read`], and when the bytes are not UTF-8 or begin with a mark.
pub fn read_text(path: &Path, max_bytes: u64) -> anyhow::Result<String> {
    to_text(path, read(path, max_bytes)?)
}

/// The text of a file's bytes; see [`read_text`].
///
/// # Errors
/// When the bytes are not UTF-8 or begin with a mark.
pub fn to_text(path: &Path, bytes: Vec<u8>) -> anyhow::Result<String> {
    let shown = path.display();
    if let Some(what) = byte_order_mark(&bytes) {
        bail!("{shown} begins with {what}: save it as UTF-8 without a mark")
    }
    String::from_utf8(bytes).with_context(|| format!("{shown} is not UTF-8 text"))
}

/// Opens a file, or standard input for `-`, to be read in pieces.
///
/// # Errors
/// When it cannot be opened.
pub fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new(STANDARD) {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

/// A file that is written in pieces.
///
/// A regular file is there only once it is whole: it is replaced in one step and keeps its mode, and what a link points to
/// is replaced, not the link. A device or a pipe is written to; `-` is standard output.
pub struct Growing<'a> {
    path: &'a Path,
    sink: Sink,
}

enum Sink {
    Standard,
    /// A device or a pipe.
    Stream(BufWriter<File>),
    Unfinished {
        file: BufWriter<NamedTempFile>,
        /// Where it will be.
        place: PathBuf,
        /// The mode of what it replaces.
        mode: Option<Permissions>,
    },
}

/// How much is written at once.
const PIECE: usize = 1 << 16;

impl<'a> Growing<'a> {
    /// Begins the file in its target's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(path: &'a Path) -> anyhow::Result<Self> {
        Self::begin_with_mode(path, 0o666)
    }

    fn begin_with_mode(path: &'a Path, mode: u32) -> anyhow::Result<Self> {
        let sink = if path == Path::new(STANDARD) {
            Sink::Standard
        } else {
            sink_at(path, mode).with_context(|| cannot_write(path))?
        };
        Ok(Self { path, sink })
    }

    /// Writes more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = match &mut self.sink {
            Sink::Standard => {
                out_bytes(bytes);
                Ok(())
            }
            Sink::Stream(file) => file.write_all(bytes),
            Sink::Unfinished { file, .. } => file.write_all(bytes),
        };
        written.with_context(|| cannot_write(self.path))
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// When it cannot be written; a regular file then is as it was.
    pub fn finish(self) -> anyhow::Result<()> {
        let finished = match self.sink {
            Sink::Standard => Ok(()),
            Sink::Stream(mut file) => file.flush(),
            Sink::Unfinished { file, place, mode } => finish_at(file, &place, mode),
        };
        finished.with_context(|| cannot_write(self.path))
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

fn sink_at(path: &Path, mode: u32) -> io::Result<Sink> {
    let old_mode = match fs::metadata(path) {
        Ok(found) if found.is_file() => Some(found.permissions()),
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => {
            return Ok(Sink::Stream(BufWriter::with_capacity(PIECE, fs::OpenOptions::new().write(true).open(path)?)));
        }
        Err(_) => None,
    };
    let place = target_of(path);
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The umask applies when the file is made.
    let made_with = old_mode.clone().unwrap_or_else(|| Permissions::from_mode(mode));
    let file = Builder::new().prefix(".counterfoil-").permissions(made_with).tempfile_in(folder)?;
    Ok(Sink::Unfinished { file: BufWriter::with_capacity(PIECE, file), place, mode: old_mode })
}

fn finish_at(file: BufWriter<NamedTempFile>, place: &Path, mode: Option<Permissions>) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    if let Some(mode) = mode {
        file.as_file().set_permissions(mode)?;
    }
    file.as_file().sync_all()?;
    file.persist(place).map_err(|error| error.error)?;
    Ok(())
}

/// The target of a path's links, whether it is there or not.
fn target_of(path: &Path) -> PathBuf {
    /// As many links as Linux follows.
    const MAX_LINKS: usize = 40;
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(link) = fs::read_link(&target) else { break };
        target = target.parent().unwrap_or(Path::new("")).join(link);
    }
    target
}

/// Removes the regular file that a path leads to; what is none, such as a device, stays.
pub fn remove(path: &Path) {
    if fs::metadata(path).is_ok_and(|found| found.is_file()) {
        // It may be gone already.
        let _ = fs::remove_file(target_of(path));
    }
}

/// Whether a file's bytes are these, and their SHA-256; a file of any size is read in pieces.
///
/// # Errors
/// When it cannot be read.
pub fn compare(path: &Path, bytes: &[u8]) -> anyhow::Result<(bool, Hash)> {
    let failed = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(failed)?;
    let (mut rest, mut is_equal) = (bytes, true);
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let length = file.read(&mut piece).with_context(failed)?;
        if length == 0 {
            return Ok((is_equal && rest.is_empty(), Hash(hasher.finalize().into())));
        }
        hasher.update(&piece[..length]);
        match rest.strip_prefix(&piece[..length]) {
            Some(after) => rest = after,
            None => is_equal = false,
        }
    }
}

/// The byte order mark that a text begins with, in words.
pub fn byte_order_mark(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some("the byte order mark of UTF-8"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some("the byte order mark of UTF-16, as PowerShell's redirection writes")
        }
        _ => None,
    }
}

/// Writes a file, whole or not at all; see [`Growing`].
///
/// # Errors
/// When it cannot be written; a regular file then is as it was.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_with_mode(path, bytes, 0o666)
}

/// As [`write`]; what was not there before only its owner can read.
///
/// # Errors
/// As [`write`].
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_with_mode(path, bytes, 0o600)
}

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let mut file = Growing::begin_with_mode(path, mode)?;
    file.write(bytes)?;
    file.finish()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::{Growing, read, read_text, remove, write};

    #[test]
    fn a_regular_file_is_replaced_and_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("receipt.json");
        let beside = folder.path().join("receipt.json.new");
        fs::write(&file, "old").unwrap();
        fs::write(&beside, "somebody's").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        write(&file, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read(&beside).unwrap(), b"somebody's");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
    }

    #[test]
    fn what_a_link_points_to_is_replaced_and_the_link_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");

        let (absent, dangling) = (folder.path().join("absent"), folder.path().join("dangling"));
        symlink(&absent, &dangling).unwrap();
        write(&dangling, b"new").unwrap();
        assert!(dangling.is_symlink());
        assert_eq!(fs::read(&absent).unwrap(), b"new");
    }

    #[test]
    fn a_pipe_is_written_to_and_stays_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        // By no other process: between its fork and its exec it would hold the locks of the tests that run next to this one.
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    }

    #[test]
    fn what_is_written_in_pieces_goes_where_it_goes_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, file, link) = (folder.path().join("pipe"), folder.path().join("file"), folder.path().join("link"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        symlink("file", &link).unwrap();
        let write_pieces = |path: &Path| {
            let mut growing = Growing::begin(path).unwrap();
            growing.write(b"two ").unwrap();
            growing.write(b"pieces").unwrap();
            growing.finish().unwrap();
        };
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write_pieces(&pipe);
        assert_eq!(reader.join().unwrap(), b"two pieces");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());

        for mode in [None, Some(0o640)] {
            if let Some(mode) = mode {
                fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            }
            write_pieces(&link);
            assert!(link.is_symlink());
            assert_eq!(fs::read(&file).unwrap(), b"two pieces");
            let found = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert!(mode.is_none_or(|mode| mode == found), "{found:o}");
        }
        // A full disk: it is told, and it stays what it is.
        let mut full = Growing::begin(Path::new("/dev/full")).unwrap();
        full.write(&[0; 10]).unwrap();
        assert!(format!("{:#}", full.finish().unwrap_err()).contains("cannot write /dev/full"));
        assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    }

    #[test]
    fn only_a_regular_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, pipe) = (folder.path().join("file"), folder.path().join("link"), folder.path().join("pipe"));
        fs::write(&file, "ready").unwrap();
        symlink("file", &link).unwrap();
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        remove(&link);
        remove(&pipe);
        assert!(!file.exists() && link.is_symlink() && pipe.exists());
    }

    #[test]
    fn a_folder_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let refused = format!("{:#}", write(folder.path(), b"x").unwrap_err());
        assert!(refused.contains("directory"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_endless_file_is_read_to_the_bound_only() {
        let refused = format!("{:#}", read(Path::new("/dev/zero"), 1_000).unwrap_err());
        assert_eq!(refused, "/dev/zero has more than 1000 bytes");
    }

    #[test]
    fn a_byte_order_mark_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        for (bytes, name) in
            [(&b"\xef\xbb\xbf{}"[..], "UTF-8"), (b"\xff\xfe{\0}\0", "UTF-16"), (b"\xfe\xff\0{\0}", "UTF-16")]
        {
            fs::write(&file, bytes).unwrap();
            let refused = format!("{:#}", read_text(&file, 100).unwrap_err());
            assert!(refused.contains(&format!("byte order mark of {name}")), "{refused}");
        }
    }
}
