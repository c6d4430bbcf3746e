"""What README.md shows was run."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GIVEN = """
import pandas as pd
from sklearn.linear_model import LogisticRegression
X = pd.DataFrame({"amount": [1.0, 2.0, 30.0, 40.0] * 10})
frame = X.assign(fraud=[0, 0, 1, 1] * 10)
model = LogisticRegression().fit(X, frame.fraud)
loss, auc = 0.1, 0.95
reference, current = X, X + 60
"""


def test_the_python_examples_run(tmp_path: Path) -> None:
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    check = (
        "assert list(best['params.lr']) == [0.1]\nassert model.predict(X).tolist() == [0, 0, 1, 1] * 10\n"
        "assert report.drifted_features == ('amount',)\n"
    )
    program = GIVEN + "".join(examples) + check
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, check=True, timeout=60)


def test_every_file_that_is_linked_is_there() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "sample_projects").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
