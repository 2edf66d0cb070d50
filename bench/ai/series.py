"""The series: real ones out of the files of packages, and made ones by stated seeds. All as whole numbers, as counts are."""

import csv
import datetime
import gzip
import importlib.util
import pathlib
import re
from dataclasses import dataclass

import numpy

# By the length of a step: its name, how often it repeats itself, the points of a fit, and those that are forecast.
HOURLY = ("hourly", [24, 168], 672, 48)
DAILY = ("daily", [7], 364, 14)
MONTHLY = ("monthly", [12], 240, 12)
QUARTERLY = ("quarterly", [4], 120, 8)


@dataclass
class Series:
    """Counts, of which the last `horizon` are forecast from those before."""

    name: str
    # The package that it came in, or the seed that it is made by.
    origin: str
    seasons: str
    periods: list
    counts: list
    horizon: int

    def __init__(self, name, origin, values, step, scale=1):
        self.name, self.origin = name, origin
        self.seasons, self.periods, points, self.horizon = step
        values = numpy.asarray(values, dtype=float)
        # Their gaps are the sources': each is closed by the values next to it.
        known = ~numpy.isnan(values)
        values = numpy.interp(numpy.arange(len(values)), numpy.flatnonzero(known), values[known])
        self.counts = [int(count) for count in numpy.rint(values * scale)[-points - self.horizon:]]


def demand():
    """Two half hours a point, twelve weeks."""
    halves = pmdarima("taylor")
    return numpy.add.reduceat(halves, range(0, len(halves), 2))


def real():
    """Series that were measured or counted, by the packages that carry them."""
    weather = table("vega_datasets", "_data/seattle-weather.csv")
    jobs = table("vega_datasets", "_data/us-employment.csv")
    return [
        Series("electricity demand, England", "pmdarima", demand(), HOURLY),
        Series("electricity demand, June", "pmdarima", demand()[:720], HOURLY),
        Series("temperature, Seattle", "vega_datasets", column(table("vega_datasets", "_data/seattle-temps.csv"), "temp"), HOURLY, 10),
        Series("temperature, San Francisco", "vega_datasets", column(table("vega_datasets", "_data/sf-temps.csv"), "temp"), HOURLY, 10),
        Series("water flow", "river", column(table("river", "datasets/water-flow.csv"), "Water flow [l/s]"), HOURLY, 100),
        Series("sea temperature", "bokeh-sampledata", sea(), HOURLY, 1000),
        Series("commits of a project, by day", "bokeh-sampledata", commits(), DAILY),
        Series("wind, Seattle", "vega_datasets", column(weather, "wind"), DAILY, 10),
        Series("warmest hour, Seattle", "vega_datasets", numpy.array(column(weather, "temp_max")) + 20, DAILY, 10),
        Series("passengers", "sktime", column(table("sktime", "datasets/data/Airline/Airline.csv"), "Passengers"), MONTHLY),
        Series("prescriptions", "sktime", column(table("sktime", "datasets/data/PBS_dataset/PBS_dataset.csv"), "Scripts"), MONTHLY),
        Series("casualties of drivers", "sktime", column(table("sktime", "datasets/data/seatbelts/seatbelts.csv"), "KSI"), MONTHLY),
        Series("wine", "pmdarima", pmdarima("wineind"), MONTHLY),
        Series("beer", "pmdarima", pmdarima("ausbeer"), QUARTERLY),
        Series("wool", "pmdarima", pmdarima("woolyrnq"), QUARTERLY),
        Series("electrical equipment", "statsmodels", equipment(), MONTHLY, 100),
        Series("sea surface, El Nino", "statsmodels", months("statsmodels", "datasets/elnino/elnino.csv"), MONTHLY, 100),
        Series("jobs in retail", "vega_datasets", column(jobs, "retail_trade"), MONTHLY, 10),
        Series("jobs in leisure", "vega_datasets", column(jobs, "leisure_and_hospitality"), MONTHLY),
        Series("unemployment", "bokeh-sampledata", months("bokeh_sampledata", "_data/unemployment1948.csv"), MONTHLY, 100),
    ]


def made():
    """Records an hour as backends append them: a seed each."""
    kinds = [
        ("busy office", 2000, 0.35, 0), ("office", 120, 0.3, 0), ("small office", 15, 0.3, 0), ("shop, growing", 300, 0.9, 0.5),
        ("machines, even", 60, 1.0, 0), ("shop, noisy", 80, 1.2, 0), ("quiet", 3, 0.5, 0),
    ]
    return [Series(f"made: {name}", f"seed {seed}", hours(seed, 720, mean, weekend, growth, noise=0.5 if "noisy" in name else 0.1,
                                                         flat="even" in name), HOURLY)
            for seed, (name, mean, weekend, growth) in enumerate(kinds, 1)]


def hours(seed, count, mean, weekend, growth=0.0, noise=0.1, flat=False):
    """Counts by hour from a Monday on: a day's and a week's course, growth over the whole, and noise beyond Poisson's."""
    draw = numpy.random.default_rng(seed)
    at = numpy.arange(count)
    hour, day = at % 24, at // 24 % 7
    course = numpy.ones(count) if flat else 0.08 + numpy.exp(-(((hour - 11) / 4.0) ** 2)) + 0.7 * numpy.exp(-(((hour - 16) / 3.0) ** 2))
    rate = mean * course / course.mean() * numpy.where(day >= 5, weekend, 1.0) * (1 + growth * at / count)
    return draw.poisson(rate * draw.gamma(1 / noise**2, noise**2, count))


def path(package, name):
    """A file of an installed package, which is not imported."""
    return pathlib.Path(importlib.util.find_spec(package).submodule_search_locations[0]) / name


def table(package, name):
    file = path(package, name)
    with gzip.open(file, "rt", encoding="latin-1") if file.suffix == ".gz" else open(file, encoding="latin-1") as lines:
        return list(csv.DictReader(lines))


def column(rows, name):
    return [float(row[name]) if row[name] else numpy.nan for row in rows]


def months(package, name):
    """A table with a year in each row."""
    rows = list(csv.reader(open(path(package, name))))
    return [float(cell) if cell else numpy.nan for row in rows[1:] for cell in row[1:13]]


def equipment():
    rows = list(csv.reader(open(path("statsmodels", "datasets/elec_equip/elec_equip.csv"))))
    return [float(row[1]) for row in rows[1:]]


def pmdarima(name):
    """The numbers in a module of pmdarima, which needs more than is installed here to be imported."""
    text = path("pmdarima", f"datasets/{name}.py").read_text()
    numbers = re.search(r"np\.array\(\[([^\]]*)\]", text[text.index('"""', text.index('"""') + 3):]).group(1)
    return numpy.array([float(number) for number in re.findall(r"[0-9.]+", numbers)])


def sea():
    rows = table("bokeh_sampledata", "_data/sea_surface_temperature.csv.gz")
    return [float(row["temperature (celsius)"]) for row in rows if row["time (UTC)"][14:16] == "00"]


def by_day(dates):
    """How many there are of each day, from the first day to the last."""
    numbers = [date.toordinal() for date in dates]
    return numpy.bincount(numpy.array(numbers) - min(numbers))


def commits():
    lines = gzip.open(path("bokeh_sampledata", "_data/commits.txt.gz"), "rt").read().splitlines()
    dates = [datetime.datetime.strptime(line.strip().strip('"').rsplit(" ", 1)[0], "%a, %d %b %Y %H:%M:%S").date() for line in lines if line.strip()]
    return by_day(dates)
