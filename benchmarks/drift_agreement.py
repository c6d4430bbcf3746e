"""Whether our `evidently` profile and the rules of `drift_rules.py` say what the packages themselves say, and how far
our estimated performance is from NannyML's.

$BENCH_DATA may name a folder with elec.csv (Harries 1999), of which the first and the last rows are compared too.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.drift import ask
from benchmarks.drift_rules import CHUNKS, Nannyml, alibi_detect, evidently
from benchmarks.peers import python_of

if TYPE_CHECKING:
    import pandas as pd

Pair = tuple["pd.DataFrame", "pd.DataFrame"]

_FEW = 5  # values of a number, up to which it is a category to Evidently
_MILLIONTHS = 1e6
_PAIRS = 4  # of synthetic sides for each size of the reference
_SIZES = ((300, 80), (800, 300), (2_000, 100), (5_000, 700))
_CATEGORICAL = ("few", "many", "two")


def bench_agreement() -> dict[str, float]:
    """Largest differences of the figures, and how many verdicts differ; 0 is agreement."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        if python_of("evidently").exists():
            found |= _evidently(Path(place))
        if python_of("nannyml").exists():
            found |= _nannyml(Path(place)) | _cbpe(Path(place))
        if python_of("alibi-detect").exists():
            found |= _alibi_detect(Path(place))
    return found


def _evidently(place: Path) -> dict[str, float]:
    import mlops_console as mlops

    worst = verdicts = rules = columns = 0.0
    for ref, cur, theirs in _asked("evidently", place, [*_synthetic(), *_elec()]):
        ours = {feature.name: feature for feature in mlops.drift(ref, cur, profile="evidently").features}
        for name, (score, drifted) in theirs.items():
            mine = ours[name]
            figure = mine.p_value if mine.test in ("ks", "chi2", "z") else mine.statistic
            assert figure is not None
            columns, worst = columns + 1, max(worst, abs(figure - score))
            verdicts += mine.drifted != drifted
            coded = _codes(ref[name], cur[name])
            few = name in _CATEGORICAL or len({*coded[0], *coded[1]}) <= _FEW
            rules += evidently(*coded, categorical=few) != drifted
    return {
        "evidently: columns compared": columns,
        "evidently: largest difference of a score, millionths": _MILLIONTHS * worst,
        "evidently: other verdicts by our profile": verdicts,
        "evidently: other verdicts by the rules of the simulation": rules,
    }


def _nannyml(place: Path) -> dict[str, float]:
    worst = verdicts = 0.0
    pairs = [(_rows(CHUNKS * len(cur), 1_000 + at), cur) for at, (_, cur) in enumerate(_synthetic())]
    for ref, cur, theirs in _asked("nannyml", place, pairs):
        for name, (distance, alarm) in theirs.items():
            fitted = Nannyml.fit(_codes(ref[name], cur[name])[0], categorical=name in _CATEGORICAL)
            mine = _codes(ref[name], cur[name])[1]
            worst = max(worst, abs(fitted.distance(mine) - distance))
            verdicts += fitted.drifted(mine) != alarm
    return {
        "nannyml: largest difference of a distance, millionths": _MILLIONTHS * worst,
        "nannyml: other verdicts by the rules": verdicts,
    }


def _alibi_detect(place: Path) -> dict[str, float]:
    worst = 0.0
    pairs = []
    for ref, cur in _synthetic():
        coded = {name: _codes(ref[name], cur[name]) for name in ref.columns}
        pairs.append(tuple(type(ref)({name: pair[at] for name, pair in coded.items()}) for at in (0, 1)))
    for ref, cur, theirs in _asked("alibi-detect", place, pairs):
        for name, (p, _) in theirs.items():
            mine = alibi_detect(ref[name].to_numpy(), cur[name].to_numpy(), categorical=name in _CATEGORICAL)
            worst = max(worst, abs(mine - p))
    return {"alibi-detect: largest difference of a p-value (of 32 bits), millionths": _MILLIONTHS * worst}


