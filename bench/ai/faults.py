"""Verdicts: how many injected faults are found, and how many alarms there are where nothing was injected."""

import numpy
from scipy.stats import poisson

import series

WEEK = 168
# No verdict is given in the first two weeks.
JUDGED = 2 * WEEK
WEEKS = 8
SEEDS = range(201, 211)
# Into each series the number of each kind, each into a run of its own.
INJECTED = 10
SILENCE_HOURS = 24
BURST = 5
# A burst is injected where at least these records are usual: five times two are within what chance makes.
LEAST_USUAL = 5

# The mean an hour, the weekend's share of it, the noise beyond Poisson's.
KINDS = {
    "2,000 an hour": (2000, 0.35, 0.1), "120 an hour": (120, 0.3, 0.1), "15 an hour": (15, 0.3, 0.1),
    "3 an hour": (3, 0.5, 0.1), "80 an hour, noisy": (80, 0.8, 0.5), "200 an hour, none at weekends": (200, 0.0, 0.1),
}


def run(ask):
    """Rows of ours, and of bounds by Poisson's distribution over the same runs. `ask` hands a line to the program and gives its answer."""
    def ours(counts):
        answer = ask(f"judge hourly {' '.join(str(count) for count in counts)}")
        _, letters = answer.split()
        assert len(letters) == len(counts), answer
        return letters

    rows = []
    for name, kind in KINDS.items():
        rows.append((name, injected(ours, *kind), injected(bounds, *kind)))
    rows.append(("three writers", writers(ask), None))
    return rows + [(name, still(ours, counts), still(bounds, counts)) for name, counts in quiet().items()]


def bounds(counts):
    """The baseline: a bucket with a chance of less than one in 160,000, were its records Poisson's around the mean of its hour in
    the four weeks before."""
    counts, chance = numpy.asarray(counts), 1 / 160_000
    before = [counts[at % WEEK:at:WEEK][-4:].mean() for at in range(JUDGED, len(counts))]
    most = numpy.maximum(numpy.nan_to_num(poisson.isf(chance, before)), 1)
    is_silent = (counts[JUDGED:] == 0) & (poisson.cdf(0, before) < chance)
    return "?" * JUDGED + "".join("B" if burst else "S" if silent else "." for burst, silent in zip(counts[JUDGED:] > most, is_silent))


def alarms(letters):
    """Neighbours with one verdict are one alarm."""
    return sum(letter in "BS" and letter != before for before, letter in zip("." + letters, letters))


def injected(judge, mean, weekend, noise):
    """How many were injected, how many of each were found, the alarms without them, and the weeks that these are of."""
    found = {"silence": 0, "burst": 0}
    tried, clean, weeks = 0, 0, 0
    for seed in SEEDS:
        counts = series.hours(seed, WEEKS * WEEK, mean, weekend, noise=noise)
        # The usual count: the middle of the same hour of all weeks.
        usual = numpy.tile(numpy.median(counts.reshape(-1, WEEK), axis=0), WEEKS)
        clean += alarms(judge(counts))
        weeks += WEEKS - 2
        draw = numpy.random.default_rng(seed)
        for _ in range(INJECTED):
            tried += 1
            # On a day on which records are usual.
            while True:
                at = int(draw.integers(JUDGED, WEEKS * WEEK - SILENCE_HOURS))
                if usual[at:at + SILENCE_HOURS].sum() >= LEAST_USUAL:
                    break
            silent = counts.copy()
            silent[at:at + SILENCE_HOURS] = 0
            found["silence"] += "S" in judge(silent)[at:at + SILENCE_HOURS]
            at = int(draw.choice(numpy.flatnonzero((usual >= LEAST_USUAL) & (numpy.arange(len(counts)) >= JUDGED))))
            burst = counts.copy()
            burst[at] = max(BURST * usual[at], BURST * counts[at])
            found["burst"] += judge(burst)[at] == "B"
    return tried, found, clean, weeks


def writers(ask):
    """Three writers, and a fourth from some hour on; a clean run has none after its first hours."""
    found, clean, weeks = 0, 0, 0
    for seed in SEEDS:
        draw = numpy.random.default_rng(seed)
        buckets = [[f"w{writer}" for writer in range(3) if hour < 3 or draw.random() < 0.5] for hour in range(WEEKS * WEEK)]
        known = ask("newcomers " + " ".join(",".join(bucket) or "w0" for bucket in buckets)).split()
        clean += sum(int(hour) >= 3 for hour in known)
        weeks += WEEKS
        for _ in range(INJECTED):
            at = int(draw.integers(JUDGED, WEEKS * WEEK))
            other = [bucket + ["new"] if hour == at else bucket for hour, bucket in enumerate(buckets)]
            found += str(at) in ask("newcomers " + " ".join(",".join(bucket) or "w0" for bucket in other)).split()
    return len(SEEDS) * INJECTED, {"new writer": found}, clean, weeks


def still(judge, counts):
    # An answer takes at most 10,000 buckets.
    parts = [counts[first:first + 9000] for first in range(0, len(counts), 9000)]
    return 0, {}, sum(alarms(judge(part)) for part in parts), sum(len(part) // WEEK - 2 for part in parts)


def quiet():
    """Series with nothing to find in them."""
    local = numpy.arange(104 * WEEK)
    # Clocks that change twice a year, seen from UTC: four times in two years.
    local = local + numpy.isin((local + 13 * WEEK) // (26 * WEEK), (1, 3))
    hour, day = local % 24, local // 24 % 7
    record = numpy.zeros(5 * WEEK, dtype=int)
    record[-1] = 1
    return {
        "two years of office hours, clocks change four times": numpy.where((hour >= 8) & (hour < 18) & (day < 5), 90, 0),
        "7 an hour": numpy.full(8 * WEEK, 7),
        "one record after a month of none": record,
        "electricity demand, England, twelve weeks": series.demand().astype(int),
    }
