"""Settings: what is written is read back, and what is unknown is refused."""

from dataclasses import dataclass, field

import pytest

from membraneseg.config import RunConfig, load_config
from membraneseg.errors import MembraneSegError
from membraneseg.settings import Wording, explain, from_values, to_toml


def test_the_saved_configuration_reads_back_to_itself(tmp_path):
    config = load_config(
        None,
        ["segment.flips=false", "mesh_formats=glb,stl"],
    )
    (tmp_path / "c.toml").write_text(to_toml(config))
    assert load_config(tmp_path / "c.toml") == config
    assert config != RunConfig()


def test_set_wins_over_the_file(tmp_path):
    (tmp_path / "c.toml").write_text("tilt_range_deg = 50.0\n[segment]\nbatch = 2\n")
    config = load_config(tmp_path / "c.toml", ["segment.batch=3"])
    assert (config.tilt_range_deg, config.segment.batch) == (50.0, 3)


def test_whole_numbers_are_taken_for_lengths_and_angles():
    assert load_config(None, ["tilt_range_deg=45"]).tilt_range_deg == 45.0


def test_lists_may_be_written_with_commas():
    assert load_config(None, ["mesh_formats=glb,obj"]).mesh_formats == ("glb", "obj")


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("nothing.here=1", "nothing"),
        ("segment.flips=7", "segment.flips"),
        ("segment=7", "segment.key"),
        ("mesh_formats=ply", "ply"),
        ("tilt_range_deg=5", "5"),
    ],
)
def test_wrong_settings_are_refused_by_name(setting, word):
    with pytest.raises(MembraneSegError, match=word):
        load_config(None, [setting])


def test_every_setting_has_a_help_text():
    rows = explain(RunConfig)
    assert len(rows) > 30
    assert [name for name, _, text in rows if not text] == []


def test_a_group_named_in_part_keeps_its_own_defaults_for_the_rest():
    @dataclass(frozen=True)
    class Layer:
        kinds: tuple[str, ...] = ()
        share: float = 0.0

    @dataclass(frozen=True)
    class Crowd:
        small: Layer = field(default_factory=lambda: Layer(("globule",), 0.25))

    wording = Wording("run", "configuration", "check it", "a saved one", "small.share=0.1")
    globals().update(Layer=Layer, Crowd=Crowd)  # where the type hints are looked up
    chosen = from_values(Crowd, {"small": {"kinds": ["rod", "disc"]}}, wording)
    assert chosen == Crowd(Layer(("rod", "disc"), 0.25))
    assert ("small.share", "0.25", "") in explain(Crowd)
