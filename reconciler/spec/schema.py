"""JSON Schema (2020-12) of both file kinds, made from the pydantic models, for editors.

An editor sees an entry as one object with all fields, and conditions that say which of them belong
to which operation; that completes better than a choice of six shapes. Where a number or a word is
expected, a `${name}` of a matrix is allowed too.
"""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from reconciler.ids import NAME
from reconciler.spec.config_models import ConfigModel
from reconciler.spec.entries import OPERATION_WORDS, ROOTS
from reconciler.spec.fields import PLACEHOLDER
from reconciler.spec.models import MODELS, fields_of
from reconciler.spec.request import Operation
from reconciler.spec.settings import FileDefaults

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final = f"^{NAME.pattern}$"
_SCALAR: Final[Schema] = {"type": ["string", "number", "boolean"]}

_TREE: Final[Schema] = {
    "variants": {
        "description": "What is derived from this picture, by name.",
        "anyOf": [
            {
                "type": "object",
                "patternProperties": {_NAME: {"$ref": "#/$defs/variant"}},
                "additionalProperties": False,
            },
            {"type": "null"},
        ],
    },
    "matrix": {
        "description": "One entry for every combination; use `${name}` in the fields.",
        "type": "object",
        "minProperties": 1,
        "patternProperties": {
            _NAME: {"type": "array", "minItems": 1, "uniqueItems": True, "items": _SCALAR}
        },
        "additionalProperties": False,
    },
}


def spec_schema() -> Schema:
    """Return the schema of a file below `specs/`."""
    definitions: Schema = {}
    defaults = _object(FileDefaults, definitions)
    fields = _entry_fields(definitions)
    definitions |= {
        "fields": {"type": "object", "properties": fields, "allOf": list(_conditions())},
        "image": _root_entry(),
        "variant": {
            "$ref": "#/$defs/fields",
            "oneOf": _operations(),
            "properties": {"from": False, **_WITH_PARENT},
            "unevaluatedProperties": False,
        },
    }
    return {
        "$schema": _DIALECT,
        "title": "Pictures for reconciler",
        "type": "object",
        "properties": {
            "defaults": {
                "description": "Settings for all images of this file.",
                "anyOf": [defaults, {"type": "null"}],
            },
            "images": {
                "description": "The images of this file, by name.",
                "anyOf": [_named("#/$defs/image"), {"type": "null"}],
            },
        },
        "additionalProperties": False,
        "$defs": definitions,
    }


def config_schema() -> Schema:
    """Return the schema of reconciler.yaml."""
    definitions: Schema = {}
    schema = _object(ConfigModel, definitions)
    properties = schema["properties"]
    properties["providers"]["propertyNames"] = {"pattern": _NAME}
    return {"$schema": _DIALECT, "title": "A reconciler project", **schema, "$defs": definitions}


def _entry_fields(definitions: Schema) -> Schema:
    """Return the schemas of all fields of all operations, with placeholders allowed."""
    fields: Schema = {}
    for model in MODELS.values():
        fields |= _object(model, definitions)["properties"]
    for definition in definitions.values():
        if "properties" in definition:
            definition["properties"] = _placeable_all(definition["properties"])
    return _placeable_all(fields) | _TREE


def _placeable_all(properties: Schema) -> Schema:
    return {name: _placeable(schema) for name, schema in properties.items()}


def _placeable(schema: Schema) -> Schema:
    """Allow `${name}` where a scalar is expected that is not any text."""
    if not _is_narrow_scalar(schema):
        return schema
    if "description" not in schema:
        return {"anyOf": [schema, PLACEHOLDER]}
    inner = {key: value for key, value in schema.items() if key != "description"}
    return {"description": schema["description"], "anyOf": [inner, PLACEHOLDER]}


def _is_narrow_scalar(schema: Schema) -> bool:
    options = schema.get("anyOf", [schema])
    scalars = {"integer", "number", "boolean", "string"}
    are_scalars = all(
        "enum" in one or "const" in one or one.get("type") in scalars for one in options
    )
    return are_scalars and not any(
        one.keys() <= {"type", "description"} | {"minLength"} and one.get("type") == "string"
        for one in options
    )


_WITH_PARENT: Final[Schema] = {
    "edit": {"properties": {"source": False}},
    "blend": False,
    "describe": {"description": "`true`: the parent's picture.", "const": True},
    "video": {"properties": {"source": False}},
}
"""What an operation that may stand alone looks like where there is a parent."""

_ALONE: Final[Schema] = {
    "edit": {"required": ["source"]},
    "describe": {"description": "The picture.", "type": ["string", "object"]},
    "video": {"required": ["source"]},
}
"""The same where there is none."""


def _operations() -> list[Schema]:
    return [{"required": [word]} for word in OPERATION_WORDS]


def _root_entry() -> Schema:
    """An image: what may stand alone, or with `from` whatever can be derived."""
    derived = [{"required": [one.value]} for one in MODELS if one not in ROOTS]
    return {
        "$ref": "#/$defs/fields",
        "if": {"required": ["from"]},
        "then": {"oneOf": _operations(), "properties": _WITH_PARENT},
        "else": {
            "not": {"anyOf": derived},
            "properties": {"of": False, **_ALONE},
            "dependentRequired": {"video": ["prompt"]},
        },
        "unevaluatedProperties": False,
    }


def _conditions() -> Iterator[Schema]:
    """Yield for every operation which fields go with it and which it needs."""
    for operation, model in MODELS.items():
        names = sorted(fields_of(model) | _TREE.keys())
        needed = sorted(name for name, field in model.model_fields.items() if field.is_required())
        then = {"propertyNames": {"enum": names}, "required": needed}
        yield {"if": _is_operation(operation), "then": then}


def _is_operation(operation: Operation) -> Schema:
    if operation is Operation.IMAGINE:
        return {"not": {"anyOf": [{"required": [word]} for word in OPERATION_WORDS]}}
    return {"required": [operation.value]}


def _named(reference: str) -> Schema:
    return {
        "type": "object",
        "patternProperties": {_NAME: {"$ref": reference}},
        "additionalProperties": False,
    }


class _Generator(GenerateJsonSchema):
    """Without titles: the names of our classes and fields say nothing to people who write YAML."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def default_schema(self, schema: Any) -> Schema:
        """Leave defaults out: they are values of ours, not YAML."""
        return self.generate_inner(schema["schema"])


def _object(model: type[BaseModel], definitions: Schema) -> Schema:
    """Return a model's schema; what it refers to is added to the definitions."""
    schema = model.model_json_schema(schema_generator=_Generator, by_alias=True)
    tidied: Schema = _tidied(schema)
    definitions.update(tidied.pop("$defs", {}))
    return tidied


def _tidied(schema: Any) -> Any:
    """Remove nulls, which are no values here, and options of which only one is left."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {key: _tidied(value) for key, value in schema.items() if not _is_title(key, value)}
    options = [one for one in tidied.get("anyOf", []) if one != {"type": "null"}]
    if len(options) == 1:
        del tidied["anyOf"]
        tidied |= options[0]
    elif options:
        tidied["anyOf"] = options
    return tidied


def _is_title(key: str, value: object) -> bool:
    return key == "title" and isinstance(value, str)
