//! Limits of a GraphQL query, checked before anything is resolved: its tokens, brackets, aliases, fields and representations.
//!
//! Looked at before all else that reads the query: a text may nest brackets until a parser's stack ends, and a document may
//! name fragments in circles, or each twice in the next, so that writing them out never ends.

use std::collections::BTreeMap;

use async_graphql_parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql_parser::{Positioned, parse_query};
use async_graphql_value::{ConstValue, Name, Variables};

/// A tool's introspection has some 350.
const MAX_TOKENS: usize = 2_000;
const MAX_ALIASES: usize = 50;
/// How deep brackets of any kind may stand within each other. The parser reads values by recursion, without a bound of its
/// own: some 300 levels end the process. A tool's introspection has 14, the deepest filter and its place in a query 24.
const MAX_NESTING: usize = 32;
/// With fragments written out; a tool's introspection has some 150.
const MAX_FIELDS: usize = 1_000;
/// In all of a query: each is looked up by itself.
const MAX_REPRESENTATIONS: usize = 50;
/// Why a query is not admitted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is beyond a limit.
    #[error("The query has more than {most} {what}. Ask for less, or in several queries.")]
    TooMuch {
        /// The limit.
        most: usize,
        /// The limit's unit.
        what: &'static str,
    },
    /// A fragment names itself, or one that leads back to it.
    #[error("The fragment {0} is a part of itself.")]
    Circle(Name),
    /// It asks for the schema, which the server keeps to itself.
    #[error("This server does not tell its schema.")]
    Schema,
    /// It is not GraphQL.
    #[error(transparent)]
    Syntax(#[from] async_graphql_parser::Error),
}

/// Parses a query that is within the limits, with these variables.
///
/// The time and memory that this takes grow with the text's length alone, and the stack not at all beyond a bound.
///
/// # Errors
/// [`Refusal`].
pub fn parse(query: &str, variables: &Variables, tells_schema: bool) -> Result<ExecutableDocument, Refusal> {
    let size = measure(query);
    expect_at_most(size.tokens, MAX_TOKENS, "tokens")?;
    expect_at_most(size.nesting, MAX_NESTING, "brackets within each other")?;
    let document = parse_query(query)?;
    check(&document, variables, tells_schema)?;
    Ok(document)
}

/// Looks at a document that [`parse`] gave, with other variables.
///
/// # Errors
/// [`Refusal`].
pub fn check(document: &ExecutableDocument, variables: &Variables, tells_schema: bool) -> Result<(), Refusal> {
    let mut counter = Counter { document, variables, tells_schema, fragments: BTreeMap::new() };
    for (_, operation) in document.operations.iter() {
        let cost = counter.selections(&operation.node.selection_set)?;
        expect_at_most(cost.fields, MAX_FIELDS, "fields")?;
        expect_at_most(cost.aliases, MAX_ALIASES, "aliases")?;
        expect_at_most(cost.representations, MAX_REPRESENTATIONS, "representations")?;
    }
    Ok(())
}

const fn expect_at_most(count: usize, most: usize, what: &'static str) -> Result<(), Refusal> {
    if count <= most { Ok(()) } else { Err(Refusal::TooMuch { most, what }) }
}

/// How large a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    /// Names, numbers, strings and punctuation.
    tokens: usize,
    /// How deep brackets stand within each other at most.
    nesting: usize,
}

/// Reads a text once, without recursion. Source: GraphQL, October 2021, section 2.1.6.
fn measure(query: &str) -> Size {
    let (mut tokens, mut depth, mut nesting) = (0_usize, 0_usize, 0_usize);
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '"' => string_length(rest),
            '-' | '0'..='9' => rest.find(|c| !(is_word(c) || matches!(c, '.' | '+' | '-'))).unwrap_or(rest.len()),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            '.' => rest.find(|c| c != '.').unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        if !(first.is_whitespace() || matches!(first, ',' | '#' | '\u{feff}')) {
            tokens = tokens.saturating_add(1);
        }
        match first {
            '(' | '[' | '{' => depth = depth.saturating_add(1),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        nesting = nesting.max(depth);
        rest = rest.get(length..).unwrap_or_default();
    }
    Size { tokens, nesting }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// How long the string is with which a text begins; all of the text where it has no end.
fn string_length(text: &str) -> usize {
    let quotes = if text.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let mut at = quotes.len();
    while let Some(rest) = text.get(at..) {
        if rest.starts_with(quotes) {
            return at.saturating_add(quotes.len());
        }
        let mut chars = rest.chars();
        let step = match (chars.next(), chars.next()) {
            (None, _) => break,
            (Some('\\'), Some(escaped)) => escaped.len_utf8().saturating_add(1),
            (Some(c), _) => c.len_utf8(),
        };
        at = at.saturating_add(step);
    }
    text.len()
}

/// The fields of selections, with fragments written out.
#[derive(Clone, Copy, Default)]
struct Cost {
    fields: usize,
    aliases: usize,
    representations: usize,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.representations = self.representations.saturating_add(other.representations);
    }
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    tells_schema: bool,
    /// Each is counted once; none while it is being counted.
    fragments: BTreeMap<&'a Name, Option<Cost>>,
}

