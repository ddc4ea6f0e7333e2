"""The folders of this package for other builds: docs/embedding.md shows their use."""

# No pathlib: it takes most of the time that `import tealetpp` takes.
import os

from . import _tealetpp


def get_include() -> str:
    """The folder of ``<tealet/tealet.h>`` and the C++ headers, for the include path.

    Raises FileNotFoundError if this package was not installed with pip.
    """
    return _folder("include")


def get_cmake_dir() -> str:
    """The folder to give to CMake as ``tealetpp_DIR``, for ``find_package(tealetpp)``.

    Raises FileNotFoundError as get_include() does.
    """
    return _folder("lib/cmake/tealetpp")


def get_pkgconfig_dir() -> str:
    """The folder to put on ``PKG_CONFIG_PATH``, for ``pkg-config tealetpp``.

    Raises FileNotFoundError as get_include() does.
    """
    return _folder("lib/pkgconfig")


def _folder(name: str) -> str:
    # Beside the compiled part: in an editable installation this file is somewhere else.
    folder = os.path.join(os.path.dirname(_tealetpp.__file__), name)  # noqa: PTH118, PTH120
    if not os.path.isdir(folder):  # noqa: PTH112
        raise FileNotFoundError(f"{folder} is missing: this tealetpp was not installed with pip")
    return folder
