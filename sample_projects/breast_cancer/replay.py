"""Send tumours to a model server, as a clinic would; after a while the clinic has a new camera.

For instance `python replay.py --url http://127.0.0.1:8100 --rows 4000 --shift-after 2000`.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import traffic

HERE = Path(__file__).resolve().parent

# The new camera has more contrast and softens the outlines. Texture is the spread of the grey values,
# smoothness the raggedness of the outline; size and shape stay what they were.
CAMERA = {
    "mean texture": 1.4,
    "texture error": 1.4,
    "worst texture": 1.4,
    "mean smoothness": 0.85,
    "worst smoothness": 0.85,
}
SHIFTED = tuple(CAMERA)


def rows(n: int, seed: int, shifted: bool = False) -> list[traffic.Row]:
    """`n` measured tumours, drawn with replacement, each measured anew with an error of 1 %."""
    tables = [pd.read_csv(HERE / "build" / name) for name in ("train.csv", "test.csv")]
    tumours = pd.concat(tables).drop(columns="malignant")
    rng = np.random.default_rng(seed)
    drawn = tumours.iloc[rng.integers(len(tumours), size=n)].reset_index(drop=True)
    drawn *= rng.normal(1.0, 0.01, size=drawn.shape)
    if shifted:
        drawn = drawn.assign(**{name: drawn[name] * factor for name, factor in CAMERA.items()})
    return drawn.round(6).to_dict("records")


if __name__ == "__main__":
    traffic.main(rows)
