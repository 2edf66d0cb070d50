//! The texts that an agent reads: the escaped form of bytes, and the tools' definitions.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use counterfoil_mcp::{escape, tools, unescape};
use proptest::prelude::*;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// A token of any common tokenizer stands for three bytes or more of such text: English, with JSON around it.
const BYTES_OF_A_TOKEN: usize = 3;

#[test]
fn shows_what_is_there_and_hides_nothing() {
    for (bytes, text) in [
        (&b"plain text, 100 %"[..], "plain text, 100 %"),
        (b"a\\b\n\t\r", "a\\\\b\\n\\t\\r"),
        (b"\x1b[31mred\x9b0m\0", "\\u{1b}[31mred\\x9b0m\\u{0}"),
        ("\u{202e}x\u{200b}\u{feff}\u{e0041}".as_bytes(), "\\u{202e}x\\u{200b}\\u{feff}\\u{e0041}"),
        ("\u{1f3f4}\u{e0067}\u{fe0f}\u{2061}\u{3164}".as_bytes(), "\u{1f3f4}\\u{e0067}\\u{fe0f}\\u{2061}\\u{3164}"),
        ("\u{9b}31m\u{2028}\u{a0}\u{ad}".as_bytes(), "\\u{9b}31m\\u{2028}\\u{a0}\\u{ad}"),
        ("Zoё, 日本, हिन्दी".as_bytes(), "Zoё, 日本, हिन्दी"),
        (b"![a](http://x) [b]: y <img> `c`", "![a\\u{5d}(http://x) [b\\u{5d}: y \\u{3c}img> \\u{60}c\\u{60}"),
        (b"[1, 2]", "[1, 2]"),
    ] {
        assert_eq!(escape(bytes), text);
        assert_eq!(unescape(text).unwrap(), bytes);
    }
    for text in ["\\", "\\q", "\\x4", "\\xzz", "\\u{110000}", "\\u61", "\\u{61}", "\u{202e}", "\\x61"] {
        assert_eq!(unescape(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn the_bytes_can_be_had_back(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(unescape(&escape(&bytes)), Some(bytes));
    }

    #[test]
    fn so_can_texts_of_all_characters(text in proptest::collection::vec(any::<char>(), 0..200)) {
        use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned};
        let text: String = text.into_iter().collect();
        let escaped = escape(text.as_bytes());
        let hidden = [Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned];
        prop_assert!(!escaped.chars().any(|letter| hidden.contains(&letter.general_category())));
        prop_assert_eq!(unescape(&escaped), Some(text.into_bytes()));
    }
}

#[test]
fn all_definitions_take_at_most_4_000_tokens() {
    let bytes = serde_json::to_string(&tools()).unwrap().len();
    println!("{bytes} bytes");
    assert!(bytes.div_ceil(BYTES_OF_A_TOKEN) <= 4_000, "{bytes} bytes");
}

#[test]
fn each_tool_says_that_it_only_reads() {
    let tools = tools();
    assert_eq!(tools.len(), 8);
    for tool in tools {
        let hints = tool.annotations.as_ref().unwrap();
        assert_eq!((hints.read_only_hint, hints.destructive_hint), (Some(true), Some(false)), "{}", tool.name);
        assert_eq!(tool.input_schema["additionalProperties"], false, "{}", tool.name);
    }
}
