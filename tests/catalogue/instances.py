"""Prints instances of every message of every version, whole and broken, as JSON lines; the published schemas judge them.

    target/py/bin/python tests/catalogue/instances.py

Each line: version, action, message (request or response), kind, payload (the text of the JSON), and for a broken one
the error code that its version of OCPP has for it (OCPP-J 1.6 table 7, OCPP-J 2.0.1 and 2.1 section 4.3). What PyPI's
`jsonschema` does not judge as expected ends the program: the instances are made here, but what is valid is said there.
"""

import copy
import json
import sys
from decimal import Decimal

from jsonschema import FormatChecker, validators

from generate import SCHEMAS, VERSIONS, request_of

TYPE, PROPERTY, FORMAT, OCCURRENCE = "TypeConstraintViolation", "PropertyConstraintViolation", "format", "occurrence"
SPELLED = {
    "1.6": {FORMAT: "FormationViolation", OCCURRENCE: "OccurenceConstraintViolation"},
    "2.0.1": {FORMAT: "FormatViolation", OCCURRENCE: "OccurrenceConstraintViolation"},
}
SPELLED["2.1"] = SPELLED["2.0.1"]

# Two, three and four bytes long in UTF-8: a length is counted in characters.
LETTERS = "é€𝄞"
LONGEST_TEXT = 5_000
LARGEST = 2_147_483_647
ELEMENTS = 2


class Message:
    """One published schema."""

    def __init__(self, path):
        self.schema = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
        self.judge = validators.validator_for(self.schema)(self.schema, format_checker=FormatChecker())

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.schema["definitions"][schema["$ref"].removeprefix("#/definitions/")]
        return schema

    def least(self, schema):
        """The smallest instance."""
        schema = self.resolve(schema)
        match schema.get("type"):
            case "object":
                properties = schema.get("properties", {})
                return {name: self.least(properties[name]) for name in schema.get("required", [])}
            case "array":
                return [self.least(schema["items"]) for _ in range(schema.get("minItems", 0))]
            case "string" if "enum" in schema:
                return schema["enum"][0]
            case "string" if "format" in schema:
                return {"date-time": "2026-01-01T00:00:00Z", "uri": "a:"}[schema["format"]]
            case "string":
                return "a" if schema.get("maxLength", 1) else ""
            case "integer":
                return int(schema.get("minimum", min(0, schema.get("maximum", 0))))
            case "number":
                return schema.get("minimum", min(0, schema.get("maximum", 0)))
            case "boolean":
                return False
            case None:
                return None

    def most(self, schema):
        """Every member, texts as long as they may be, the last word of each list of words."""
        schema = self.resolve(schema)
        match schema.get("type"):
            case "object":
                whole = {name: self.most(member) for name, member in schema.get("properties", {}).items()}
                if schema.get("additionalProperties") is not False:
                    whole["more"] = {"nested": [1, {"digits": Decimal("0.10")}, None], LETTERS: '\\ " / \n'}
                return whole
            case "array":
                count = max(schema.get("minItems", 0), min(schema.get("maxItems", ELEMENTS), ELEMENTS))
                return [self.most(schema["items"]) for _ in range(count)]
            case "string" if "enum" in schema:
                return schema["enum"][-1]
            case "string" if "format" in schema:
                times = {"date-time": "2026-12-31T23:59:59.999999999+14:00", "uri": "ftp://u:p@h.example/%20?q=1#f"}
                return times[schema["format"]]
            case "string":
                return text(min(schema.get("maxLength", LONGEST_TEXT), LONGEST_TEXT))
            case "integer":
                return int(schema.get("maximum", LARGEST))
            case "number":
                return schema.get("maximum", Decimal("1234567.5"))
            case "boolean":
                return True
            case None:
                return {"any": [True, Decimal("12.50"), LETTERS]}

    def nodes(self, schema, name, path, seen):
        """Every place of the message, and what may stand there. The inside of a named type once a version."""
        reference = schema.get("$ref")
        schema = self.resolve(schema)
        yield path, schema
        if reference and (reference, json.dumps(schema, default=str)) in seen:
            return
        seen.add((reference, json.dumps(schema, default=str)))
        for member, inside in schema.get("properties", {}).items():
            yield from self.nodes(inside, member, path + [member], seen)
        if "items" in schema:
            yield from self.nodes(schema["items"], name, path + [0], seen)

    def reach(self, path):
        """The smallest instance in which something stands at `path`."""
        whole, schema = self.least(self.schema), self.schema
        inside = whole
        for step in path:
            schema = self.resolve(schema)
            if step == 0:
                schema = schema["items"]
                if not inside:
                    inside.append(self.least(schema))
            else:
                schema = schema["properties"][step]
                inside.setdefault(step, self.least(schema))
            inside = inside[step]
        return whole


