//! PostgreSQL's array literals, as `array_out` writes them.

/// An array never has more dimensions than this.
pub(crate) const MAX_DIMENSIONS: usize = 6;

/// A node of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// NULL.
    Null,
    /// An element's text.
    Text(String),
    /// A dimension.
    Array(Vec<Node>),
}

/// Reads a literal such as `[2:3]={a,"b,c"}`; the bounds are left out. `None` if it is none.
pub(crate) fn parse(literal: &str, delimiter: char) -> Option<Node> {
    let body = if literal.starts_with('[') { without_bounds(literal)? } else { literal };
    let mut reader = Reader { rest: body, delimiter };
    let node = reader.array(1)?;
    reader.rest.is_empty().then_some(node)
}

/// Checks and removes `[2:3][-1:0]=`.
fn without_bounds(literal: &str) -> Option<&str> {
    let (bounds, body) = literal.split_once('=')?;
    let is_number = |text: &str| text.parse::<i32>().is_ok();
    let is_bound = |bound: &str| bound.split_once(':').is_some_and(|(low, high)| is_number(low) && is_number(high));
    let inner = bounds.strip_prefix('[')?.strip_suffix(']')?;
    let dimensions: Vec<&str> = inner.split("][").collect();
    (dimensions.len() <= MAX_DIMENSIONS && dimensions.into_iter().all(is_bound)).then_some(body)
}

struct Reader<'a> {
    rest: &'a str,
    delimiter: char,
}

impl Reader<'_> {
    fn eat(&mut self, expected: char) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn array(&mut self, depth: usize) -> Option<Node> {
        if depth > MAX_DIMENSIONS || !self.eat('{') {
            return None;
        }
        let mut nodes = Vec::new();
        if self.eat('}') {
            return Some(Node::Array(nodes));
        }
        loop {
            nodes.push(match self.rest.chars().next()? {
                '{' => self.array(depth + 1)?,
                '"' => self.quoted()?,
                _ => self.plain()?,
            });
            if self.eat('}') {
                return Some(Node::Array(nodes));
            }
            if !self.eat(self.delimiter) {
                return None;
            }
        }
    }

    fn quoted(&mut self) -> Option<Node> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, found)) = chars.next() {
            match found {
                '"' => {
                    self.rest = self.rest.get(at + 1..)?;
                    return Some(Node::Text(text));
                }
                '\\' => text.push(chars.next()?.1),
                other => text.push(other),
            }
        }
        None
    }

    /// `array_out` quotes each element with a delimiter, brace, quote, backslash or white space, so that none ends early.
    fn plain(&mut self) -> Option<Node> {
        let end = self.rest.find([self.delimiter, '}', '{', '"', '\\'])?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        if text.is_empty() {
            return None;
        }
        Some(if text.eq_ignore_ascii_case("null") { Node::Null } else { Node::Text(text.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Node {
        Node::Text(value.to_owned())
    }

    #[test]
    fn reads_quotes_nulls_dimensions_and_bounds() {
        let array = |nodes: &[Node]| Some(Node::Array(nodes.to_vec()));
        assert_eq!(parse("{}", ','), array(&[]));
        assert_eq!(parse(r#"{1,NULL,"NULL",null}"#, ','), array(&[text("1"), Node::Null, text("NULL"), Node::Null]));
        assert_eq!(parse(r#"{"a,\"b\\","","}{ é"}"#, ','), array(&[text("a,\"b\\"), text(""), text("}{ é")]));
        let square = array(&[Node::Array(vec![text("1"), text("2")]), Node::Array(vec![text("3"), Node::Null])]);
        assert_eq!(parse("{{1,2},{3,NULL}}", ','), square);
        assert_eq!(parse("[2:3][-1:0]={{1,2},{3,NULL}}", ','), square);
        assert_eq!(parse("{(1,1),(0,0);(2,2),(1,1)}", ';'), array(&[text("(1,1),(0,0)"), text("(2,2),(1,1)")]));
    }

    #[test]
    fn refuses_every_other_text() {
        let deep = format!("{}{}", "{".repeat(100_000), "}".repeat(100_000));
        for literal in [
            "",
            "{",
            "}",
            "{1",
            "{1,}",
            "{,1}",
            "{1}x",
            "{\"a}",
            "{\"a\\",
            "{a\"b\"}",
            "[1:2={1}",
            "[x:2]={1}",
            "[",
            &deep,
        ] {
            assert_eq!(parse(literal, ','), None);
        }
    }
}
