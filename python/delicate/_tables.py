"""Our columns beside those of a table of Arrow."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ._native import DelicateError
from ._result import Result


class ColumnError(DelicateError):
    """A column that is not there, or no text."""


def _is_text(of: pa.DataType) -> bool:
    if pa.types.is_dictionary(of):
        of = of.value_type
    return bool(
        pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_string_view(of)
    )


def smiles_column_of(schema: pa.Schema, wanted: str | None) -> str:
    """The column of SMILES: the one that was named, or the one that is called so."""
    listed = ", ".join(f"`{name}`" for name in schema.names)
    if wanted is None:
        text = [field.name for field in schema if _is_text(field.type)]
        called = [name for name in text if "smiles" in name.lower()]
        exact = [name for name in called if name.lower() == "smiles"]
        chosen = exact or called
        if len(chosen) != 1:
            how = "several columns are" if chosen else "no column of text is"
            raise ColumnError(f"{how} called SMILES; name one with smiles_column: {listed}")
        return str(chosen[0])
    if wanted not in schema.names:
        raise ColumnError(f"no column `{wanted}`; the table has {listed}")
    of = schema.field(wanted).type
    if not _is_text(of):
        raise ColumnError(f"the column `{wanted}` has the type {of}: SMILES are text")
    return wanted


def names_beside(taken: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Our names, none of them that of another column."""
    known = set(taken)
    names = []
    for name in ours:
        while name in known:
            name = f"delicate_{name}"
        known.add(name)
        names.append(name)
    return names


def flat(table: pa.Table) -> list[pa.Array]:
    """The columns of a table, each as one array."""
    return [pa.concat_arrays(column.chunks) for column in table.columns]


def append(table: pa.Table, result: Result) -> pa.Table:
    """The table with the columns of a result behind its own."""
    ours = result.to_arrow()
    names = names_beside(table.schema.names, ours.schema.names)
    for name, field, column in zip(names, ours.schema, ours.columns, strict=True):
        table = table.append_column(field.with_name(name), column)
    return table


def appended(schema: pa.Schema, result: Result) -> pa.Schema:
    """The schema of ``append``, from a result of any rows, such as of none."""
    ours = result.to_arrow().schema
    names = names_beside(schema.names, ours.names)
    for name, field in zip(names, ours, strict=True):
        schema = schema.append(field.with_name(name))
    return schema
