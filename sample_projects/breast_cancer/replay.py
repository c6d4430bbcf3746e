"""Send tumours to a model server, as a clinic would; after a while the clinic has a new camera.

For instance `python replay.py --url http://127.0.0.1:8100 --rows 4000 --shift-after 2000`.
"""

import numpy as np
import pandas as pd
import traffic
from sklearn.datasets import load_breast_cancer

TARGET = "malignant"

# The new camera has more contrast and is sharper. Texture is the spread of the grey values, smoothness the raggedness
# of the outline; size and shape stay what they were.
CAMERA = {
    "mean texture": 1.5,
    "texture error": 1.5,
    "worst texture": 1.5,
    "mean smoothness": 1.15,
    "worst smoothness": 1.15,
}
SHIFTED = tuple(CAMERA)


def tumours(n: int, seed: int, shifted: bool) -> pd.DataFrame:
    """`n` measured tumours, drawn with replacement, each measured anew with an error of 1 %; and what they are."""
    known = load_breast_cancer(as_frame=True)  # not what `prepare` has made: that may be of what was sent from here
    rng = np.random.default_rng(seed)
    which = rng.integers(len(known.data), size=n)
    drawn = known.data.iloc[which].reset_index(drop=True)
    truth = 1 - known.target.to_numpy()[which]  # scikit-learn has 1 for benign
    drawn *= rng.normal(1.0, 0.01, size=drawn.shape)
    if shifted:
        drawn = drawn.assign(**{name: drawn[name] * factor for name, factor in CAMERA.items()})
    return drawn.round(6).assign(**{TARGET: truth})


def rows(n: int, seed: int, shifted: bool = False) -> list[traffic.Row]:
    """What the model is asked about: the measures of `n` tumours."""
    return tumours(n, seed, shifted).drop(columns=TARGET).to_dict("records")


def truths(n: int, seed: int, shifted: bool = False) -> list[int]:
    """What the laboratory finds of the same tumours; the camera makes no tumour malignant."""
    return tumours(n, seed, shifted)[TARGET].tolist()


if __name__ == "__main__":
    traffic.main(rows, truths)
