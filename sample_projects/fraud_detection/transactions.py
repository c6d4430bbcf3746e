"""Stage `generate`: believable card transactions, 2.5 % of them fraud; by hand `python transactions.py`."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import mlops_console as mlops

DAYS = 90
MEDIAN_AMOUNT = {"groceries": 32, "fuel": 48, "restaurant": 27, "clothing": 60, "electronics": 140, "travel": 210}

Mix = dict[str, float]  # the share of each category; they add up to 1


@dataclass(frozen=True)
class Behaviour:
    """How a kind of people pay. Every column of a transaction is drawn from one line of this."""

    categories: Mix
    countries: Mix
    entries: Mix
    spend: float = 1.0  # times what is usual in the merchant's category
    hour: tuple[float, float] = (14.5, 3.8)  # mean and standard deviation
    distance_km: float = 5.0  # median, from the last purchase
    pause_days: float = 2.0  # mean, since the last purchase
    account_days: float = 1600.0  # mean age of the account


USUAL = Behaviour(
    {"groceries": 0.42, "fuel": 0.14, "restaurant": 0.22, "clothing": 0.12, "electronics": 0.06, "travel": 0.04},
    {"DE": 0.84, "AT": 0.05, "FR": 0.04, "NL": 0.03, "ES": 0.02, "US": 0.02},
    {"contactless": 0.45, "chip": 0.30, "online": 0.22, "stripe": 0.03},
)
HOLIDAY = replace(
    USUAL,
    categories=USUAL.categories | {"groceries": 0.22, "fuel": 0.12, "restaurant": 0.26, "travel": 0.22},
    countries=USUAL.countries | {"DE": 0.55, "AT": 0.11, "FR": 0.12, "NL": 0.05, "ES": 0.15},
    spend=1.5,
)
# A stolen card buys dear things at night, far from the last purchase and often by magnetic stripe.
STOLEN = replace(
    USUAL,
    categories=USUAL.categories | {"groceries": 0.10, "electronics": 0.30, "travel": 0.12},
    countries=USUAL.countries | {"DE": 0.56, "US": 0.30},
    entries={"contactless": 0.30, "chip": 0.15, "online": 0.20, "stripe": 0.35},
    spend=2.4,
    hour=(26, 2.5),
    distance_km=65.0,
    pause_days=0.8,
)
# A card tester tries numbers of fresh accounts online, with small sums, minutes apart, at any hour.
TESTER = replace(
    USUAL,
    entries={"contactless": 0.01, "chip": 0.01, "online": 0.97, "stripe": 0.01},
    spend=0.08,
    hour=(14.5, 20.0),
    pause_days=0.03,
    account_days=300.0,
)


def shop(rng: np.random.Generator, n: int, who: Behaviour) -> pd.DataFrame:
    category, country, entry = (
        rng.choice(list(mix), n, p=list(mix.values())) for mix in (who.categories, who.countries, who.entries)
    )
    usual = np.array([MEDIAN_AMOUNT[name] for name in category], dtype=float)
    return pd.DataFrame(
        {
            "amount": (usual * who.spend * rng.lognormal(0, 0.55, n)).round(2),
            "merchant_category": category,
            "country": country,
            "entry": entry,
            "hour": rng.normal(*who.hour, n).astype(int) % 24,
            "distance_km": (who.distance_km * rng.lognormal(0, 1, n)).round(1),
            "days_since_last": rng.exponential(who.pause_days, n).round(3),
            "account_age_days": rng.gamma(2, who.account_days / 2, n).astype(int),
        }
    )


def transactions(n: int, seed: int, holiday: bool = False) -> pd.DataFrame:
    """`n` transactions in the order of their days; on holiday the honest customers behave otherwise."""
    rng = np.random.default_rng(seed)
    honest = HOLIDAY if holiday else USUAL
    kinds = [(honest, 0), (STOLEN, 1), (TESTER, 1), (honest, 1)]  # some fraud gives no sign
    counts = rng.multinomial(n, [0.975, 0.013, 0.009, 0.003])
    parts = [shop(rng, count, who).assign(is_fraud=fraud) for count, (who, fraud) in zip(counts, kinds, strict=True)]
    frame = pd.concat(parts).sample(frac=1, random_state=seed, ignore_index=True)
    frame.insert(0, "day", np.sort(rng.integers(DAYS, size=n)))
    return frame


def main() -> None:
    params = mlops.params("generate")
    frame = transactions(params["rows"], params["seed"])
    Path("data").mkdir(exist_ok=True)
    frame.to_csv("data/transactions.csv", index=False)
    print(f"{len(frame)} transactions, {frame['is_fraud'].mean():.2%} of them fraud")


if __name__ == "__main__":
    main()
