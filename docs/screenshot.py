"""Takes the screenshot of the README: the console itself, on a workspace, saved by the program as SVG.

python docs/screenshot.py WORKSPACE [KEY...] > docs/screenshot.svg
"""

import asyncio
import sys
from pathlib import Path

from mlops_console.store.workspace import find_workspace
from mlops_console.tui.app import ConsoleApp


async def screenshot(workspace: Path, keys: list[str]) -> str:
    app = ConsoleApp(find_workspace(workspace))
    async with app.run_test(size=(120, 34)) as pilot:
        for key in (*keys, None):
            await pilot.pause(1.5)  # what a thread reads has no event that a script outside of the app could await
            if key is not None:
                await pilot.press(key)
        return app.export_screenshot(title="mlops-console")


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(screenshot(Path(sys.argv[1]), sys.argv[2:])))
