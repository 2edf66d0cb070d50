//! Showing how far long work is: a bar on a terminal, else a line in the log now and then.

use std::io::{self, IsTerminal};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tracing::info;

/// How often the log says how far the work is, where there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// All bars of the process, so that what is logged can be written between them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Writes to standard error while no bar is shown.
pub(crate) fn beside_bars<T>(write: impl FnOnce() -> T) -> T {
    BARS.suspend(write)
}

/// A progress bar on standard error, of `total` units; silent when that is no terminal.
///
/// # Panics
/// When `unit` holds a brace.
#[must_use]
pub fn progress(total: u64, unit: &str) -> ProgressBar {
    let bar = BARS.add(ProgressBar::new(total));
    let style = ProgressStyle::with_template(&format!(
        "{{bar:40}} {{human_pos}}/{{human_len}} {unit}  {{per_sec}}  {{elapsed_precise}} (about {{eta}} left)"
    ));
    bar.set_style(style.expect("the template is a valid constant"));
    bar
}

/// How far long work is: a bar when standard error is a terminal, else a line in the log every ten seconds. Gone when it
/// is dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// The past tense of what is done with the units, and their name.
    words: (&'static str, &'static str),
    from: u64,
    start: Instant,
    /// When the next line is due; none on a terminal.
    next_line: Option<Mutex<Instant>>,
}

impl Progress {
    /// Work of which `done` of `total` units are done already, such as "verified" "events".
    ///
    /// # Panics
    /// When `unit` holds a brace.
    #[must_use]
    pub fn begin(done_word: &'static str, unit: &'static str, done: u64, total: u64) -> Self {
        let bar = progress(total, unit).with_position(done);
        bar.reset_eta();
        let start = Instant::now();
        let next_line = (!io::stderr().is_terminal()).then(|| Mutex::new(start + LINE_INTERVAL));
        Self { bar, words: (done_word, unit), from: done, start, next_line }
    }

    /// Adds units that are done.
    pub fn add(&self, units: u64) {
        self.bar.inc(units);
        self.tell();
    }

    /// Sets how many units are done, and how many there are.
    pub fn set(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.tell();
    }

    fn tell(&self) {
        let Some(next_line) = &self.next_line else { return };
        let (now, mut next_line) = (Instant::now(), next_line.lock().unwrap_or_else(PoisonError::into_inner));
        if now < *next_line {
            return;
        }
        *next_line = now + LINE_INTERVAL;
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or_default());
        let elapsed = now.saturating_duration_since(self.start);
        info!(done, total, "{}", line(self.words, self.from, done, total, elapsed));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        BARS.remove(&self.bar);
    }
}

fn line((word, unit): (&str, &str), from: u64, done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done.saturating_sub(from) as f64 / elapsed.as_secs_f64().max(0.001);
    let left = match total.saturating_sub(done) as f64 / rate {
        seconds if seconds.is_finite() => format!("about {seconds:.0} s left"),
        _ => "no telling how long".to_owned(),
    };
    let [done, total, rate] = [done, total, rate as u64].map(grouped);
    format!("{word} {done} of {total} {unit}, {rate}/s, {left}")
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{grouped, line};

    #[test]
    fn a_line_names_what_was_done_since_the_start_and_what_is_left() {
        let words = ("verified", "events");
        let after = Duration::from_secs(20);
        let text = line(words, 1_000_000, 1_900_000, 5_500_000, after);
        assert_eq!(text, "verified 1,900,000 of 5,500,000 events, 45,000/s, about 80 s left");
        assert_eq!(line(words, 7, 7, 10, after), "verified 7 of 10 events, 0/s, no telling how long");
        assert_eq!(line(words, 10, 10, 10, after), "verified 10 of 10 events, 0/s, no telling how long");
    }

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
