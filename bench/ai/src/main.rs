//! Forecasts and judges series by lines, for `bench/ai`. A line in is one of
//!
//! - `forecast SEASONS HORIZON COUNT…`, which gives the method, microseconds and `EXPECTED,LOW80,HIGH80,LOW95,HIGH95` of each bucket;
//! - `judge SEASONS COUNT…`, which gives microseconds and a letter for each bucket;
//! - `newcomers WRITER,WRITER… …`, the writers of each bucket, which gives the numbers of the buckets with a new one.
//!
//! An answer that begins with `cannot tell` or `refused` says why.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

use counterfoil_forecast::{ForecastError, Point, Seasons, Series, Verdict, forecast, judge, newcomers};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let answer = match answer(&line?)? {
            Ok(answer) => answer,
            Err(error) if error.cannot_tell() => format!("cannot tell: {error}"),
            Err(error) => format!("refused: {error}"),
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn answer(line: &str) -> Result<Result<String, ForecastError>, Box<dyn Error>> {
    if let Some(buckets) = line.strip_prefix("newcomers ") {
        let writers = |bucket: &str| bucket.split(',').map(str::to_owned).collect();
        let new = newcomers(BTreeSet::new(), &buckets.split(' ').map(writers).collect::<Vec<_>>());
        let new = new.iter().enumerate().filter(|(_, new)| !new.is_empty()).map(|(bucket, _)| bucket.to_string());
        return Ok(Ok(new.collect::<Vec<_>>().join(" ")));
    }
    let mut words = line.split_ascii_whitespace();
    let mut word = || words.next().ok_or("the line ends early");
    let (what, seasons) = (word()?, seasons(word()?)?);
    let horizon = if what == "forecast" { Some(word()?.parse()?) } else { None };
    let counts = words.map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let began = Instant::now();
    let series = Series::new((0..).zip(counts), seasons);
    Ok(series.and_then(|series| match horizon {
        Some(horizon) => {
            let found = forecast(&series, horizon)?;
            let micros = began.elapsed().as_micros();
            let points = found.points.iter().map(point).collect::<Vec<_>>().join(" ");
            Ok(format!("{:?} {micros} {points}", found.method))
        }
        None => {
            let verdicts = judge(&series);
            let micros = began.elapsed().as_micros();
            Ok(format!("{micros} {}", verdicts.iter().map(|judged| letter(judged.verdict)).collect::<String>()))
        }
    }))
}

fn seasons(name: &str) -> Result<Seasons, Box<dyn Error>> {
    match name {
        "hourly" => Ok(Seasons::HOURLY),
        "daily" => Ok(Seasons::DAILY),
        "monthly" => Ok(Seasons::MONTHLY),
        "quarterly" => Ok(Seasons::QUARTERLY),
        other => Err(format!("{other} are no seasons").into()),
    }
}

fn point(point: &Point) -> String {
    let Point { expected, interval_80: (low_80, high_80), interval_95: (low_95, high_95) } = point;
    format!("{expected},{low_80},{high_80},{low_95},{high_95}")
}

const fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::CannotTell => '?',
        Verdict::Usual => '.',
        Verdict::Burst => 'B',
        Verdict::Silence => 'S',
    }
}
