//! Times and progress, as people read them.

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

/// A time of the chain, RFC 3339 in UTC.
pub fn time(unix_time: i64) -> String {
    Timestamp::from_second(unix_time).map_or_else(|_| format!("second {unix_time}"), |time| time.to_string())
}

/// A progress bar on standard error; silent when that is no terminal.
pub fn progress(total: u64, unit: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template(&format!(
        "{{bar:40}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{elapsed_precise}} (about {{eta}} left)"
    ));
    bar.set_style(style.expect("the template is a valid constant"));
    bar
}
