"""The closed surface: cavities cut out, rims closed, quads split so that left mirrors right."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import KDTree

from fhmr_blender.core.arrays import Floats, Indices

from .source import Source

MIRROR = np.array([-1.0, 1.0, 1.0])  # left = +x


@dataclass(frozen=True, eq=False)
class Surface:
    """A watertight triangle mesh over a selection of the source's vertices.

    Every vertex is an average of source vertices (`gather`, rows sum to 1): itself for most, the
    whole rim for the vertices that close a cut.
    """

    gather: sparse.csr_matrix  # (V, N)
    faces: Indices  # (F, 3)
    uv: Floats  # (U, 2)
    faces_uv: Indices  # (F, 3)
    mirrored: Indices  # (V,) the vertex on the other side

    def mirror(self, vertices: Floats) -> Floats:
        """Vertices or offsets (..., V, 3) of the mirrored body."""
        return vertices[..., self.mirrored, :] * MIRROR.astype(vertices.dtype)

    def neighbours(self) -> sparse.csr_matrix:
        """(V, V) ones between vertices that share an edge."""
        start, end = self.faces[:, [0, 1, 2]].ravel(), self.faces[:, [1, 2, 0]].ravel()
        count = len(self.mirrored)
        ones = np.ones(2 * len(start))
        matrix = sparse.csr_matrix(
            (ones, (np.r_[start, end], np.r_[end, start])), shape=(count, count)
        )
        matrix.data[:] = 1.0
        return matrix


def close_surface(source: Source) -> Surface:
    """Cut the cavities and close each of the three rims with one vertex."""
    quads, quads_uv = source.quads[~source.cavity], source.quads_uv[~source.cavity]
    kept = np.unique(quads)
    renumber = np.full(len(source.template), -1)
    renumber[kept] = np.arange(len(kept))
    quads = renumber[quads]
    positions = source.template[kept]
    mirrored = _mirrored_vertices(positions)
    faces, faces_uv = _split(quads, quads_uv, mirrored)

    rows, columns, values = [np.arange(len(kept))], [kept], [np.ones(len(kept))]
    fans, fans_uv, uv, centres = [faces], [faces_uv], [source.uv], []
    for rim, rim_uv in _rims(quads, quads_uv):
        centre = len(kept) + len(centres)
        centre_uv = len(source.uv) + len(centres)
        following, following_uv = np.roll(rim, -1), np.roll(rim_uv, -1)
        # A rim runs against the edges of the faces around it, so the fan faces outwards.
        fans.append(np.stack((rim, following, np.full(len(rim), centre)), 1))
        fans_uv.append(np.stack((rim_uv, following_uv, np.full(len(rim), centre_uv)), 1))
        uv.append(source.uv[rim_uv].mean(0, keepdims=True))
        centres.append(positions[rim].mean(0))
        rows.append(np.full(len(rim), centre))
        columns.append(kept[rim])
        values.append(np.full(len(rim), 1.0 / len(rim)))
    centre_mirrored = len(kept) + _mirrored_vertices(np.array(centres))
    gather = sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(kept) + len(centres), len(source.template)),
    )
    return Surface(
        gather=gather,
        faces=np.concatenate(fans),
        uv=np.concatenate(uv),
        faces_uv=np.concatenate(fans_uv),
        mirrored=np.r_[mirrored, centre_mirrored],
    )


def is_watertight(faces: Indices) -> bool:
    """Whether every edge is walked exactly once each way."""
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    forwards, backwards = np.sort(_key(edges)), np.sort(_key(edges[:, ::-1]))
    once = bool(np.all(np.diff(forwards) > 0))
    return once and bool(np.array_equal(forwards, backwards))


def volume(vertices: Floats, faces: Indices) -> Floats:
    """Enclosed volume (...) in cubic metres of closed meshes (..., V, 3)."""
    a, b, c = (vertices[..., faces[:, corner], :] for corner in range(3))
    return np.sum(a * np.cross(b, c), axis=(-1, -2)) / 6.0


def _key(edges: Indices) -> Indices:
    return edges[:, 0].astype(np.int64) * 1_000_000 + edges[:, 1]


def _mirrored_vertices(positions: Floats) -> Indices:
    distance, mirrored = KDTree(positions).query(positions * MIRROR)
    if distance.max() > 1e-3 or len(np.unique(mirrored)) != len(positions):
        raise ValueError("the surface is not mirror-symmetric")
    return np.asarray(mirrored)


def _split(quads: Indices, quads_uv: Indices, mirrored: Indices) -> tuple[Indices, Indices]:
    """Two triangles a quad; the diagonal through the corner that both sides agree on."""
    canonical = np.minimum(quads, mirrored[quads])
    first_diagonal = np.minimum(canonical[:, 0], canonical[:, 2])
    other_diagonal = np.minimum(canonical[:, 1], canonical[:, 3])
    turned = (first_diagonal > other_diagonal)[:, None]
    order = np.where(turned, [1, 2, 3, 0], [0, 1, 2, 3])
    corners = np.take_along_axis(quads, order, 1)
    corners_uv = np.take_along_axis(quads_uv, order, 1)
    halves = np.array([[0, 1, 2], [0, 2, 3]])
    return corners[:, halves].reshape(-1, 3), corners_uv[:, halves].reshape(-1, 3)


def _rims(quads: Indices, quads_uv: Indices) -> list[tuple[Indices, Indices]]:
    """Closed loops (vertices, their uv) along the open edges, against the faces' direction."""
    start = quads.ravel()
    end = np.roll(quads, -1, 1).ravel()
    edges = np.stack((start, end), 1)
    is_open = ~np.isin(_key(edges), _key(edges[:, ::-1]))
    previous = dict(zip(end[is_open].tolist(), start[is_open].tolist(), strict=True))
    uv_of = dict(zip(start[is_open].tolist(), quads_uv.ravel()[is_open].tolist(), strict=True))
    rims = []
    while previous:
        first = min(previous)
        loop = [first]
        while (vertex := previous.pop(loop[-1])) != first:
            loop.append(vertex)
        rims.append((np.array(loop), np.array([uv_of[vertex] for vertex in loop])))
    return rims
