"""Real files with unusual headers open right or are refused in one sentence (optional data)."""

import os
from pathlib import Path

import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import check_voxels, read_tomogram

FOLDER = Path(os.environ.get("MEMBRANESEG_DATA", "does-not-exist")) / "headers"
OPEN = {  # voxel size in Å and origin xyz in Å, worked out by hand from the header's bytes
    "data_type_mrc3D.mrc": (742.3984375 / 32, (0, 0, 0)),
    "data_type_rec3D.rec": (742.3984375 / 32, (0, 0, 0)),
    "mrcfile_EMD-3197.map": (11.4, (-22.8, 0, 0)),
    "mrcfile_EMD-3197.map.bz2": (11.4, (-22.8, 0, 0)),
    "mrcfile_emd_3197.map.gz": (11.4, (-22.8, 0, 0)),
    "pyto_io_test_big_head.mrc": (16.84, (0, 0, -2744.91943)),
    "pyto_io_test_new-head_int16.mrc": (4.0, (-944, -964, -90)),
    "test_image_membrane.rec": (19.733333, (-7995.94629, -10648.69922, 700.53333)),
}
REFUSED = {
    "blik_3d_vol.mrc": "--voxel-size",
    "cryocat_tilt_stack.mrc": "not a tomogram",
    "data_type_mrc2D.mrc": "not a tomogram",
    "mrcfile_EMD-3001.map": "rectangular",
    "mrcfile_EMD-3001.map.bz2": "rectangular",
    "mrcfile_emd_3001.map.gz": "rectangular",
    "preprocessing_target.mrc": "not a tomogram",
    "pyto_io_test_swapped_byte_order.mrc": "not a tomogram",
    "t74_vesicle3_bin6.Labels.mrc": "--voxel-size",
    "test_1d_example.rec": "not a tomogram",
}
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="MEMBRANESEG_DATA is not set")


@pytest.mark.parametrize("name", sorted(OPEN))
def test_a_sound_file_opens_with_the_right_size_and_place(name):
    tomogram, _ = read_tomogram(FOLDER / name)
    check_voxels(tomogram)
    voxel_size, origin_xyz = OPEN[name]
    assert tomogram.voxel_size_A == pytest.approx(voxel_size, rel=1e-6)
    assert tomogram.origin_zyx_A[::-1] == pytest.approx(origin_xyz, abs=1e-3)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_unsound_file_is_refused_for_its_own_reason(name):
    with pytest.raises(MembraneSegError, match=REFUSED[name]):
        read_tomogram(FOLDER / name)


def test_every_file_there_is_in_one_of_the_lists():
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted({**OPEN, **REFUSED})
