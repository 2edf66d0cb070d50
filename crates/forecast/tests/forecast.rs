//! Forecasts: of what can be told, and of what cannot.

use counterfoil_forecast::{ForecastError, MAX_COUNT, MAX_HORIZON, MAX_POINTS, Method, Seasons, Series, forecast};

fn series(counts: impl IntoIterator<Item = u64>, seasons: Seasons) -> Series {
    Series::new((0..).zip(counts), seasons).expect("it is a good series")
}

/// Numbers of a linear congruential generator: the same at each run.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |last| Some(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)))
        .map(|number| number >> 33)
        .skip(1)
}

/// A day's and a week's course.
fn course(hour: usize) -> u64 {
    let (hour, day) = (hour % 24, hour / 24 % 7);
    if day >= 5 { 5 } else { 20 + 10 * hour as u64 }
}

#[test]
fn refuses_what_is_no_series() {
    let new = |buckets: Vec<(i64, u64)>| Series::new(buckets, Seasons::HOURLY).unwrap_err();
    assert_eq!(new(vec![]), ForecastError::Empty);
    assert_eq!(new(vec![(5, 1), (7, 1)]), ForecastError::Gap { before: 5, found: 7 });
    assert_eq!(new(vec![(5, 1), (5, 1)]), ForecastError::Gap { before: 5, found: 5 });
    assert_eq!(new(vec![(i64::MAX, 1), (i64::MIN, 1)]), ForecastError::Gap { before: i64::MAX, found: i64::MIN });
    assert_eq!(new(vec![(5, MAX_COUNT + 1)]), ForecastError::CountTooLarge { bucket: 5, count: MAX_COUNT + 1 });
    assert_eq!(new((0..=MAX_POINTS as i64).map(|bucket| (bucket, 1)).collect()), ForecastError::TooLong);
}

#[test]
fn tells_nothing_from_too_little() {
    for (counts, error) in [
        (vec![7], ForecastError::TooShort { found: 1, least: 49 }),
        (vec![7; 48], ForecastError::TooShort { found: 48, least: 49 }),
        (vec![0; 700], ForecastError::NothingAppended),
    ] {
        let found = forecast(&series(counts, Seasons::HOURLY), 48).unwrap_err();
        assert!(found.cannot_tell());
        assert_eq!(found, error);
    }
    let enough = series(vec![7; 49], Seasons::HOURLY);
    assert_eq!(forecast(&enough, 48).unwrap().points.len(), 48);
    for asked in [0, MAX_HORIZON + 1] {
        let found = forecast(&enough, asked).unwrap_err();
        assert!(!found.cannot_tell());
        assert_eq!(found, ForecastError::Horizon { asked });
    }
}

#[test]
fn what_repeats_itself_exactly_is_forecast_exactly_by_the_baseline() {
    let found = forecast(&series((0..672).map(course), Seasons::HOURLY), 168).unwrap();
    assert_eq!(found.method, Method::SeasonalNaive);
    assert_eq!(found.error, Some(0.0));
    let expected: Vec<f64> = found.points.iter().map(|point| point.expected).collect();
    assert_eq!(expected, (672..840).map(|hour| course(hour) as f64).collect::<Vec<_>>());
}

#[test]
fn a_decomposition_answers_only_where_it_errs_less_than_the_baseline() {
    let growing = series(
        (0..672).zip(numbers(1)).map(|(hour, noise)| course(hour) * (1_000 + hour as u64) / 100 + noise % 20),
        Seasons::HOURLY,
    );
    let found = forecast(&growing, 48).unwrap();
    assert_ne!(found.method, Method::SeasonalNaive);
    assert!(found.error < found.naive_error, "{found:?}");
    for seed in 0..20 {
        let chance = series(numbers(seed).take(672).map(|number| number % 40), Seasons::HOURLY);
        let found = forecast(&chance, 48).unwrap();
        assert!(found.error <= found.naive_error, "seed {seed}");
        assert_eq!(found.method == Method::SeasonalNaive, found.error == found.naive_error, "seed {seed}");
    }
}

#[test]
fn each_number_of_a_forecast_is_finite_and_in_order() {
    let kinds: [fn(u64) -> u64; 5] = [
        |number| number % 3,
        |number| number % 2 * MAX_COUNT,
        |_| MAX_COUNT,
        |number| u64::from(number % 100 == 0),
        |number| 1 << (number % 53),
    ];
    for (seed, kind) in (0..).zip(kinds) {
        for (seasons, points) in
            [(Seasons::HOURLY, 49), (Seasons::HOURLY, 337), (Seasons::HOURLY, 744), (Seasons::DAILY, 15)]
        {
            let counts: Vec<u64> = numbers(seed).take(points - 1).map(kind).chain([1]).collect();
            let found = forecast(&series(counts, seasons), MAX_HORIZON).unwrap();
            for point in found.points {
                let (low_80, high_80, low_95, high_95) =
                    (point.interval_80.0, point.interval_80.1, point.interval_95.0, point.interval_95.1);
                let in_order = [0.0, low_95, low_80, point.expected, high_80, high_95, MAX_COUNT as f64];
                assert!(in_order.iter().all(|number| number.is_finite()), "kind {seed}, {points}: {point:?}");
                assert!(in_order.is_sorted(), "kind {seed}, {points}: {point:?}");
            }
        }
    }
}

#[test]
fn the_same_series_has_the_same_forecast() {
    let once = || forecast(&series(numbers(3).take(500).map(|number| number % 90), Seasons::HOURLY), 24).unwrap();
    assert_eq!(once(), once());
}
