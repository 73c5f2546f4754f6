"""The folder of pages is replaced as a whole, and only a folder of pages is replaced."""

import pytest

from pipelines.declarations.cube import load_cubes
from pipelines.reports.lineage import LAYERS, layer_of, load_lineage
from pipelines.reports.portal import MARK, NotAPortalError, replaced


def build(folder, text):
    with replaced(folder) as new:
        (new / "index.html").write_text(text, "utf-8")


def test_pages_take_the_place_of_the_old_ones_and_nothing_else_stays(tmp_path):
    folder = tmp_path / "portal"
    build(folder, "old")
    (folder / "gone.html").touch()

    build(folder, "new")

    assert {path.name for path in folder.iterdir()} == {"index.html", MARK}
    assert (folder / "index.html").read_text("utf-8") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["portal"]


def test_a_build_that_fails_leaves_the_old_pages(tmp_path):
    folder = tmp_path / "portal"
    build(folder, "old")

    with pytest.raises(TypeError):
        build(folder, None)

    assert (folder / "index.html").read_text("utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["portal"]


def test_what_a_killed_build_left_goes_with_the_next(tmp_path):
    left = tmp_path / ".portal.0123.new.tmp"
    left.mkdir()

    build(tmp_path / "portal", "new")

    assert not left.exists()


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "letter.txt").write_text("mine", "utf-8")

    with pytest.raises(NotAPortalError, match="Name a new or an empty folder"):
        build(tmp_path, "new")

    assert (tmp_path / "letter.txt").read_text("utf-8") == "mine"


def test_every_mart_comes_from_a_cube_and_every_cube_from_data_sets():
    lineage = load_lineage()
    marts = [name for name in lineage.parents if name.startswith("mart_")]

    assert len(marts) > 20
    for name in marts:
        assert {layer_of(each) for each in lineage.ancestors(name)} >= {"Cubes", "Slices", "Staging"}, name
    for cube in load_cubes():
        assert lineage.data_sets(cube), cube
    assert set(map(layer_of, lineage.parents)) == set(LAYERS.values())


def test_a_data_set_reaches_the_marts_that_are_made_of_it():
    lineage = load_lineage()

    assert "mart_clicks_daily" in lineage.marts_of("app__link_clicks")
    assert "mart_clicks_daily" not in lineage.marts_of("web__access_logs")
    assert "mart_platform_daily" in lineage.marts_of("whatsapp__statuses")
