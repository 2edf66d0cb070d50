//! The two forms in which PostgreSQL writes a timestamp: `row_to_json`'s, with `T` and `+00:00`, and the output function's,
//! with a space and `+00`.

use std::borrow::Cow;

/// Turns `row_to_json`'s form into the output function's. Every other text stays as it is.
pub(crate) fn to_live(text: &str) -> Cow<'_, str> {
    let Some(parts) = Parts::of(text, b'T') else { return Cow::Borrowed(text) };
    let zone = match parts.zone {
        Some(zone) if zone.len() == 6 && zone.ends_with(":00") => zone.get(..3).unwrap_or(zone),
        Some(zone) => zone,
        None => "",
    };
    Cow::Owned(format!("{} {}{zone}{}", parts.date, parts.time, parts.era))
}

/// Turns the output function's form into `row_to_json`'s. Every other text stays as it is.
pub(crate) fn to_json(text: &str) -> Cow<'_, str> {
    let Some(parts) = Parts::of(text, b' ') else { return Cow::Borrowed(text) };
    let minutes = if parts.zone.is_some_and(|zone| zone.len() == 3) { ":00" } else { "" };
    Cow::Owned(format!("{}T{}{}{minutes}{}", parts.date, parts.time, parts.zone.unwrap_or(""), parts.era))
}

struct Parts<'a> {
    /// Four digits of a year or more, and two of month and day.
    date: &'a str,
    time: &'a str,
    /// `+HH`, `+HH:MM` or `+HH:MM:SS`.
    zone: Option<&'a str>,
    /// ` BC` or nothing.
    era: &'a str,
}

impl<'a> Parts<'a> {
    /// Splits a timestamp whose date and time stand on both sides of `separator`.
    fn of(text: &'a str, separator: u8) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        let (body, era) = match text.strip_suffix(" BC") {
            Some(body) => (body, " BC"),
            None => (text, ""),
        };
        let (date, clock) = body.split_once(char::from(separator))?;
        let (year, day) = date.split_once('-')?;
        if year.len() < 4 || !fits(year, &"0".repeat(year.len())) || !fits(day, "00-00") {
            return None;
        }
        let (time, zone) = match clock.find(['+', '-']) {
            Some(at) => (clock.get(..at)?, Some(clock.get(at..)?)),
            None => (clock, None),
        };
        let (seconds, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
        let is_zone = zone.and_then(|zone| zone.get(1..)).is_none_or(|offset| {
            let form = ["00", "00:00", "00:00:00"];
            form.iter().any(|form| fits(offset, form))
        });
        (fits(seconds, "00:00:00") && is_fraction && is_zone).then_some(Self { date, time, zone, era })
    }
}

/// Whether the text has a digit for each 0 of the form, and else its bytes.
fn fits(text: &str, form: &str) -> bool {
    let is_same = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_each_form_into_the_other() {
        for (json, live) in [
            ("2026-01-02T03:04:05.678+00:00", "2026-01-02 03:04:05.678+00"),
            ("2026-01-02T03:04:05", "2026-01-02 03:04:05"),
            ("2026-01-02T03:04:05.000001+05:30", "2026-01-02 03:04:05.000001+05:30"),
            ("1880-01-01T00:00:00-00:01:15", "1880-01-01 00:00:00-00:01:15"),
            ("0044-03-15T12:00:00+00:00 BC", "0044-03-15 12:00:00+00 BC"),
            ("294276-12-31T23:59:59.999999", "294276-12-31 23:59:59.999999"),
        ] {
            assert_eq!((to_live(json), to_json(live)), (live.into(), json.into()));
        }
    }

    #[test]
    fn keeps_every_other_text() {
        for text in [
            "infinity",
            "-infinity",
            "2026-01-02",
            "0044-03-15 BC",
            "03:04:05",
            "03:04:05+00",
            "2026-1-02T03:04:05",
            "T",
            "",
            "é",
            "2026-01-02T03:04:05.",
            "2026-01-02T03:04:05+0",
        ] {
            assert_eq!((to_live(text), to_json(text)), (text.into(), text.into()));
        }
        assert_eq!(to_live("2026-01-02 03:04:05+00"), "2026-01-02 03:04:05+00");
    }
}
