"""What requests to the service hold; what does not fit is refused before it reaches the model."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)


def _text(value: str) -> str:
    """Text that can be sent back: JSON may hold halves of characters."""
    value.encode()  # its error is a ValueError
    return value


def _no_switch(value: object) -> object:
    """`value`, unless it is true or false, which would pass for 1 or 0."""
    if isinstance(value, bool):
        raise ValueError("expected a whole number or text")
    return value


Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=1000), AfterValidator(_text)]
Id = Annotated[Whole, BeforeValidator(_no_switch)] | Text
Label = bool | Whole | Finite | Text
_Some = Field(min_length=1)
Named = Annotated[dict[Text, bool | Finite | Text | None], _Some]
Ordered = Annotated[list[bool | Finite | None], _Some]
Features = Named | Ordered
_ID_OR_X: list[JsonValue] = [
    {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in ("id", "x")
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Row(_Strict):
    """Features by name, or in order; null where a value is missing."""

    x: Features = Field(examples=[{"amount": 12.5, "country": "NO"}])
    id: Id | None = Field(default=None, description="What a label or a request to forget names.")


class Lesson(Row):
    """A row and its label; detectors need none."""

    y: Label | None = None


class Late(_Strict):
    """The label of an answer that was given before."""

    id: Id
    y: Label


class Gone(_Strict):
    """A row to forget: by its id, or as it was learned."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _ID_OR_X})

    id: Id | None = None
    x: Features | None = None
    y: Label | None = None

    @model_validator(mode="after")
    def _names_a_row(self) -> Self:
        if self.id is None and self.x is None:
            raise ValueError("expected an id, or the features x")
        return self


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


class Questions(_Strict):
    """Rows to answer."""

    rows: Annotated[list[Row], _Some]


class Lessons(_Strict):
    """Rows to learn, in order."""

    rows: Annotated[list[Lesson], _Some]


class Labels(_Strict):
    """Labels that have come."""

    rows: Annotated[list[Late], _Some]


class Farewells(_Strict):
    """Rows to forget."""

    rows: Annotated[list[Gone], _Some]
