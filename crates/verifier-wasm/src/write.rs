//! Writing JSON.

use std::fmt::{Display, Write};

/// A JSON text that is being written.
#[derive(Default)]
pub(crate) struct Writer(String);

/// An object that is being written.
pub(crate) struct Members<'w> {
    writer: &'w mut Writer,
    is_first: bool,
}

impl Writer {
    /// The bytes of the one value that was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    /// Writes a text.
    #[inline(never)]
    pub(crate) fn text(&mut self, text: &str) {
        self.0.push('"');
        let mut rest = text;
        // Most texts have nothing to escape.
        while let Some(at) = rest.find(|character| matches!(character, '"' | '\\' | ..'\u{20}')) {
            let (plain, escaped) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.0.push_str(plain);
            let mut characters = escaped.chars();
            let Some(character) = characters.next() else { break };
            rest = characters.as_str();
            // Writing to a text cannot fail.
            let _ = match character {
                '"' | '\\' => write!(self.0, "\\{character}"),
                control => write!(self.0, "\\u{:04x}", u32::from(control)),
            };
        }
        self.0.push_str(rest);
        self.0.push('"');
    }

    /// Writes a value's text.
    #[inline(never)]
    pub(crate) fn shown(&mut self, value: &dyn Display) {
        self.text(&value.to_string());
    }

    /// Writes `true` or `false`.
    pub(crate) fn bool(&mut self, value: bool) {
        self.0.push_str(if value { "true" } else { "false" });
    }

    /// Writes a list.
    pub(crate) fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.0.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            write(self, item);
        }
        self.0.push(']');
    }

    /// Writes a list of texts.
    pub(crate) fn texts(&mut self, texts: &[String]) {
        self.list(texts, |writer, text| writer.text(text));
    }

    /// Writes an object.
    pub(crate) fn object(&mut self, write: impl FnOnce(&mut Members<'_>)) {
        self.0.push('{');
        write(&mut Members { writer: self, is_first: true });
        self.0.push('}');
    }
}

impl Members<'_> {
    /// Begins a member, whose value has to be written next.
    #[inline(never)]
    pub(crate) fn member(&mut self, name: &str) -> &mut Writer {
        if !self.is_first {
            self.writer.0.push(',');
        }
        self.is_first = false;
        self.writer.text(name);
        self.writer.0.push(':');
        self.writer
    }

    /// Writes a member that is the value's text; none for no value.
    pub(crate) fn shown(&mut self, name: &str, value: Option<&dyn Display>) {
        if let Some(value) = value {
            self.member(name).shown(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Writer;

    #[test]
    fn objects_and_lists_of_any_length_are_written() {
        let mut writer = Writer::default();
        writer.object(|object| {
            object.member("none").list(&[(); 0], |_, ()| ());
            object.member("two").texts(&["a".to_owned(), "b".to_owned()]);
            object.member("empty").object(|_| ());
            object.member("yes").bool(true);
            object.shown("absent", None);
            object.shown("there", Some(&7));
        });
        let text = String::from_utf8(writer.into_bytes()).unwrap();
        assert_eq!(text, r#"{"none":[],"two":["a","b"],"empty":{},"yes":true,"there":"7"}"#);
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text in ".*|[\\x00-\\x7f]{0,40}") {
            let mut writer = Writer::default();
            writer.text(&text);
            prop_assert_eq!(serde_json::from_slice::<String>(&writer.into_bytes()).ok(), Some(text));
        }
    }
}
