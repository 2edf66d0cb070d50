//! Reading a text as JSON, by RFC 8259.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::value::{ReadError, Value, repeated};

/// How deep lists and objects may stand in each other: as deep as `serde_json` goes.
pub const MAX_DEPTH: u8 = 127;

impl<'a> Value<'a> {
    /// Reads one JSON text, and nothing after it but white space.
    ///
    /// # Errors
    /// A [`ReadError`] when it is not JSON in UTF-8, with the line and column; when an object has two members of one name; when
    /// it is deeper than [`MAX_DEPTH`].
    pub fn parse(text: &'a [u8]) -> Result<Self, ReadError> {
        let (text, is_whole) = match core::str::from_utf8(text) {
            Ok(text) => (text, true),
            // The bytes before the first that are none say whether the JSON was wrong even earlier.
            Err(error) => (str_before(text, error.valid_up_to()), false),
        };
        let mut parser = Parser { text, at: 0 };
        let fault = match parser.value(MAX_DEPTH) {
            Ok(value) => {
                parser.skip_space();
                if is_whole && parser.at == text.len() {
                    return Ok(value);
                }
                Fault::Syntax
            }
            Err(fault) => fault,
        };
        Err(parser.error(&fault, is_whole))
    }
}

fn str_before(text: &[u8], end: usize) -> &str {
    text.get(..end).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
}

enum Fault<'a> {
    /// Where the parser stands.
    Syntax,
    Deep,
    Twice(Cow<'a, str>),
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, fault: &Fault<'a>, is_whole: bool) -> ReadError {
        let what = match fault {
            Fault::Twice(name) => return ReadError::twice(name),
            Fault::Deep => "it is nested too deeply",
            Fault::Syntax if is_whole && self.at >= self.text.len() => "it ends too early",
            Fault::Syntax => "it is not JSON",
        };
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        let (line, column) = before.iter().fold((1_usize, 1_usize), |(line, column), byte| match byte {
            b'\n' => (line.saturating_add(1), 1),
            _ => (line, column.saturating_add(1)),
        });
        ReadError::new(format_args!("{what}, at line {line} column {column}"))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    const fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// Takes a byte if it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.skip(1);
        }
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault<'a>> {
        if self.take(byte) { Ok(()) } else { Err(Fault::Syntax) }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.skip(1);
        }
    }

    fn value(&mut self, depth: u8) -> Result<Value<'a>, Fault<'a>> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.text().map(Value::Text),
            Some(b'{') => self.object(depth.checked_sub(1).ok_or(Fault::Deep)?),
            Some(b'[') => self.list(depth.checked_sub(1).ok_or(Fault::Deep)?),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            _ => self.word("null", Value::Null),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Fault<'a>> {
        word.bytes().try_for_each(|byte| self.expect(byte)).map(|()| value)
    }

    fn list(&mut self, depth: u8) -> Result<Value<'a>, Fault<'a>> {
        self.skip(1);
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Value::List(items));
            }
            self.expect(b',')?;
        }
    }

    fn object(&mut self, depth: u8) -> Result<Value<'a>, Fault<'a>> {
        self.skip(1);
        let mut members = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            let name = self.text()?;
            self.skip_space();
            self.expect(b':')?;
            members.push((name, self.value(depth)?));
            self.skip_space();
            if self.take(b'}') {
                break;
            }
            self.expect(b',')?;
        }
        match repeated(&members).map(|name| Cow::Owned(name.into())) {
            Some(name) => Err(Fault::Twice(name)),
            None => Ok(Value::Object(members)),
        }
    }

    /// A number's form alone: how large it is does not matter.
    fn number(&mut self) -> Result<Value<'a>, Fault<'a>> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(Value::Number)
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Fault<'a>> {
        let begin = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.skip(1);
        }
        if self.at == begin { Err(Fault::Syntax) } else { Ok(()) }
    }

    /// A text; borrowed where nothing in it is escaped.
    fn text(&mut self) -> Result<Cow<'a, str>, Fault<'a>> {
        self.expect(b'"')?;
        let mut unescaped: Option<String> = None;
        loop {
            let begin = self.at;
            self.skip_plain();
            let run = self.text.get(begin..self.at).unwrap_or_default();
            if self.take(b'"') {
                let Some(mut text) = unescaped else { return Ok(Cow::Borrowed(run)) };
                text.push_str(run);
                return Ok(Cow::Owned(text));
            }
            self.expect(b'\\')?;
            let text = unescaped.get_or_insert_default();
            text.push_str(run);
            text.push(self.escaped()?);
        }
    }

    /// Skips what stands for itself in a text: up to the next quote, backslash or control.
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        // Eight bytes at a time: most of a document is long texts.
        let (words, _) = rest.as_chunks::<8>();
        let plain = words.iter().take_while(|word| is_plain(u64::from_le_bytes(**word))).count();
        self.skip(plain.saturating_mul(8));
        while let Some(byte) = self.peek()
            && !matches!(byte, b'"' | b'\\' | ..0x20)
        {
            self.skip(1);
        }
    }

    /// The character that an escape stands for.
    fn escaped(&mut self) -> Result<char, Fault<'a>> {
        let escape = self.peek().ok_or(Fault::Syntax)?;
        let character = match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.skip(1);
                return self.code_point();
            }
            _ => return Err(Fault::Syntax),
        };
        self.skip(1);
        Ok(character)
    }

    /// Four hex digits, or a pair of surrogates: another four after an escape of their own.
    fn code_point(&mut self) -> Result<char, Fault<'a>> {
        let unit = self.unit()?;
        let code = if let 0xd800..0xdc00 = unit {
            self.expect(b'\\')?;
            self.expect(b'u')?;
            let low = self.unit()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(Fault::Syntax);
            }
            0x1_0000_u32.saturating_add((unit & 0x3ff) << 10 | (low & 0x3ff))
        } else {
            unit
        };
        // None for a second surrogate without a first.
        char::from_u32(code).ok_or(Fault::Syntax)
    }

    fn unit(&mut self) -> Result<u32, Fault<'a>> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or(Fault::Syntax)?;
            unit = unit << 4 | digit;
            self.skip(1);
        }
        Ok(unit)
    }
}

/// Whether none of a word's bytes is a quote, a backslash or a control.
const fn is_plain(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGHS: u64 = ONES << 7;
    const SPACES: u64 = ONES * 0x20;
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    // The highest bit of a byte is set where it is below, or equal. A borrow sets others only above such a byte.
    let control = word.wrapping_sub(SPACES) & !word;
    let quote = word ^ QUOTES;
    let backslash = word ^ BACKSLASHES;
    let equal = (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash);
    (control | equal) & HIGHS == 0
}
