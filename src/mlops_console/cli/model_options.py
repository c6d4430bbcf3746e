"""What the commands of models have in common."""

from typing import Annotated

import typer

RefArgument = Annotated[str, typer.Argument(metavar="MODEL_REF", help="fraud:7 or fraud@champion")]
