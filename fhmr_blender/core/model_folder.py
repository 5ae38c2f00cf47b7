"""Where the model files lie: `./models` beside the package's modules, then `../models`."""

from pathlib import Path

from ..errors import FhmrError


def models_folder() -> Path:
    """The folder that holds `models.toml`, the networks and `body/`.

    An installed extension carries it inside itself, a clone beside the package.

    Raises:
        FhmrError: There is neither.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "models", package.parent / "models"):
        if folder.is_dir():
            return folder
    raise FhmrError(
        f"The models are missing ({package / 'models'}).",
        "Reinstall the FHMR extension.",
    )
