"""Print a page as PDF with the Chromium or Chrome of this machine."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.declarations.errors import PipelineError
from warehouse.files import replacing

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# It prints one page of this machine: no profile of a person, no graphics card, nothing fetched or reported.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What it asks for by itself all the same finds no address.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_PATIENCE_S = 120


class NoBrowserError(PipelineError):
    """There is nothing to print with."""

    def __init__(self) -> None:
        super().__init__(
            "A PDF is printed by Chromium or Chrome, and none is on PATH. Install one, e.g. `apt-get install "
            "chromium`, or leave out --pdf: the page in HTML prints the same from any browser."
        )


class PrintError(PipelineError):
    """The browser printed nothing."""

    def __init__(self, browser: str) -> None:
        super().__init__(f"{browser} printed no PDF. Open the page in HTML in a browser, and print it there.")


def browser() -> str:
    """Return the path of the browser.

    Raises:
        NoBrowserError: There is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise NoBrowserError
    return found


def write_pdf(html: str, path: Path) -> None:
    """Print a page into a file, which is replaced as a whole; the profile is a new and empty one.

    Raises:
        NoBrowserError: There is no browser.
        PrintError: It failed.
    """
    program = browser()
    with TemporaryDirectory() as folder, replacing(path) as printed:
        page = Path(folder) / "report.html"
        page.write_text(html, "utf-8")
        target = [f"--user-data-dir={folder}/profile", "--no-pdf-header-footer", f"--print-to-pdf={printed}"]
        try:
            # The path is of this machine, the arguments are ours.
            subprocess.run(  # noqa: S603
                [program, *FLAGS, *target, page.as_uri()],
                check=True,
                capture_output=True,
                timeout=_PATIENCE_S,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            raise PrintError(Path(program).name) from None
        if not printed.exists():
            raise PrintError(Path(program).name)
