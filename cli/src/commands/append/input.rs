//! The entries to append: an argument, a file, or the lines of standard input as they come.

use std::io::{self, BufRead, BufReader, Read};
use std::thread;

use anyhow::{Context, bail, ensure};
use counterfoil_append::Batches;
use counterfoil_core::limits::MAX_ENTRY_BYTES;
use tokio::sync::mpsc::{Receiver, channel};

use super::arguments::{Arguments, Rules};
use crate::file::{self, TooLong, byte_order_mark};
use crate::verdict::Usage;

/// How many lines are read ahead of the chain.
const AHEAD: usize = 1_024;

/// The entries of the command line: one, or lines as they come.
///
/// # Errors
/// [`Usage`] when it gives nothing; when a file cannot be read.
pub fn entries(arguments: &Arguments) -> anyhow::Result<Batches<anyhow::Error>> {
    let one = match (&arguments.entry, &arguments.file) {
        _ if arguments.reads_lines() => return Ok(Batches::of(lines_of_standard_input(arguments.rules()))),
        (Some(entry), _) => entry.clone().into_bytes(),
        (None, Some(path)) => {
            file::read(path, MAX_ENTRY_BYTES as u64).map_err(|error| match error.is::<TooLong>() {
                true => error.context("it is no entry: append its SHA-256 and keep the content elsewhere"),
                false => error,
            })?
        }
        (None, None) => {
            let what = "an entry, - for lines of standard input, --jsonl for lines that are JSON, or --file";
            return Err(Usage(format!("there is nothing to append: give {what}")).into());
        }
    };
    Ok(Batches::of_one(one))
}

/// Reads standard input line by line, on a thread of its own: a pending read would keep the process from ending.
pub fn lines_of_standard_input(rules: Rules) -> Receiver<anyhow::Result<Vec<u8>>> {
    let (sender, receiver) = channel(AHEAD);
    thread::spawn(move || {
        let mut lines = Lines { input: BufReader::with_capacity(1 << 16, io::stdin().lock()), rules, number: 0 };
        while let Some(line) = lines.next_entry().transpose() {
            let is_last = line.is_err();
            // The receiver is gone once the work has ended.
            if sender.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

struct Lines<R> {
    input: R,
    rules: Rules,
    /// Of the line that was read last, from 1.
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line's bytes without the line's end, which is LF or CRLF.
    fn next_entry(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            self.number += 1;
            let number = self.number;
            let mut line = Vec::new();
            // With its end, and one byte more by which a line that is too long shows.
            let most = MAX_ENTRY_BYTES as u64 + 3;
            let read = self.input.by_ref().take(most).read_until(b'\n', &mut line);
            read.with_context(|| format!("line {number} of standard input cannot be read"))?;
            if line.is_empty() {
                return Ok(None);
            }
            if let (1, Some(mark)) = (number, byte_order_mark(&line)) {
                bail!("standard input begins with {mark}: take it away, for it would become a part of the first entry");
            }
            let has_end = line.pop_if(|byte| *byte == b'\n').is_some();
            if has_end {
                line.pop_if(|byte| *byte == b'\r');
            }
            ensure!(
                line.len() <= MAX_ENTRY_BYTES,
                "line {number} of standard input has more than the {MAX_ENTRY_BYTES} bytes of the longest entry"
            );
            if line.is_empty() && self.rules.skip_blank {
                continue;
            }
            ensure!(
                !line.is_empty(),
                "line {number} of standard input is blank, and an entry has at least one byte: --skip-blank passes over such"
            );
            self.expect_whole(&line, has_end)?;
            return Ok(Some(line));
        }
    }

    fn expect_whole(&self, line: &[u8], has_end: bool) -> anyhow::Result<()> {
        let number = self.number;
        if self.rules.json {
            let json: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(line);
            json.with_context(|| format!("line {number} of standard input is not JSON"))?;
        }
        // A number or a word that was cut off is one too; an object, a list or a string shows its own end.
        let shows_its_end = self.rules.json && matches!(line.trim_ascii_end().last(), Some(b'}' | b']' | b'"'));
        ensure!(
            has_end || shows_its_end,
            "standard input ends within line {number}, which has no newline: it may have been cut off. End it with one"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{Lines, Rules};

    const TEXT: Rules = Rules { json: false, skip_blank: false };
    const JSON: Rules = Rules { json: true, skip_blank: false };

    fn read(bytes: &[u8], rules: Rules) -> (Vec<Vec<u8>>, Option<String>) {
        let mut lines = Lines { input: Cursor::new(bytes), rules, number: 0 };
        let mut entries = Vec::new();
        loop {
            match lines.next_entry() {
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => return (entries, None),
                Err(error) => return (entries, Some(format!("{error:#}"))),
            }
        }
    }

    fn refused(bytes: &[u8], rules: Rules, before: usize, why: &str) {
        let (entries, error) = read(bytes, rules);
        let error = error.expect("it is refused");
        assert_eq!(entries.len(), before, "{error}");
        assert!(error.contains(why), "{why}: {error}");
    }

    #[test]
    fn a_lines_end_is_lf_or_crlf_and_no_part_of_the_entry() {
        assert_eq!(read(b"a\nb\r\n\xff \n", TEXT), (vec![b"a".to_vec(), b"b".to_vec(), b"\xff ".to_vec()], None));
        assert_eq!(read(b"", TEXT), (vec![], None));
    }

    #[test]
    fn a_last_line_without_an_end_is_taken_where_it_shows_that_it_is_whole() {
        for whole in ["{\"a\":1}", "[1]", "\"a\"", "{} "] {
            assert_eq!(read(whole.as_bytes(), JSON), (vec![whole.as_bytes().to_vec()], None));
        }
        refused(b"1\n12", JSON, 1, "ends within line 2");
        refused(b"true", JSON, 0, "ends within line 1");
        refused(b"{\"a\":1}\n{\"a\"", JSON, 1, "line 2 of standard input is not JSON");
        refused(b"a\nb", TEXT, 1, "ends within line 2");
    }

    #[test]
    fn what_is_no_entry_is_refused_after_those_before_it() {
        refused(b"a\n\nb\n", TEXT, 1, "line 2 of standard input is blank");
        refused(b"\xef\xbb\xbf{}\n", JSON, 0, "byte order mark");
        refused(&[b'a'; 70_000], TEXT, 0, "more than the 65535 bytes");
        let largest = [vec![b'a'; 65_535], b"\r\n".to_vec()].concat();
        assert_eq!(read(&largest, TEXT).0, [vec![b'a'; 65_535]]);
        assert_eq!(read(b"a\n\n\r\nb\n", Rules { skip_blank: true, ..TEXT }).0.len(), 2);
    }

    /// Of a line without an end no more is kept than the longest entry has.
    #[test]
    fn an_endless_line_ends_the_work() {
        let mut lines = Lines { input: std::io::BufReader::new(std::io::repeat(b'a')), rules: TEXT, number: 0 };
        assert!(lines.next_entry().is_err());
    }
}
