"""Stage `generate`: believable card transactions, 2.5 % of them fraud; by hand `python transactions.py`.

Two kinds of fraud are at work. A stolen card buys dear things at night, far from the last purchase, often by
magnetic stripe. A card tester tries numbers of fresh accounts online with small sums, minutes apart. Some of either
look like anybody's shopping, as in life.
"""

from pathlib import Path

import mlops_console as mlops
import numpy as np
import pandas as pd

FRAUD_SHARE = 0.025
DAYS = 90
MEDIAN_AMOUNT = {"groceries": 32, "fuel": 48, "restaurant": 27, "clothing": 60, "electronics": 140, "travel": 210}

Mix = dict[str, float]  # the share of each category; they add up to 1
USUAL = {"groceries": 0.42, "fuel": 0.14, "restaurant": 0.22, "clothing": 0.12, "electronics": 0.06, "travel": 0.04}
HOLIDAY = {"groceries": 0.26, "fuel": 0.12, "restaurant": 0.24, "clothing": 0.12, "electronics": 0.08, "travel": 0.18}
HOME = {"DE": 0.84, "AT": 0.05, "FR": 0.04, "NL": 0.03, "ES": 0.02, "US": 0.02}
ABROAD = {"DE": 0.55, "AT": 0.10, "FR": 0.12, "NL": 0.05, "ES": 0.15, "US": 0.03}
HOLIDAY_AMOUNTS = 1.35  # people spend more, whatever they buy


def _pick(rng: np.random.Generator, mix: Mix, n: int) -> np.ndarray:
    return rng.choice(list(mix), size=n, p=list(mix.values()))


def transactions(n: int, seed: int, holiday: bool = False) -> pd.DataFrame:
    """`n` transactions. `holiday` changes amount, merchant_category and country, and nothing else."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["fair", "stolen", "tester"], size=n, p=[1 - FRAUD_SHARE, 0.6 * FRAUD_SHARE, 0.4 * FRAUD_SHARE])
    looks = np.where(rng.random(n) < 0.12, "fair", kind)  # some fraud gives no sign

    def by_kind(fair: np.ndarray, stolen: np.ndarray, tester: np.ndarray) -> np.ndarray:
        return np.select([looks == "stolen", looks == "tester"], [stolen, tester], fair)

    category = by_kind(
        _pick(rng, HOLIDAY if holiday else USUAL, n),
        _pick(rng, USUAL | {"groceries": 0.10, "electronics": 0.30, "travel": 0.12}, n),
        _pick(rng, USUAL, n),
    )
    usual_amount = pd.Series(category).map(MEDIAN_AMOUNT).to_numpy() * rng.lognormal(0, 0.55, n)
    amount = by_kind(usual_amount, 2.4 * usual_amount, rng.lognormal(1.2, 0.5, n))
    country = by_kind(
        _pick(rng, ABROAD if holiday else HOME, n),
        _pick(rng, HOME | {"DE": 0.56, "US": 0.30}, n),
        _pick(rng, HOME, n),
    )
    entry = by_kind(
        _pick(rng, {"contactless": 0.45, "chip": 0.30, "online": 0.22, "stripe": 0.03}, n),
        _pick(rng, {"contactless": 0.30, "chip": 0.15, "online": 0.20, "stripe": 0.35}, n),
        _pick(rng, {"contactless": 0.01, "chip": 0.01, "online": 0.97, "stripe": 0.01}, n),
    )
    hour = by_kind(rng.normal(14.5, 3.8, n), rng.normal(26, 2.5, n), rng.uniform(0, 24, n)).astype(int) % 24
    return pd.DataFrame(
        {
            "day": np.sort(rng.integers(DAYS, size=n)),
            "amount": (amount * (HOLIDAY_AMOUNTS if holiday else 1)).round(2),
            "merchant_category": category,
            "country": country,
            "entry": entry,
            "hour": hour,
            "distance_km": by_kind(*(rng.lognormal(m, 1.0, n) for m in (1.6, 4.2, 1.6))).round(1),
            "days_since_last": by_kind(*(rng.exponential(m, n) for m in (2.0, 0.8, 0.03))).round(3),
            "account_age_days": by_kind(*(rng.gamma(2, m, n) for m in (800, 800, 150))).astype(int),
            "is_fraud": (kind != "fair").astype(int),
        }
    )


def main() -> None:
    params = mlops.params("generate")
    frame = transactions(params["rows"], params["seed"])
    Path("data").mkdir(exist_ok=True)
    frame.to_csv("data/transactions.csv", index=False)
    print(f"{len(frame)} transactions, {frame['is_fraud'].mean():.2%} of them fraud")


if __name__ == "__main__":
    main()
