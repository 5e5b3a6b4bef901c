"""Embedded proteins: along the normal, by area and density, clear of each other."""

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.beads import beads_of
from membraneseg.phantom.box import Box
from membraneseg.phantom.embed import EmbeddedConfig, Surface, embed, surface_of, with_embedded
from membraneseg.phantom.liposomes import deformed_sphere
from membraneseg.phantom.membranes import Membrane, middle_mesh
from membraneseg.phantom.molecules import built_in
from membraneseg.phantom.occupancy import Space

VOXEL_A = 12.0
BOX = Box((70, 70, 70), VOXEL_A, np.full(3, -414.0))
SPACING_A = 6.6
RADIUS_A = 250.0


def sphere_surface(radius_A=RADIUS_A, label=1, count=4000, seed=0):
    normals = np.random.default_rng(seed).normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    areas = np.full(count, 4 * np.pi * radius_A**2 / count)
    return Surface(radius_A * normals, normals, areas, label, "liposome")


def shell_space(constraint="none", others=()):
    """Labels of concentric bilayers: 1 at RADIUS_A, then the others' radii."""
    z, y, x = (
        np.arange(n) * VOXEL_A + low for n, low in zip(BOX.shape_zyx, BOX.low_A, strict=True)
    )
    distance = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    labels = np.zeros(BOX.shape_zyx, dtype=np.int16)
    for label, radius_A in enumerate((RADIUS_A, *others), start=1):
        labels[np.abs(distance - radius_A) < 25.0] = label
    return Space(BOX, np.zeros(BOX.shape_zyx, dtype=bool), constraint, membranes=labels)


@pytest.mark.parametrize(("side", "sign"), [("outside", 1.0), ("inside", -1.0)])
def test_the_axis_lies_along_the_normal(side, sign):
    molecule = built_in("channel", SPACING_A)
    result = embed(molecule, [sphere_surface()], 5.0, shell_space(), np.random.default_rng(1), side)
    particles = result.particles[0]
    assert len(particles.centres_zyx_A) > 20
    normals = particles.centres_zyx_A / RADIUS_A
    assert particles.rotations[:, :, 0] == pytest.approx(sign * normals, abs=1e-9)
    assert np.linalg.det(particles.rotations) == pytest.approx(np.ones(len(normals)), abs=1e-9)
    assert (particles.membrane == 1).all()
    assert (particles.filament == 0).all()


def test_turns_about_the_axis_are_uniform():
    flat = Surface(
        np.random.default_rng(2).uniform(-300, 300, (500, 3)) * [0, 1, 1],
        np.tile([1.0, 0.0, 0.0], (500, 1)),
        np.full(500, 720.0),
        1,
    )
    space = Space(BOX, np.zeros(BOX.shape_zyx, dtype=bool), "none")
    axes = [
        embed(built_in("spike", SPACING_A), [flat], 6.0, space, np.random.default_rng(i))
        .particles[0]
        .rotations[:, :, 2]
        for i in range(15)
    ]
    x_axes = np.concatenate(axes)
    assert len(x_axes) > 150
    assert np.abs(x_axes.mean(axis=0)).max() < 0.15
    assert (x_axes[:, 1] ** 2).mean() == pytest.approx(0.5, abs=0.1)


def test_the_number_is_the_density_times_the_area():
    area_1000_nm2 = 4 * np.pi * RADIUS_A**2 / 1e5
    for density in (0.5, 1.0, 2.0):
        wanted = [
            embed(
                built_in("channel", SPACING_A),
                [sphere_surface()],
                density,
                shell_space(),
                np.random.default_rng(seed),
            )
            for seed in range(6)
        ]
        assert np.mean([r.wanted for r in wanted]) == pytest.approx(
            density * area_1000_nm2, abs=0.5
        )
        assert all(r.reached == r.wanted == len(r.particles[0].centres_zyx_A) for r in wanted)


