//! Lines on standard output and standard error that no text of somebody else's can forge, and that no closed pipe ends.
//!
//! Every line is escaped as a whole, so that a server, a file or an API cannot begin a line of its own or paint over one.
//! A reader that has had enough, as `head` and `grep -q` have, changes neither what the program does nor its exit code.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The exit code when standard output could not be written; `EX_IOERR` of sysexits.
pub const OUTPUT_LOST: u8 = 74;

/// Whether the reader of standard output has gone.
static IS_CLOSED: AtomicBool = AtomicBool::new(false);
/// Why standard output could not be written, where it was not the reader's wish: a full disk, for example.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes a line to standard output, as `println!` does; never panics, and escapes whatever is not printable.
#[macro_export]
macro_rules! out {
    ($($part:tt)*) => { $crate::out_line(::core::format_args!($($part)*)) };
}

/// Writes a line to standard error, as `eprintln!` does; never panics, and escapes whatever is not printable.
#[macro_export]
macro_rules! note {
    ($($part:tt)*) => { $crate::note_line(::core::format_args!($($part)*)) };
}

/// Writes one line to standard output; see [`out!`].
pub fn out_line(line: fmt::Arguments<'_>) {
    let mut text = printable(&line.to_string());
    text.push('\n');
    out_bytes(text.as_bytes());
}

/// Writes a document as JSON to standard output, in lines for people. Characters that are not printable are escaped as `\u`, which is the
/// same JSON.
pub fn out_json<T: Serialize>(document: &T) {
    match serde_json::to_string_pretty(document) {
        Ok(text) => out_bytes((printable_json(&text) + "\n").as_bytes()),
        Err(error) => fail(io::Error::other(error)),
    }
}

/// Writes a document as one line of JSON to standard output; see [`out_json`].
pub fn out_json_line<T: Serialize>(document: &T) {
    match serde_json::to_string(document) {
        Ok(text) => out_bytes((printable_json(&text) + "\n").as_bytes()),
        Err(error) => fail(io::Error::other(error)),
    }
}

/// Writes a document as one line of JSON to standard error; see [`out_json`].
pub fn note_json_line<T: Serialize>(document: &T) {
    // There is no other place to tell what cannot be written.
    if let Ok(text) = serde_json::to_string(document) {
        let _ = io::stderr().lock().write_all((printable_json(&text) + "\n").as_bytes());
    }
}

/// Writes bytes to standard output as they are.
///
/// Where standard output cannot be written the bytes go to standard error: what was done must be told.
pub fn out_bytes(bytes: &[u8]) {
    if IS_CLOSED.load(Ordering::Relaxed) {
        return;
    }
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => IS_CLOSED.store(true, Ordering::Relaxed),
        Err(error) => {
            let _ = io::stderr().lock().write_all(bytes);
            fail(error);
        }
    }
}

/// Writes one line to standard error; see [`note!`].
pub fn note_line(line: fmt::Arguments<'_>) {
    let mut text = printable(&line.to_string());
    text.push('\n');
    // There is no other place to tell it.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether the reader of standard output has gone, so that further lines are of no use.
#[must_use]
pub fn is_output_closed() -> bool {
    IS_CLOSED.load(Ordering::Relaxed)
}

/// Why standard output could not be written, if so; a reader that has gone is no failure.
#[must_use]
pub fn output_failure() -> Option<io::Error> {
    FAILURE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The exit code that a process ends with: an error is told in one line with its causes, and lost output is no success.
///
/// An error that `main` returns would be told with a stack where `RUST_BACKTRACE` is set, and unescaped.
#[must_use]
pub fn end<E: fmt::Display>(outcome: Result<ExitCode, E>) -> ExitCode {
    let code = outcome.unwrap_or_else(|error| {
        note_line(format_args!("error: {error:#}"));
        ExitCode::FAILURE
    });
    match output_failure() {
        None => code,
        Some(error) => {
            note_line(format_args!(
                "error: standard output could not be written: {error}; what belonged there stands above"
            ));
            ExitCode::from(OUTPUT_LOST)
        }
    }
}

/// A count with its noun: `1 entry`, `2 entries`.
#[must_use]
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn fail(error: io::Error) {
    FAILURE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}

/// A text with everything escaped that could begin a line, move the cursor, or show other characters than there are.
///
/// That is what Unicode calls control (C0, DEL, C1), format (bidirectional marks, zero-width characters, tags), line and
/// paragraph separators, and what it has not assigned.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match is_printable(character) {
            true => shown.push(character),
            false => shown.extend(character.escape_default()),
        }
    }
    shown
}

/// A JSON text in which everything that is not printable is escaped as `\uXXXX`; its line ends stay.
///
/// The text reads as the same document, for outside of strings JSON has no such characters.
#[must_use]
pub fn printable_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if character == '\n' || is_printable(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            shown.push_str(&format!("\\u{unit:04x}"));
        }
    }
    shown
}

fn is_printable(character: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned};
    let hidden = [Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned];
    character.is_ascii_graphic() || character == ' ' || !hidden.contains(&character.general_category())
}

#[cfg(test)]
mod tests {
    use super::{printable, printable_json};

    /// One of each kind: line ends, escape, CSI of C1, DEL, bidirectional override, zero width, separators, tag.
    const HIDDEN: &str = "\n\r\u{1b}[2K\u{9b}2J\u{7f}\u{202e}\u{200b}\u{2028}\u{2029}\u{feff}\u{e0041}";

    #[test]
    fn no_text_begins_a_line_or_paints_over_the_terminal() {
        assert_eq!(
            printable(HIDDEN),
            "\\n\\r\\u{1b}[2K\\u{9b}2J\\u{7f}\\u{202e}\\u{200b}\\u{2028}\\u{2029}\\u{feff}\\u{e0041}"
        );
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        let text = "Zürich, 東京, नमस्ते, e\u{301}, 👍 \"quoted\" \\ 1 € ✓";
        assert_eq!(printable(text), text);
        assert_eq!(printable_json(text), text);
    }

    #[test]
    fn escaped_json_reads_as_the_same_document() {
        let document = serde_json::json!({ HIDDEN: [HIDDEN, "plain"] });
        let shown = printable_json(&serde_json::to_string_pretty(&document).unwrap());
        assert!(shown.chars().all(|character| character == '\n' || (' '..='~').contains(&character)), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), document);
    }
}
