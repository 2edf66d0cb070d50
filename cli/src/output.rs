//! Times and progress, as people read them.

use jiff::Timestamp;

/// A time of the chain, RFC 3339 in UTC.
pub fn time(unix_time: i64) -> String {
    Timestamp::from_second(unix_time).map_or_else(|_| format!("second {unix_time}"), |time| time.to_string())
}

/// A text from a file or a server, without the control characters that could paint over what stands on a terminal.
pub fn printable(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' => "\n".to_owned(),
        character if character.is_control() => character.escape_default().to_string(),
        character => character.to_string(),
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_text_cannot_paint_over_the_terminal() {
        assert_eq!(printable("bad\r\u{1b}[2KVERIFIED\n"), "bad\\r\\u{1b}[2KVERIFIED\n");
    }
}
