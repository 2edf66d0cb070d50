//! Files that the user names: read to a bound, written without harm to what is there.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use counterfoil_service::out_bytes;
use merkle_log::Hash;
use sha2::{Digest, Sha256};
use tempfile::{Builder, NamedTempFile};

/// What stands for standard input or output.
const STANDARD: &str = "-";

/// Reads a file, or standard input for `-`, of at most `max_bytes` bytes.
///
/// # Errors
/// When it cannot be read or is larger; nothing beyond the bound is kept in memory.
pub fn read(path: &Path, max_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let mut take = |input: &mut dyn Read| input.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes);
    let read = match path == Path::new(STANDARD) {
        true => take(&mut io::stdin().lock()),
        false => File::open(path).and_then(|mut file| take(&mut file)),
    };
    read.with_context(|| format!("cannot read {shown}"))?;
    ensure!(bytes.len() as u64 <= max_bytes, "{shown} has more than {max_bytes} bytes");
    Ok(bytes)
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

/// A file that is written in pieces, and is there only once it is whole; standard output for `-`.
pub struct Growing<'a> {
    path: &'a Path,
    file: Option<BufWriter<NamedTempFile>>,
}

impl<'a> Growing<'a> {
    /// Begins it beside where it will be.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(path: &'a Path) -> anyhow::Result<Self> {
        if path == Path::new(STANDARD) {
            return Ok(Self { path, file: None });
        }
        let failed = || format!("cannot write {}", path.display());
        ensure!(!path.is_dir(), "{}: it is a directory", failed());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let permissions = Permissions::from_mode(0o666);
        let file =
            Builder::new().prefix(".counterfoil-").permissions(permissions).tempfile_in(folder).with_context(failed)?;
        Ok(Self { path, file: Some(BufWriter::with_capacity(1 << 16, file)) })
    }

    /// Writes more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(bytes).with_context(|| format!("cannot write {}", self.path.display())),
            None => {
                out_bytes(bytes);
                Ok(())
            }
        }
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        let Some(file) = self.file else { return Ok(()) };
        let failed = || format!("cannot write {}", self.path.display());
        let file = file.into_inner().map_err(io::IntoInnerError::into_error).with_context(failed)?;
        file.as_file().sync_all().with_context(failed)?;
        file.persist(self.path).map_err(|error| error.error).with_context(failed)?;
        Ok(())
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

/// Writes a file, whole or not at all; `-` is standard output.
///
/// A regular file is replaced in one step and keeps its mode; what a link points to is replaced, not the link. What is not
/// a regular file, a device or a pipe, is written to.
///
/// # Errors
/// When it cannot be written; a regular file then is as it was.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if path == Path::new(STANDARD) {
        out_bytes(bytes);
        return Ok(());
    }
    write_named(path, bytes, 0o666).with_context(|| format!("cannot write {}", path.display()))
}

/// As [`write`]; what was not there before only its owner can read.
///
/// # Errors
/// As [`write`].
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_named(path, bytes, 0o600).with_context(|| format!("cannot write {}", path.display()))
}

fn write_named(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let (path, mode) = match fs::metadata(path) {
        Ok(found) if found.is_file() => (fs::canonicalize(path)?, found.permissions()),
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes),
        // A link to nothing is not replaced: its target is made.
        Err(_) if path.is_symlink() => return File::create(path)?.write_all(bytes),
        // What the umask takes away is taken away when the file is made.
        Err(_) => (path.to_owned(), Permissions::from_mode(mode)),
    };
    let is_new = !path.exists();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let mut unfinished = Builder::new().prefix(".counterfoil-").permissions(mode.clone()).tempfile_in(folder)?;
    unfinished.write_all(bytes)?;
    if !is_new {
        unfinished.as_file().set_permissions(mode)?;
    }
    unfinished.as_file().sync_all()?;
    unfinished.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::{read, read_text, write};

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
        // By no other process: between its fork and its exec it would hold the locks of the tests beside this one.
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
