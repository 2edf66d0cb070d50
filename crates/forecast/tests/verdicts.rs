//! Verdicts: each with a twin, the same run without its fault.

use counterfoil_forecast::{Judged, Seasons, Series, Verdict, judge};

const WEEK: usize = 168;

fn verdicts(counts: &[u64], seasons: Seasons) -> Vec<Verdict> {
    judged(counts, seasons).iter().map(|judged| judged.verdict).collect()
}

fn judged(counts: &[u64], seasons: Seasons) -> Vec<Judged> {
    judge(&Series::new((0..).zip(counts.iter().copied()), seasons).expect("it is a good series"))
}

/// Neighbours with one verdict are one alarm.
fn alarms(verdicts: &[Verdict]) -> usize {
    let runs = verdicts.chunk_by(|one, next| one == next);
    runs.filter(|run| matches!(run[0], Verdict::Burst | Verdict::Silence)).count()
}

/// Ten records an hour, 40 at noon, and one more or less by turns.
fn even(hours: usize) -> Vec<u64> {
    (0..hours).map(|hour| if hour % 24 == 12 { 40 } else { 9 + hour as u64 * 7 % 3 }).collect()
}

fn with(mut counts: Vec<u64>, range: std::ops::Range<usize>, count: u64) -> Vec<u64> {
    counts[range].fill(count);
    counts
}

#[test]
fn finds_a_burst_and_not_its_twin() {
    let at = 3 * WEEK + 5;
    let burst = verdicts(&with(even(4 * WEEK), at..at + 1, 50), Seasons::HOURLY);
    assert_eq!(burst[at], Verdict::Burst);
    assert_eq!(alarms(&burst), 1);
    assert_eq!(alarms(&verdicts(&even(4 * WEEK), Seasons::HOURLY)), 0);
}

#[test]
fn what_is_usual_at_noon_is_a_burst_in_the_morning() {
    let (noon, morning) = (3 * WEEK + 12, 3 * WEEK + 9);
    assert_eq!(verdicts(&with(even(4 * WEEK), noon..noon + 1, 45), Seasons::HOURLY)[noon], Verdict::Usual);
    assert_eq!(verdicts(&with(even(4 * WEEK), morning..morning + 1, 45), Seasons::HOURLY)[morning], Verdict::Burst);
}

#[test]
fn finds_a_silence_as_one_alarm_up_to_its_end() {
    let (from, to) = (3 * WEEK + 5, 3 * WEEK + 29);
    let silence = verdicts(&with(even(4 * WEEK), from..to, 0), Seasons::HOURLY);
    assert_eq!(silence[from], Verdict::Usual, "ten records by chance are none once in 22,000 hours");
    assert_eq!(silence[from + 1..to], vec![Verdict::Silence; to - from - 1]);
    assert_eq!(silence[to], Verdict::Usual);
    assert_eq!(alarms(&silence), 1);
}

#[test]
fn days_are_judged_by_their_weekday() {
    let days =
        |last: u64| -> Vec<u64> { (0..60).map(|day| if day % 7 >= 5 { 0 } else { 100 }).chain([last]).collect() };
    // Day 60 is a Friday.
    for (last, verdict) in [(100, Verdict::Usual), (500, Verdict::Burst), (0, Verdict::Silence)] {
        let found = verdicts(&days(last), Seasons::DAILY);
        assert_eq!(found[60], verdict, "{last}");
        assert_eq!(alarms(&found[..60]), 0);
        assert_eq!(found[27..29], [Verdict::CannotTell, Verdict::Usual]);
    }
}

#[test]
fn cannot_tell_before_two_weeks() {
    let found = verdicts(&with(even(2 * WEEK + 1), 2 * WEEK - 1..2 * WEEK + 1, 1_000), Seasons::HOURLY);
    assert_eq!(found[..2 * WEEK], vec![Verdict::CannotTell; 2 * WEEK]);
    assert_eq!(found[2 * WEEK], Verdict::Burst);
}

#[test]
fn a_verdict_stays_as_the_series_grows() {
    let counts = with(with(even(4 * WEEK), 500..530, 0), 600..601, 99);
    let whole = judged(&counts, Seasons::HOURLY);
    for end in [337, 505, 530, 601, 640] {
        assert_eq!(judged(&counts[..end], Seasons::HOURLY), whole[..end], "{end}");
    }
}

#[test]
fn changes_of_clocks_and_empty_weekends_raise_an_alarm_a_week_at_most() {
    for weeks in [50, 52] {
        let office: Vec<u64> = (0..weeks * WEEK)
            .map(|hour| {
                // In local time, which is an hour ahead in summer.
                let local = hour + usize::from((13 * WEEK..39 * WEEK).contains(&hour));
                if (8..18).contains(&(local % 24)) && local / 24 % 7 < 5 { 90 } else { 0 }
            })
            .collect();
        let found = verdicts(&office, Seasons::HOURLY);
        for week in found.chunks(WEEK) {
            assert!(alarms(week) <= 1, "{week:?}");
        }
        assert_eq!(alarms(&found[..13 * WEEK]), 0);
    }
}

#[test]
fn a_constant_and_its_growth_raise_no_alarm() {
    assert_eq!(alarms(&verdicts(&vec![7; 8 * WEEK], Seasons::HOURLY)), 0);
    let growing: Vec<u64> = (0..8 * WEEK).map(|hour| 100 + hour as u64 / 4).collect();
    assert_eq!(alarms(&verdicts(&growing, Seasons::HOURLY)), 0);
}

#[test]
fn one_record_after_a_month_of_none_is_explained() {
    let mut counts = vec![0; 5 * WEEK];
    counts.push(1);
    let found = judged(&counts, Seasons::HOURLY);
    assert_eq!(found[5 * WEEK], Judged { verdict: Verdict::Usual, expected: 0.0, most: 4.0 });
    assert!(found.iter().all(|judged| judged.expected.is_finite() && judged.most.is_finite()));
    counts[5 * WEEK] = 5;
    assert_eq!(verdicts(&counts, Seasons::HOURLY)[5 * WEEK], Verdict::Burst);
}
