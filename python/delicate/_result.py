"""What a call gives back: columns, as NumPy arrays, as a data frame or as Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from ._native import Table

# Rows that are shown of a long result, and columns of a wide one: the first, and the
# last three, which tell what was read and what went wrong.
_SHOWN = 10
_FIRST, _LAST = 5, 3

# Pixels of a drawn molecule, and characters of the longest that is drawn.
_SIZE = (180, 120)
_DRAWN = 400


class Result(Mapping[str, "np.ndarray[Any, Any]"]):
    """Columns of one length: a mapping from names to NumPy arrays.

    Numbers are NaN, and text is None, where a row has no value; the column
    ``error`` says why. What reads Arrow's streams takes a result as it is, without a
    copy; there a row without a value is null.
    """

    __slots__ = ("_arrays", "_table")

    def __init__(self, table: Table) -> None:
        self._table = table
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (_restored, self._table.state())

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        array = self._arrays.get(name)
        if array is None:
            array = self._arrays[name] = self._array(name)
        return array

    def _array(self, name: str) -> np.ndarray[Any, Any]:
        import numpy as np

        kind = self._table.kind(name)
        if kind is None:
            text = np.empty(self.rows, dtype=object)
            text[:] = self._table.text(name)
            return text
        of, width = kind
        values = np.frombuffer(self._table.numbers(name), dtype=of)
        return values if width == 1 else values.reshape(self.rows, width)

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.names)

    def __len__(self) -> int:
        return len(self._table.names)

    @property
    def rows(self) -> int:
        """How many molecules there are; ``len`` counts columns, as of any mapping."""
        return self._table.rows

    @property
    def units(self) -> dict[str, str]:
        """The unit of each column of numbers that has one."""
        units = {name: self._table.unit(name) for name in self}
        return {name: unit for name, unit in units.items() if unit}

    def to_pandas(self, index: Any = None) -> pd.DataFrame:
        """The columns as a pandas frame; ``index`` is that of the rows.

        ``frame.join(scores.to_pandas(frame.index))`` puts them beside those of
        ``frame``. Vectors are one column of arrays.
        """
        import pandas as pd

        columns = {
            name: list(array) if array.ndim > 1 else array for name, array in self.items()
        }
        return pd.DataFrame(columns, index=index)

    def to_polars(self) -> pl.DataFrame:
        """The columns as a Polars frame, without a copy."""
        import polars as pl

        # Not the mapping itself: as one it is taken for a dictionary of arrays.
        return pl.DataFrame(self._table)

    def to_arrow(self) -> pa.Table:
        """The columns as a table of pyarrow, without a copy."""
        import pyarrow as pa

        return pa.table(self._table)

    def __arrow_c_schema__(self) -> object:
        return self._table.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)

    def _shown(self) -> list[list[str]]:
        """The first rows as text, below the names."""
        columns = []
        names: list[str | None] = list(self)
        if len(names) > _FIRST + 1 + _LAST:
            names[_FIRST:-_LAST] = [None]
        for name in names:
            if name is None:
                columns.append(["…"] * (1 + min(self.rows, _SHOWN)))
                continue
            array = self[name]
            if array.ndim > 1:
                shown = [f"[{array.shape[1]} numbers]"] * min(self.rows, _SHOWN)
            else:
                shown = [_cell(value) for value in array[:_SHOWN]]
            columns.append([name, *shown])
        return [list(row) for row in zip(*columns, strict=True)]

    def __repr__(self) -> str:
        rows = self._shown()
        widths = [min(max(map(len, column)), 32) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell[:width].ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
        more = self.rows - _SHOWN
        if more > 0:
            lines.append(f"… {more} more rows")
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        from html import escape

        head, *rows = self._shown()
        if "standardized" in self:
            head = ["", *head]
            molecules = self["standardized"][:_SHOWN]
            rows = [[_picture(smiles), *row] for smiles, row in zip(molecules, rows, strict=True)]
        # What is drawn is ours; all other text may be anybody's.
        cells = "".join(f"<th>{escape(name)}</th>" for name in head)
        errors: Any = self["error"][:_SHOWN] if "error" in self else [None] * len(rows)

        def shown(row: list[str], error: str | None) -> str:
            if error is not None:
                # Beside it there is nothing but missing values.
                return f'<td colspan="{len(row)}" style="text-align:left">{escape(error)}</td>'
            return "".join(
                f"<td>{cell if isinstance(cell, _Picture) else escape(cell)}</td>" for cell in row
            )

        body = "".join(
            f"<tr>{shown(row, error)}</tr>" for row, error in zip(rows, errors, strict=True)
        )
        return (
            f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>{self.rows} rows</p>"
        )


def _restored(rows: int, columns: list[tuple[object, ...]]) -> Result:
    """A result as it was pickled."""
    from ._native import Table

    return Result(Table.restored(rows, columns))


class _Picture(str):
    """HTML of our own."""

    __slots__ = ()


def _picture(smiles: str | None) -> _Picture:
    """A molecule, as an image that is whole by itself; empty where there is none."""
    from base64 import b64encode
    from html import escape

    from ._native import MoleculeError, draw

    # A polymer would be a line in a picture of this size.
    if smiles is None or len(smiles) > _DRAWN:
        return _Picture("")
    try:
        svg = draw(smiles, *_SIZE)
    except MoleculeError:
        return _Picture("")
    data = b64encode(svg.encode()).decode()
    width, height = _SIZE
    return _Picture(
        f'<img src="data:image/svg+xml;base64,{data}" width="{width}" height="{height}" '
        f'alt="{escape(smiles)}"/>'
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return f"{value:.4g}"
