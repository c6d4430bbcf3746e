"""Send card transactions to a model server; after a while the customers are on holiday.

For instance `python replay.py --url http://127.0.0.1:8100 --rows 4000 --shift-after 2000`.
"""

import traffic
from transactions import transactions

# What the holiday changes: people travel, spend more and pay abroad. When, how and how often they pay stays.
SHIFTED = ("amount", "merchant_category", "country")


def rows(n: int, seed: int, shifted: bool = False) -> list[traffic.Row]:
    """`n` transactions as the model is asked about them, without the answer."""
    return transactions(n, seed, holiday=shifted).drop(columns=["day", "is_fraud"]).to_dict("records")


def truths(n: int, seed: int, shifted: bool = False) -> list[int]:
    """Which of the same transactions the owners of the cards will say they did not make."""
    return transactions(n, seed, holiday=shifted)["is_fraud"].tolist()


if __name__ == "__main__":
    traffic.main(rows, truths)
