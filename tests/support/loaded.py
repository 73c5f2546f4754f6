"""Which heavy packages a command leaves loaded: what it costs to start, without a clock."""

import json
import subprocess
import sys

# Each takes between a twentieth of a second and more than a second to import.
HEAVY = frozenset(
    [
        "altair",
        "dagster",
        "dbt",
        "duckdb",
        "lingua",
        "numpy",
        "polars",
        "presidio_analyzer",
        "pyarrow",
        "scipy",
        "spacy",
        "vl_convert",
    ]
)
_LOADED = """
import json, sys
from pipelines.cli.app import main
sys.argv = ["wasms", *sys.argv[1:]]
try:
    main()
finally:
    print("\\n" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def loaded(*arguments: str, among: frozenset[str] = HEAVY) -> set[str]:
    """Which of the heavy packages a command left loaded."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return among & set(json.loads(done.stderr.strip().splitlines()[-1]))