def text(length):
    return (LETTERS * (length // len(LETTERS) + 1))[:length]


def put(whole, path, value):
    """A copy with something else at `path`."""
    if not path:
        return value
    whole = copy.deepcopy(whole)
    inside = whole
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return whole


def breakages(message, path, schema):
    """What can be wrong at a place: kind, error code, the value."""
    here = message.least(schema)
    match schema.get("type"):
        case "object":
            for name in schema.get("required", []):
                full = message.least(schema)
                del full[name]
                yield "a member is missing", OCCURRENCE, full
            if schema.get("additionalProperties") is False:
                yield "a member that does not exist", FORMAT, {**here, "noSuchMember": 1}
            if path:
                yield "a list for an object", TYPE, [here]
                yield "a text for an object", TYPE, "object"
        case "array":
            item = message.least(schema["items"])
            if schema.get("minItems"):
                yield "too few elements", OCCURRENCE, [item] * (schema["minItems"] - 1)
            if "maxItems" in schema:
                yield "too many elements", OCCURRENCE, [item] * (schema["maxItems"] + 1)
            yield "an element for a list", TYPE, item if not isinstance(item, list) else 1
        case "string":
            if "enum" in schema:
                yield "a word that is not listed", PROPERTY, schema["enum"][0] + "X"
                yield "a word in other letters", PROPERTY, schema["enum"][0].swapcase()
            elif schema.get("format") == "date-time":
                for odd in ("", "yesterday", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-13-01T00:00:00Z"):
                    yield "no date and time", PROPERTY, odd
            elif schema.get("format") == "uri":
                yield "no URI", PROPERTY, "not a uri"
            elif "maxLength" in schema:
                yield "a text that is too long", PROPERTY, text(schema["maxLength"] + 1)
            yield "a number for a text", TYPE, 7
        case "integer" | "number" as number:
            exact = int if number == "integer" else Decimal
            if "minimum" in schema:
                yield "below the least", PROPERTY, exact(schema["minimum"]) - 1
            if "maximum" in schema:
                yield "above the most", PROPERTY, exact(schema["maximum"]) + 1
            if "multipleOf" in schema:
                yield "too many decimals", PROPERTY, Decimal("1.05")
            if number == "integer":
                yield "a fraction for an integer", TYPE, Decimal("1.5")
            yield "a text for a number", TYPE, "7"
            yield "true for a number", TYPE, True
        case "boolean":
            yield "a text for true or false", TYPE, "true"
            yield "a number for true or false", TYPE, 1
    if path and schema.get("type"):
        yield "null", TYPE, None


def written(value):
    """JSON, with the digits of every number as they are."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{written(inside)}" for name, inside in value.items()) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return json.dumps(value)


def instances(message, seen):
    yield "minimal", None, message.least(message.schema)
    yield "maximal", None, message.most(message.schema)
    for path, schema in message.nodes(message.schema, "", [], seen):
        for word in schema.get("enum", []):
            yield "a listed word", None, put(message.reach(path), path, word)
        for kind, code, value in breakages(message, path, schema):
            yield kind, code, put(message.reach(path), path, value)
    for odd in ([], "payload", 7, True, None):
        yield "no object", FORMAT, odd


def main():
    for version, (folder, ending, blocks) in VERSIONS.items():
        folder = SCHEMAS / folder / "schemas"
        names = dict.fromkeys(" ".join(" ".join(sides) for sides in blocks.values()).split())
        seen = set()
        for action in names:
            paths = {"request": request_of(folder, action, ending), "response": folder / f"{action}Response.json"}
            for part, path in paths.items():
                if not path.exists():
                    continue
                message = Message(path)
                for kind, code, instance in instances(message, seen):
                    if message.judge.is_valid(instance) != (code is None):
                        raise SystemExit(f"{version} {action} {part}, {kind}: judged otherwise: {written(instance)}")
                    line = {"version": version, "action": action, "message": part, "kind": kind}
                    line["code"] = SPELLED[version].get(code, code)
                    print(json.dumps({**line, "payload": written(instance)}))


if __name__ == "__main__":
    sys.exit(main())
