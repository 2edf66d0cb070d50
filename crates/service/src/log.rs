//! The log, on standard error.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::str::FromStr;

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::output::{printable, printable_json};
use crate::progress::beside_bars;

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line: `timestamp`, `level`, `fields` with the `message` among them.
    Json,
}

/// The text is neither `text` nor `json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLogFormat;

impl fmt::Display for UnknownLogFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a log's format is text or json")
    }
}

impl std::error::Error for UnknownLogFormat {}

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(text: &str) -> Result<Self, UnknownLogFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownLogFormat),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Logs to standard error what `RUST_LOG` says, or else `filter`, for people.
pub fn log_to_stderr(filter: &str) {
    log_in_format(filter, LogFormat::Text, None);
}

/// Somewhere else that spans and events go.
pub type MoreLog = Box<dyn Layer<Registry> + Send + Sync>;

/// Logs to standard error what `RUST_LOG` says, or else `filter`; and to one more place, if there is one.
pub fn log_in_format(filter: &str, format: LogFormat, more: Option<MoreLog>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    tracing_subscriber::registry().with(more).with(lines(format, Stderr(format)).with_filter(filter)).init();
}

fn lines<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_writer(writer);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    }
}

/// Standard error, above the progress bars.
#[derive(Clone, Copy)]
struct Stderr(LogFormat);

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

/// One line of the log, whatever foreign text it holds: what a server said must not look like a line of ours. Of the escape
/// character the formatter leaves only its own for colours.
fn one_line(format: LogFormat, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let mut line = match format {
        LogFormat::Text => line.split('\u{1b}').map(printable).collect::<Vec<_>>().join("\u{1b}"),
        LogFormat::Json => printable_json(line),
    };
    line.push('\n');
    line
}

impl Write for Stderr {
    /// Takes one event, whole: so the formatter hands them over.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        beside_bars(|| io::stderr().lock().write_all(one_line(self.0, bytes).as_bytes()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::{LogFormat, lines, one_line};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        let foreign = "refused\n2026-01-01T00:00:00Z ERROR ledger halts\r\u{9b}2J\u{202e}\u{1b}[31m";
        for format in [LogFormat::Text, LogFormat::Json] {
            let written = Written::default();
            let writer = written.clone();
            let subscriber = tracing_subscriber::registry().with(lines(format, move || writer.clone()));
            tracing::subscriber::with_default(subscriber, || tracing::warn!(server = foreign, "it said {foreign}"));
            let line = one_line(format, &written.0.lock().unwrap());
            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
            assert!(!line.contains(['\r', '\u{9b}', '\u{202e}']) && !line.contains("\u{1b}[31m"), "{line:?}");
            assert!(line.contains("ERROR ledger halts"), "{line:?}");
        }
    }
}
