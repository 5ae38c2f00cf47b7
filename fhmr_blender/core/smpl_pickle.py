"""Reads the arrays of an old SMPL pickle without running anything that the file asks for.

A pickle names classes and calls them. Here every name is looked up in a short table of inert
stand-ins; a name outside it is refused. Neither chumpy, scipy nor numpy's own unpickling is used:
the stand-ins only hold what they were given, and arrays are made from it afterwards.
"""

import io
import pickle
from math import prod
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import FhmrError

Array = NDArray[Any]
_REMEDY = "Choose the SMPL file as its makers distribute it (.pkl or .npz)."
_NUMERIC_KINDS = "biuf"
LARGEST_REGRESSOR = 24 * 1_000_000  # joints x vertices


class _Held:
    """Accepts any construction and any state, and does nothing with them."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Chumpy(_Held):
    """Any class of chumpy: its value is the array `x` of its state."""


class _Sparse(_Held):
    """A scipy sparse matrix: data, indices, indptr and shape."""

    by_column: ClassVar[bool] = True


class _SparseRows(_Sparse):
    by_column: ClassVar[bool] = False


class _Dtype(_Held):
    """numpy.dtype: arguments name the type, the state's second entry the byte order."""


class _Ndarray(_Held):
    """numpy.ndarray, empty until its state comes: version, shape, dtype, Fortran order, bytes."""


class _Reconstructed(_Ndarray):
    """numpy's and copyreg's `_reconstruct(class, ...)`: an instance of the stand-in class."""

    def __new__(cls, *arguments: Any) -> Any:
        kind = arguments[0] if arguments else None
        if not (isinstance(kind, type) and issubclass(kind, _Held)):
            raise pickle.UnpicklingError("a class was expected")
        return kind()


class _FromBuffer(_Held):
    """numpy's `_frombuffer(buffer, dtype, shape, order)` of pickle protocol 5."""


class _Scalar(_Held):
    """numpy's `scalar(dtype, bytes)`."""


class _Encoded(_Held):
    """`_codecs.encode(text, "latin1")`, how Python 3 writes bytes in protocol 2."""

    def __new__(cls, *arguments: Any) -> Any:
        text, *encoding = arguments
        if not isinstance(text, str) or encoding not in (["latin1"], ["latin-1"]):
            raise pickle.UnpicklingError("text in latin1 was expected")
        return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], type[_Held]] = {
    ("numpy", "ndarray"): _Ndarray,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _Encoded,
    ("copy_reg", "_reconstructor"): _Reconstructed,
    ("copyreg", "_reconstructor"): _Reconstructed,
    ("collections", "OrderedDict"): _Held,
}
for _builtins in ("__builtin__", "builtins"):
    for _kind in ("object", "set", "frozenset"):  # chumpy's states hold such
        _STAND_INS[_builtins, _kind] = _Held
for _core in ("numpy.core", "numpy._core"):
    _STAND_INS[_core + ".multiarray", "_reconstruct"] = _Reconstructed
    _STAND_INS[_core + ".multiarray", "scalar"] = _Scalar
    _STAND_INS[_core + ".numeric", "_frombuffer"] = _FromBuffer
for _module in ("csc", "_csc"):
    for _kind in ("csc_matrix", "csc_array"):
        _STAND_INS["scipy.sparse." + _module, _kind] = _Sparse
for _module in ("csr", "_csr"):
    for _kind in ("csr_matrix", "csr_array"):
        _STAND_INS["scipy.sparse." + _module, _kind] = _SparseRows


class _Reader(pickle.Unpickler):
    def __init__(self, content: bytes, source: str) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self._source = source

    def find_class(self, module_name: str, global_name: str, /) -> type[_Held]:
        stand_in = _STAND_INS.get((module_name, global_name))
        if stand_in is None and module_name.split(".")[0] == "chumpy":
            stand_in = _Chumpy
        if stand_in is None:
            raise FhmrError(
                f'The body file {self._source} asks to run "{module_name}.{global_name}"; '
                "it was not loaded.",
                _REMEDY,
            )
        return stand_in


