#!/usr/bin/env python3
"""Writes market/prices/synthetic_etfs.csv.gz: SYNTHETIC closes for ten ETFs.

The numbers are invented. They bear the tickers of real funds because the book of the incident
holds them, and are of no use for anything but demo and tests.

A return is  drift + beta * S&P 500 return - duration * yield change + noise:  the first two
series are the real ones of this folder, the noise is normal with a fixed seed. Sessions are the
dates of the stock file. Python's standard library only; the same bytes at every call.

    python3 data/synthetic.py
"""

import csv
import gzip
import io
import math
import pathlib

SEED = 20161230
FIRST, LAST = "2013-12-02", "2017-03-29"
SESSIONS = 252

# symbol: first close, drift per year, market beta, duration in years, noise per year
ETFS = {
    "BIL": (45.75, 0.001, 0.000, 0.0, 0.002),
    "LQD": (98.00, 0.012, 0.030, 8.0, 0.022),
    "VTV": (66.00, 0.004, 0.960, 0.0, 0.035),
    "VUG": (84.00, 0.002, 1.040, 0.0, 0.040),
    "XLV": (50.00, 0.010, 0.930, 0.0, 0.085),
    "GOVT": (23.20, 0.008, 0.000, 5.5, 0.010),
    "IAU": (11.90, -0.010, -0.050, 5.0, 0.150),
    "IEFA": (53.00, -0.045, 0.920, 0.0, 0.075),
    "MUB": (95.00, 0.020, 0.000, 3.5, 0.024),
    "VO": (100.00, 0.000, 1.010, 0.0, 0.045),
}

FOLDER = pathlib.Path(__file__).resolve().parent / "market"


class Normal:
    """Standard normal numbers: a 64-bit linear congruential generator and Box-Muller."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return ((self.state >> 11) + 0.5) / 2**53

    def next(self):
        radius = math.sqrt(-2.0 * math.log(self.uniform()))
        return radius * math.cos(2.0 * math.pi * self.uniform())


def column(lines, name):
    """Values of a wide table by date; empty cells are left out."""
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {row["date"]: float(row[name]) for row in rows if row[name]}


def main():
    stocks = FOLDER / "prices" / "us_20_stocks_index_factors_2012_2022.csv.gz"
    with gzip.open(stocks, "rt", encoding="utf-8") as file:
        index = column(file, "SP500")
    with open(FOLDER / "yields.csv", encoding="utf-8") as file:
        yields = column(file, "UST10Y")

    sessions = [date for date in sorted(index) if FIRST <= date <= LAST]
    closes = {symbol: [values[0]] for symbol, values in ETFS.items()}
    for number, symbol in enumerate(ETFS):
        # A stream of its own for each symbol: adding one changes no other.
        normal = Normal(SEED + number)
        for _ in range(10):
            normal.uniform()
        _, drift, beta, duration, noise = ETFS[symbol]
        close, known = ETFS[symbol][0], yields[FIRST]
        for before, date in zip(sessions, sessions[1:]):
            market = index[date] / index[before] - 1.0
            change = yields.get(date, known) - known
            known = yields.get(date, known)
            own = noise * math.sqrt(1.0 / SESSIONS) * normal.next()
            close *= 1.0 + drift / SESSIONS + beta * market - duration * change + own
            closes[symbol].append(close)

    text = io.StringIO()
    text.write(f"# SYNTHETIC closes, invented by data/synthetic.py with seed {SEED}: not market data.\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["date", *ETFS])
    for row, date in enumerate(sessions):
        writer.writerow([date, *(f"{closes[symbol][row]:.4f}" for symbol in ETFS)])

    # No name and no time in the header: the same bytes at every call.
    with open(FOLDER / "prices" / "synthetic_etfs.csv.gz", "wb") as raw:
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            packed.write(text.getvalue().encode("utf-8"))


if __name__ == "__main__":
    main()
