"""`wasms generate`."""

import typer
from typer.testing import CliRunner

from pipelines.cli.generate import generate


def test_generate_writes_the_feeds_and_counts_them(tmp_path):
    app = typer.Typer()
    app.command()(generate)
    options = ["--workspaces", "2", "--contacts", "20", "--days", "2", "--start", "2026-03-02"]

    result = CliRunner().invoke(app, ["--out", str(tmp_path), *options])

    assert result.exit_code == 0
    assert "whatsapp__statuses" in result.stdout
    assert "2 workspaces" in result.stdout
    assert (tmp_path / "whatsapp" / "2026-03-02.jsonl").exists()
