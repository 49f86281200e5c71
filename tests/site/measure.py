"""Print what the calculator of a built site loads, and how long its first answer takes on this machine.

``uv run python -m tests.site.measure site`` prints the table of CONTRIBUTING.
"""

import sys
import time
from pathlib import Path

from ..support.browser import browser, served


def main(site: Path) -> None:
    """Print the table for the ``site``."""
    files = [file for file in sorted((site / "calculator").rglob("*")) if file.is_file()]
    print("| file | MB |\n|---|---|")
    for file in files:
        print(f"| `{file.relative_to(site)}` | {file.stat().st_size / 1e6:.2f} |")
    print(f"| all | {sum(file.stat().st_size for file in files) / 1e6:.2f} |")
    with served(site) as address, browser() as page:
        begin = time.perf_counter()
        page.open(f"{address}index.html")
        read = time.perf_counter() - begin
        page.wait("document.querySelector('.calculator').dataset.answered")
        print(f"\nThe page can be read after {read:.1f} s; the first answer is there after ", end="")
        print(f"{time.perf_counter() - begin:.1f} s.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
