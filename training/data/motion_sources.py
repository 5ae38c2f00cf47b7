"""The archives of recorded motion: what each holds, who performs it, and which split it is in."""

import csv
import lzma
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from fhmr_blender.errors import FhmrError

from .motion_formats.asf_amc import parse_amc, parse_asf
from .motion_formats.bvh import parse_bvh
from .motion_formats.deepmimic import parse_deepmimic
from .motion_formats.expmap import parse_expmap
from .motion_formats.recording import MotionFileError, Recording
from .motion_formats.skeleton_maps import (
    ACCAD,
    ASF,
    CGSPEED,
    DAZ,
    DEEPMIMIC,
    MAKEHUMAN,
    MAKEHUMAN_LOOPS,
    SNU,
    SkeletonMap,
)

Split = Literal["train", "val", "test", "hdm05"]
_CMU_VALIDATION = frozenset({"08", "11", "49"})
_CMU_TEST = frozenset({"07", "09", "131", "135"})


@dataclass(frozen=True)
class Take:
    """One file of an archive, before it is parsed."""

    name: str
    source: str
    performer: str
    split: Split
    file: str  # its name within the archive's folder, as `bad_frames.csv` writes it
    text: str
    skeleton: str  # text of the skeleton file beside it, or nothing
    archive: str  # as `bad_frames.csv` calls it
    first_frame: int  # frames before it are a T-pose


@dataclass(frozen=True)
class Source:
    """One archive."""

    name: str
    archive: str  # without .tar.xz; `bad_frames.csv` calls it so
    suffix: str
    rule: Literal["by subject", "by take", "train", "hdm05"]  # how takes are split
    performer: str | Callable[[PurePosixPath], str]
    skeleton: str = ""  # pattern of the skeleton file's path, where there is one
    first_frame: int = 0  # frames before it are a T-pose

    def performer_of(self, path: PurePosixPath) -> str:
        """Whose skeleton a file has."""
        return self.performer if isinstance(self.performer, str) else self.performer(path)

    def skeleton_of(self, path: PurePosixPath) -> str:
        """The path of the skeleton file that a file needs, or nothing."""
        return self.skeleton.format(path=path, actor=self.performer_of(path).split("_")[-1])

    def split_of(self, performer: str, place: int) -> Split:
        """The split of a take, by who performs it or by its place among the source's takes."""
        if self.rule == "by subject":
            subject = performer.removeprefix("cmu")
            if subject in _CMU_VALIDATION:
                return "val"
            return "test" if subject in _CMU_TEST else "train"
        if self.rule == "by take":
            return "val" if place % 10 == 4 else "test" if place % 10 == 9 else "train"
        return self.rule


@dataclass(frozen=True, eq=False)
class Parsed:
    """A take's recording and the map that carries its skeleton to SMPL's."""

    take: Take
    recording: Recording
    skeleton_map: SkeletonMap


def _cmu_subject(path: PurePosixPath) -> str:
    return "cmu" + path.stem.split("_")[0]


def _first_word(path: PurePosixPath) -> str:
    return path.stem.split("_")[0]


def _hdm_actor(path: PurePosixPath) -> str:
    return "hdm_" + path.stem.split("_")[1]


def _daz_performer(path: PurePosixPath) -> str:
    kind = path.stem.split("_")[0]
    return f"cmu{kind}" if kind.isdigit() else f"daz_{kind}"


def _expmap_performer(path: PurePosixPath) -> str:
    """Who performs is not said: one for each action."""
    return "expmap_" + "_".join(path.stem.split("_")[1:-1])