def _cbpe(place: Path) -> dict[str, float]:
    """A logistic regression on 5,000 held-out rows and a window of 2,000 that are harder; both are calibrated."""
    import numpy as np
    import pandas as pd

    from mlops_console.core.models import Signature
    from mlops_console.core.profiles import HeldOut
    from mlops_console.drift.live.rows import LiveRows
    from mlops_console.drift.performance.measure import measure

    rng = np.random.default_rng(0)
    sides = []
    for rows, spread in ((5_000, 2.0), (2_000, 1.0)):
        chance = 1 / (1 + np.exp(-rng.normal(0, spread, rows)))
        sides.append(pd.DataFrame({"probability": chance, "label": (rng.random(rows) < chance).astype(int)}))
        sides[-1]["prediction"] = (chance > 0.5).astype(int)
    paths = [place / name for name in ("held_out.csv", "window.csv")]
    for side, path in zip(sides, paths, strict=True):
        side.to_csv(path, index=False)
    theirs = ask("nannyml", "cbpe", *paths)
    ref, cur = sides
    held_out = HeldOut(
        "classification", (0, 1), tuple(ref["prediction"].tolist()), tuple(ref["label"].tolist()),
        tuple((1 - p, p) for p in ref["probability"].tolist()),
    )  # fmt: skip
    live = LiveRows(
        {}, cur["prediction"].to_numpy(dtype=object),
        np.column_stack([1 - cur["probability"], cur["probability"]]),
        np.full(len(cur), None, dtype=object), np.zeros(len(cur)),
    )  # fmt: skip
    performance = measure(Signature((), "classification", (0, 1), True), held_out, live)
    ours = {figure.metric: figure.value for figure in performance.estimated}
    assert ours, performance.not_estimated
    return {
        f"nannyml CBPE: difference of the estimated {name}, millionths": _MILLIONTHS * abs(ours[name] - theirs[name])
        for name in theirs
    }


def _asked(peer: str, place: Path, pairs: Sequence[Pair]) -> Iterator[tuple["pd.DataFrame", "pd.DataFrame", Any]]:
    """Each pair with what the peer says of it, by column: the score, and whether it has drifted."""
    folder = place / peer
    folder.mkdir()
    for at, sides in enumerate(pairs):
        for name, side in zip(("ref", "cur"), sides, strict=True):
            side.to_csv(folder / f"{name}-{at}.csv", index=False)
    answers = ask(peer, "scores", folder, ",".join(_CATEGORICAL))
    for (ref, cur), answer in zip(pairs, answers, strict=True):
        yield ref, cur, answer


def _synthetic() -> Iterator[Pair]:
    for size, (n, m) in enumerate(_SIZES):
        for pair in range(_PAIRS):
            yield _rows(n, 100 * size + 2 * pair), _rows(m, 100 * size + 2 * pair + 1, 0.1 * pair)


def _elec() -> Iterator[Pair]:
    import pandas as pd

    path = Path(os.environ.get("BENCH_DATA", "")) / "elec.csv"
    if not path.is_file():
        print("  elec.csv is not there: $BENCH_DATA may name its folder")
        return
    rows = pd.read_csv(path)
    for n, m in ((800, 500), (10_000, 2_000), (20_000, 20_000)):
        yield rows.head(n), rows.tail(m)


def _rows(count: int, seed: int, shift: float = 0.0) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    labels = np.array([f"label {at}" for at in range(30)], dtype=object)
    return pd.DataFrame(
        {
            "normal": rng.normal(shift, 1, count),
            "skewed": rng.lognormal(shift, 1, count),
            "whole": rng.poisson(4 + shift, count).astype(float),
            "three": rng.choice([0.0, 1.0, 2.0], count, p=[0.5 - shift / 4, 0.3 + shift / 4, 0.2]),
            "few": labels[rng.choice(4, count, p=[0.4 - shift / 4, 0.3 + shift / 4, 0.2, 0.1])],
            "many": labels[rng.integers(0, 30, count)],
            "two": labels[(rng.random(count) < 0.4 + shift / 4).astype(int)],
        }
    )


def _codes(ref: "pd.Series[Any]", cur: "pd.Series[Any]") -> tuple[Any, Any]:
    """Categories as numbers, the same ones on both sides; numbers as they are."""
    import pandas as pd

    if ref.dtype.kind in "fi":
        return ref.to_numpy(dtype="float64"), cur.to_numpy(dtype="float64")
    codes, _ = pd.factorize(pd.concat([ref, cur]), sort=True)
    return codes[: len(ref)].astype("float64"), codes[len(ref) :].astype("float64")