impl<'a> Counter<'a> {
    /// The parser bounds how deep selections are, so that this ends; fragments that are not there are others' to refuse.
    fn selections(&mut self, set: &'a Positioned<SelectionSet>) -> Result<Cost, Refusal> {
        let mut cost = Cost::default();
        for selection in &set.node.items {
            cost.add(match &selection.node {
                Selection::Field(field) => self.field(&field.node)?,
                Selection::InlineFragment(fragment) => self.selections(&fragment.node.selection_set)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            });
        }
        Ok(cost)
    }

    fn field(&mut self, field: &'a Field) -> Result<Cost, Refusal> {
        let representations = match field.name.node.as_str() {
            "_entities" => self.representations(field),
            "_service" if !self.tells_schema => {
                return Err(Refusal::Schema);
            }
            _ => 0,
        };
        let mut cost = self.selections(&field.selection_set)?;
        cost.add(Cost { fields: 1, aliases: usize::from(field.alias.is_some()), representations });
        Ok(cost)
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Cost, Refusal> {
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Cost::default()) };
        match self.fragments.get(name) {
            Some(Some(cost)) => Ok(*cost),
            Some(None) => Err(Refusal::Circle(name.clone())),
            None => {
                self.fragments.insert(name, None);
                let cost = self.selections(&fragment.node.selection_set)?;
                self.fragments.insert(name, Some(cost));
                Ok(cost)
            }
        }
    }

    fn representations(&self, field: &Field) -> usize {
        let given = field.get_argument("representations").cloned();
        let value = given.map(|value| value.node.into_const_with(|name| self.value_of(&name).ok_or(())));
        if let Some(Ok(ConstValue::List(list))) = value { list.len() } else { 0 }
    }

    /// The value of a variable: what was given, or its default in any of the operations.
    fn value_of(&self, name: &Name) -> Option<ConstValue> {
        self.variables.get(name).cloned().or_else(|| {
            let definitions =
                self.document.operations.iter().flat_map(|(_, operation)| &operation.node.variable_definitions);
            let defaults = definitions.filter(|definition| definition.node.name.node == *name);
            defaults
                .filter_map(|definition| definition.node.default_value.as_ref())
                .map(|value| value.node.clone())
                .next()
        })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests take seeds")]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_as_the_specification_has_them() {
        for (query, expected) in [
            ("", 0),
            (" , # nothing\n\u{feff}", 0),
            ("{ a }", 3),
            ("query Q($a: Int! = -1.5e3) @d { x: f(a: $a) ...F }", 26),
            ("{ a(b: \"x } \\\" y\") }", 8),
            ("{ a(b: \"\"\"x \"y\" \\\"\"\" z\"\"\") }", 8),
            ("{ a(b: \"no end", 6),
        ] {
            assert_eq!(measure(query).tokens, expected, "{query}");
        }
    }

    /// Next of a sequence of numbers that a seed gives. Source: xorshift64*, Vigna 2014.
    fn next(state: &mut u64) -> usize {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap()
    }

    /// Reading any text before it is known to be within the limits ends, and within a worker's stack.
    #[test]
    fn no_text_and_no_variables_end_the_process() {
        const PIECES: [&str; 34] = [
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            "{a:",
            "[[[[",
            "query Q",
            "subscription",
            "fragment F on Query",
            "...F",
            "...",
            "a",
            "a:",
            "$r",
            "$r: [_Any!]!",
            "= [",
            ":",
            "!",
            "@include(if: ",
            "\"",
            "\\\"",
            "\"\"\"",
            "#",
            "\n",
            "1.5e",
            "-",
            "_entities(representations: ",
            "__schema",
            "null",
            "\u{feff}",
            "é",
            ",",
        ];
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x9e37_79b9_7f4a_7c15_u64);
        println!("SEED={seed}");
        let check = move || {
            let mut state = seed;
            for _ in 0..5_000 {
                let mut query = String::new();
                for _ in 0..next(&mut state) % 60 {
                    let times = if next(&mut state).is_multiple_of(50) { 400 } else { 1 };
                    query += &PIECES[next(&mut state) % PIECES.len()].repeat(times);
                }
                let list = ConstValue::List(vec![ConstValue::Null; next(&mut state) % 100]);
                let variables =
                    Variables::from_value(ConstValue::Object([(Name::new("r"), list)].into_iter().collect()));
                if parse(&query, &variables, true).is_ok() {
                    let size = measure(&query);
                    assert!(size.tokens <= MAX_TOKENS && size.nesting <= MAX_NESTING, "{query}");
                }
            }
        };
        // As much as a worker of the runtime has.
        std::thread::Builder::new().stack_size(2 << 20).spawn(check).unwrap().join().unwrap();
    }

    #[test]
    fn brackets_are_counted_but_for_those_in_strings_and_comments() {
        for (query, expected) in [
            ("", 0),
            ("}}}{ a }", 1),
            ("{ a(b: [{ c: [1] }]) { d } }", 5),
            ("{ a(b: \"[[[[\") # {{{{{\n }", 2),
            ("{ a(b: \"\"\"[[\"[[\"\"\") }", 2),
        ] {
            assert_eq!(measure(query).nesting, expected, "{query}");
        }
    }
}