def test_places_are_drawn_by_area():
    surface = sphere_surface(count=2000)
    upper = surface.normals_zyx[:, 0] > 0
    heavy = Surface(
        surface.points_zyx_A,
        surface.normals_zyx,
        np.where(upper, 9.0, 1.0) * surface.areas_A2 / 5.0,
        1,
    )
    z = np.concatenate(
        [
            embed(
                built_in("channel", SPACING_A),
                [heavy],
                1.5,
                shell_space(),
                np.random.default_rng(s),
            )
            .particles[0]
            .centres_zyx_A[:, 0]
            for s in range(25)
        ]
    )
    assert (z > 0).mean() == pytest.approx(0.9, abs=0.05)


def test_proteins_of_all_kinds_keep_clear_of_each_other_also_within_the_membrane():
    names = ("atp_synthase", "receptor", "channel")
    config = EmbeddedConfig(
        names, ("any", "liposome", "liposome"), ("outside", "outside", "inside"), (3.0, 3.0, 6.0)
    )
    molecules = {name: built_in(name, SPACING_A) for name in names}
    space = shell_space()
    result = with_embedded(space, [sphere_surface()], config, molecules, np.random.default_rng(3))
    seen = set()
    count = 0
    for group in result.particles:
        index = np.rint(BOX.to_index(beads_of(group)[0])).astype(int)
        for voxels in index.reshape(len(group.centres_zyx_A), -1, 3):
            mine = set(map(tuple, voxels.tolist()))
            assert not mine & seen
            seen |= mine
            count += 1
    assert count == result.reached > 40
    in_box = {voxel for voxel in seen if min(voxel) >= 0 and max(voxel) < BOX.shape_zyx[0]}
    assert set(map(tuple, np.argwhere(result.space.occupied).tolist())) == in_box
    assert not space.occupied.any()


def test_a_protein_enters_no_other_membrane():
    molecule = built_in("atp_synthase", SPACING_A)
    free = embed(molecule, [sphere_surface()], 2.0, shell_space(), np.random.default_rng(4))
    near = shell_space(others=(RADIUS_A + 150.0,))  # 20 nm of protein do not fit into 10 nm
    none = embed(molecule, [sphere_surface()], 2.0, near, np.random.default_rng(4))
    assert free.reached == free.wanted > 10
    assert none.reached == 0
    inward = embed(molecule, [sphere_surface()], 2.0, near, np.random.default_rng(4), "inside")
    assert inward.reached > 4


def test_kinds_of_membranes_get_their_own_proteins():
    surfaces = [sphere_surface(label=1), sphere_surface(150.0, label=2)]
    surfaces[1] = Surface(
        *(getattr(surfaces[1], f) for f in ("points_zyx_A", "normals_zyx", "areas_A2", "label")),
        "synaptic vesicle",
    )
    config = EmbeddedConfig(("channel",), ("synaptic vesicle",), ("outside",), (4.0,))
    molecules = {"channel": built_in("channel", SPACING_A)}
    space = shell_space(others=(150.0,))
    result = with_embedded(space, surfaces, config, molecules, np.random.default_rng(5))
    assert set(result.particles[0].membrane) == {2}
    distance = np.linalg.norm(result.particles[0].centres_zyx_A, axis=1)
    assert distance == pytest.approx(np.full(len(distance), 150.0))


def test_the_surface_of_a_mesh_has_its_area_and_outward_normals():
    body = deformed_sphere(np.zeros(3), RADIUS_A, 0.0, np.random.default_rng(6))
    membrane = Membrane(3, "liposome", body, 38.0)
    surface = surface_of(membrane, *middle_mesh(body, BOX))
    assert surface.areas_A2.sum() == pytest.approx(4 * np.pi * RADIUS_A**2, rel=0.01)
    assert surface.normals_zyx == pytest.approx(surface.points_zyx_A / RADIUS_A, abs=1e-3)
    assert (surface.label, surface.kind) == (3, "liposome")


@pytest.mark.parametrize(
    "wrong",
    [
        {"proteins": ("channel",)},
        {
            "proteins": ("channel",),
            "membranes": ("any",),
            "sides": ("top",),
            "densities_per_1000_nm2": (1.0,),
        },
        {
            "proteins": ("channel",),
            "membranes": ("any",),
            "sides": ("inside",),
            "densities_per_1000_nm2": (-1.0,),
        },
    ],
)
def test_incomplete_embeddings_are_refused(wrong):
    with pytest.raises(MembraneSegError, match=r"expected .*embedded"):
        EmbeddedConfig(**wrong)