# Subjects 06, 10, 13 and 14 of CMU come in several archives: all of them are trained on.
SOURCES = (
    Source(
        name="cmu_asfamc",
        archive="cmu_asfamc_30fps",
        suffix=".amc",
        rule="by subject",
        performer=_cmu_subject,
        skeleton="{path.parent}/{path.parent.name}.asf",
    ),
    Source("accad", "accad_bvh", ".bvh", "by take", _first_word),
    Source("cmu_daz", "cmu_daz_bvh_30fps", ".bvh", "by take", _daz_performer, first_frame=1),
    Source("cmu_cgspeed", "cmu_cgspeed_bvh_30fps", ".bvh", "train", _cmu_subject, first_frame=1),
    Source(
        name="cmu_expmap",
        archive="cmu_expmap_30fps",
        suffix=".txt",
        rule="train",
        performer=_expmap_performer,
        skeleton="{path.parent}/skeleton.json",
        first_frame=1,
    ),
    Source(
        name="cmu_acrobatics",
        archive="cmu_acrobatics_amc_30fps",
        suffix=".amc",
        rule="train",
        performer=_cmu_subject,
        skeleton="{path.parent}/08.asf",
    ),
    Source("deepmimic", "deepmimic_humanoid3d", ".txt", "by take", "deepmimic"),
    Source("snu", "snu_mass_bvh", ".bvh", "train", "snu"),
    Source("makehuman", "makehuman_cc0_poses", ".bvh", "train", "makehuman"),
    Source(
        name="hdm05",
        archive="hdm05_asfamc_30fps",
        suffix=".amc",
        rule="hdm05",
        performer=_hdm_actor,
        skeleton="{path.parent}/HDM_{actor}.asf",
    ),
)


def present_sources(folder: Path) -> tuple[Source, ...]:
    """The sources whose archives are in `folder`.

    Raises:
        FhmrError: None is.
    """
    found = tuple(source for source in SOURCES if archive_path(folder, source).is_file())
    if not found:
        raise FhmrError(
            f"No motion archive is in {folder}.",
            f"Put {SOURCES[0].archive}.tar.xz and its neighbours there, or name their folder.",
        )
    return found


def archive_path(folder: Path, source: Source) -> Path:
    """Where a source's archive is looked for."""
    return folder / f"{source.archive}.tar.xz"


def read_takes(folder: Path, source: Source) -> tuple[Take, ...]:
    """Read an archive's takes in the order of their names, unparsed."""
    texts: dict[str, str] = {}
    path = archive_path(folder, source)
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    texts[member.name] = content.read().decode("latin-1")
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise MotionFileError(path.name, "is damaged") from error
    takes: list[Take] = []
    paths = sorted(PurePosixPath(name) for name in texts if name.endswith(source.suffix))
    for place, file in enumerate(paths):
        skeleton = source.skeleton_of(file)
        if skeleton and skeleton not in texts:
            raise MotionFileError(path.name, f"has no {skeleton} for {file.name}")
        performer = source.performer_of(file)
        takes.append(
            Take(
                name=f"{source.name}/{file.stem}",
                source=source.name,
                performer=performer,
                split=source.split_of(performer, place),
                file=file.name,
                text=texts[str(file)],
                skeleton=texts[skeleton] if skeleton else "",
                archive=source.archive,
                first_frame=source.first_frame,
            )
        )
    return tuple(takes)


def parse_take(take: Take) -> Parsed:
    """Read a take by its source's format."""
    if take.source in ("cmu_asfamc", "cmu_acrobatics", "hdm05"):
        skeleton = parse_asf(take.skeleton, f"{take.name}.asf")
        return Parsed(take, parse_amc(take.text, skeleton, take.name), ASF)
    if take.source == "cmu_expmap":
        return Parsed(take, parse_expmap(take.text, take.skeleton, take.name), CGSPEED)
    if take.source == "deepmimic":
        return Parsed(take, parse_deepmimic(take.text, take.name), DEEPMIMIC)
    recording = parse_bvh(take.text, take.name)
    if take.source == "makehuman":
        poses = "upperleg01.L" in recording.names
        return Parsed(take, recording, MAKEHUMAN if poses else MAKEHUMAN_LOOPS)
    maps = {"accad": ACCAD, "cmu_daz": DAZ, "cmu_cgspeed": CGSPEED, "snu": SNU}
    return Parsed(take, recording, maps[take.source])


def read_bad_frames(folder: Path) -> dict[tuple[str, str], tuple[int, ...]]:
    """Frames of packed files, by (archive, file), into which a body joint jumps."""
    path = folder / "bad_frames.csv"
    if not path.is_file():
        raise FhmrError(f"{path} is missing.", "It belongs beside the motion archives.")
    bad: dict[tuple[str, str], tuple[int, ...]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            key = (row["archive"], row["file"])
            bad[key] = (*bad.get(key, ()), int(row["frame_index_in_packed_file"]))
    return bad