def read_pickle(content: bytes, source: str) -> Any:
    """What a pickle holds: containers, texts, numbers and stand-ins, for `as_array`.

    Args:
        content: The file's bytes.
        source: Its name, for the message.

    Raises:
        FhmrError: The file is damaged, or names a class or function that is not in the table.
    """
    try:
        return _Reader(content, source).load()
    except FhmrError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise FhmrError(f"The body file {source} is damaged.", _REMEDY) from error


def as_array(held: Any) -> Array:
    """The numbers of what `read_pickle` returned.

    Raises:
        ValueError: It is not a numeric array, a chumpy object or a sparse matrix.
    """
    if isinstance(held, _Chumpy):
        return as_array(_entries(held.state)["x"])
    if isinstance(held, _Sparse):
        return _dense(_entries(held.state), held.by_column)
    if isinstance(held, _FromBuffer):
        buffer, dtype, shape, order = held.arguments
        return _from_bytes(bytes(buffer), dtype, shape, order)
    if isinstance(held, _Scalar):
        dtype, content = held.arguments
        return _from_bytes(content, dtype, (), "C")
    if isinstance(held, _Ndarray):
        shape, dtype, is_fortran, content = _sequence(held.state)[-4:]
        if isinstance(content, list):  # an object array around one value
            (value,) = _sequence(content)
            return as_array(value)
        return _from_bytes(content, dtype, shape, "F" if is_fortran else "C")
    if isinstance(held, (int, float, list, tuple)):
        array: Array = np.asarray(held)
        if array.dtype.kind in _NUMERIC_KINDS:
            return array
    raise ValueError("not an array of numbers")


def _entries(state: Any) -> dict[str, Any]:
    if not isinstance(state, dict):
        raise ValueError("an object without its values")
    return cast("dict[str, Any]", state)


def _sequence(state: Any) -> list[Any]:
    if not isinstance(state, (tuple, list)):
        raise ValueError("an array without its values")
    return list(cast("list[Any]", state))


def _from_bytes(content: Any, dtype: Any, shape: Any, order: str) -> Array:
    if isinstance(content, str):  # Python 2 text, decoded as latin1
        content = content.encode("latin1")
    if not isinstance(dtype, _Dtype) or not dtype.arguments:
        raise ValueError("a dtype was expected")
    kind: np.dtype[Any] = np.dtype(str(dtype.arguments[0]))
    if kind.kind not in _NUMERIC_KINDS:
        raise ValueError(f"an array of {kind}")
    byte_order = _sequence(dtype.state)[1] if dtype.state is not None else "="
    if byte_order in (">", "<"):
        kind = kind.newbyteorder(byte_order)
    sizes = tuple(int(size) for size in shape)
    if prod(sizes) * kind.itemsize != len(content):
        raise ValueError("an array of the wrong length")
    array: Array = np.frombuffer(content, kind).reshape(sizes, order="F" if order == "F" else "C")
    return array.astype(kind.newbyteorder("="))


def _dense(state: dict[str, Any], by_column: bool) -> Array:
    shape = state.get("_shape", state.get("shape"))
    data, indices, pointers = (as_array(state[key]) for key in ("data", "indices", "indptr"))
    rows, columns = (int(size) for size in _sequence(shape))
    if rows * columns > LARGEST_REGRESSOR:
        raise ValueError("a matrix too large for a regressor")
    major = columns if by_column else rows
    if len(pointers) != major + 1 or np.any(np.diff(pointers) < 0):
        raise ValueError("a damaged sparse matrix")
    owners = np.repeat(np.arange(major), np.diff(pointers))
    dense = np.zeros((rows, columns))
    place = (indices, owners) if by_column else (owners, indices)
    np.add.at(dense, place, data)
    return dense
