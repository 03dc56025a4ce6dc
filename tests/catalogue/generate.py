"""Writes host/src/ocpp/catalogue/*.txt from the published JSON schemas, which PyPI's package `ocpp` ships.

    target/py/bin/python tests/catalogue/generate.py          writes the tables
    target/py/bin/python tests/catalogue/generate.py --check  says whether they are what it would write

The schemas say what a message looks like. Who may send it, and to which block it belongs, is not in them: that stands
below, after the structure of the specifications. What a field means is in the specifications alone; nothing of their
text is taken.
"""

import json
import sys
from pathlib import Path
from textwrap import wrap

import ocpp

INDENT = "    "
WHOLE = {"break_long_words": False, "break_on_hyphens": False}

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "host" / "src" / "ocpp" / "catalogue"
SCHEMAS = Path(ocpp.__file__).parent

# Per block: what stations send, what the central system sends.
V16 = {
    "Core": (
        "Authorize BootNotification Heartbeat MeterValues StartTransaction StatusNotification StopTransaction",
        "ChangeAvailability ChangeConfiguration ClearCache GetConfiguration RemoteStartTransaction "
        "RemoteStopTransaction Reset UnlockConnector",
    ),
    "Data Transfer": ("DataTransfer", "DataTransfer"),
    "Firmware Management": (
        "DiagnosticsStatusNotification FirmwareStatusNotification",
        "GetDiagnostics UpdateFirmware",
    ),
    "Local Authorization List Management": ("", "GetLocalListVersion SendLocalList"),
    "Reservation": ("", "ReserveNow CancelReservation"),
    "Smart Charging": ("", "SetChargingProfile ClearChargingProfile GetCompositeSchedule"),
    "Remote Trigger": ("", "TriggerMessage"),
    "Security": (
        "LogStatusNotification SecurityEventNotification SignCertificate SignedFirmwareStatusNotification",
        "CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds GetLog "
        "InstallCertificate SignedUpdateFirmware",
    ),
}

V201 = {
    "A Security": ("SignCertificate SecurityEventNotification", "CertificateSigned"),
    "B Provisioning": (
        "BootNotification NotifyReport",
        "GetBaseReport GetReport GetVariables SetVariables SetNetworkProfile Reset",
    ),
    "C Authorization": ("Authorize", "ClearCache"),
    "D Local Authorization List": ("", "GetLocalListVersion SendLocalList"),
    "E Transactions": ("TransactionEvent", "GetTransactionStatus"),
    "F Remote Control": (
        "",
        "RequestStartTransaction RequestStopTransaction UnlockConnector TriggerMessage",
    ),
    "G Availability": ("StatusNotification Heartbeat", "ChangeAvailability"),
    "H Reservation": ("ReservationStatusUpdate", "ReserveNow CancelReservation"),
    "I Tariff and Cost": ("", "CostUpdated"),
    "J Meter Values": ("MeterValues", ""),
    "K Smart Charging": (
        "ReportChargingProfiles NotifyChargingLimit ClearedChargingLimit NotifyEVChargingNeeds "
        "NotifyEVChargingSchedule",
        "SetChargingProfile GetChargingProfiles ClearChargingProfile GetCompositeSchedule",
    ),
    "L Firmware Management": (
        "FirmwareStatusNotification PublishFirmwareStatusNotification",
        "UpdateFirmware PublishFirmware UnpublishFirmware",
    ),
    "M ISO 15118 Certificate Management": (
        "Get15118EVCertificate GetCertificateStatus",
        "GetInstalledCertificateIds InstallCertificate DeleteCertificate",
    ),
    "N Diagnostics": (
        "LogStatusNotification NotifyMonitoringReport NotifyEvent NotifyCustomerInformation",
        "GetLog SetMonitoringBase SetMonitoringLevel SetVariableMonitoring ClearVariableMonitoring "
        "GetMonitoringReport CustomerInformation",
    ),
    "O Display Message": (
        "NotifyDisplayMessages",
        "SetDisplayMessage GetDisplayMessages ClearDisplayMessage",
    ),
    "P Data Transfer": ("DataTransfer", "DataTransfer"),
}

# What 2.1 adds.
V21 = {
    "C Authorization": ("NotifySettlement VatNumberValidation", "NotifyWebPaymentStarted"),
    "I Tariff and Cost": ("", "SetDefaultTariff GetTariffs ClearTariffs ChangeTransactionTariff"),
    "K Smart Charging": (
        "PullDynamicScheduleUpdate NotifyPriorityCharging",
        "UpdateDynamicSchedule UsePriorityCharging",
    ),
    "M ISO 15118 Certificate Management": ("GetCertificateChainStatus", ""),
    "N Diagnostics": (
        "OpenPeriodicEventStream ClosePeriodicEventStream NotifyPeriodicEventStream",
        "AdjustPeriodicEventStream GetPeriodicEventStream",
    ),
    "Q Bidirectional Power Transfer": ("", "AFRRSignal NotifyAllowedEnergyTransfer"),
    "R DER Control": (
        "ReportDERControl NotifyDERAlarm NotifyDERStartStop",
        "SetDERControl GetDERControl ClearDERControl",
    ),
    "S Battery Swapping": ("BatterySwap", "RequestBatterySwap"),
}


def both(old, added):
    """The blocks of two versions in one table."""
    names = sorted({*old, *added})
    none = ("", "")
    sides = lambda name: zip(old.get(name, none), added.get(name, none))
    return {name: tuple(" ".join(filter(None, side)) for side in sides(name)) for name in names}


# Table: folder of the schemas, how a request's file ends, the blocks.
VERSIONS = {
    "1.6": ("v16", ".json", V16),
    "2.0.1": ("v201", "Request.json", V201),
    "2.1": ("v21", "Request.json", both(V201, V21)),
}

# Says nothing of what is valid.
PROSE = {"description", "javaType", "title", "comment", "default", "$schema", "$id", "id", "additionalItems"}

KNOWN = {
    *PROSE,
    *("type", "format", "enum", "maxLength", "minimum", "maximum", "multipleOf", "minItems", "maxItems"),
    *("items", "properties", "required", "additionalProperties", "definitions", "$ref"),
}


class Types:
    """The named types of a version, each once, in the order in which they are needed."""

    def __init__(self):
        self.shapes = {}
        self.words = {}

    def keep(self, names, name, owner, content):
        """The name under which `content` is kept: its own, or, where another type has that, its owner's and its own."""
        for name in (name, owner + name):
            if names.setdefault(name, content) == content:
                return name
        raise SystemExit(f"{owner}: two types are called {name}")


def bounds(low, high):
    text = lambda bound: "" if bound is None else f"{bound:g}" if isinstance(bound, float) else str(bound)
    return f"{text(low)}..{text(high)}"


def kind(schema, name, owner, scope, types):
    """What the value of a member may be, in the words of the table."""
    unknown = set(schema) - KNOWN
    if unknown:
        raise SystemExit(f"{owner}.{name}: the tables have no word for {unknown}")
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/definitions/")
        return kind(scope[name], name, owner, scope, types)
    named = name[0].upper() + name[1:]
    match schema.get("type"):
        case None:
            return "any"
        case "boolean":
            return "boolean"
        case "string" if "enum" in schema:
            return types.keep(types.words, named, owner, tuple(schema["enum"]))
        case "string" if "format" in schema:
            return {"date-time": "time", "uri": "uri"}[schema["format"]]
        case "string":
            return f"text({schema['maxLength']})" if "maxLength" in schema else "text"
        case "integer" | "number" as number:
            limits = ""
            if "minimum" in schema or "maximum" in schema:
                limits = bounds(schema.get("minimum"), schema.get("maximum"))
            if "multipleOf" in schema:
                limits += f"/{schema['multipleOf']}"
            return f"{number}({limits})" if limits else number
        case "array":
            item = kind(schema["items"], name, owner, scope, types)
            return f"{item}[{bounds(schema.get('minItems'), schema.get('maxItems'))}]"
        case "object":
            # Where members that are not listed may come as well, the name says so.
            is_open = schema.get("additionalProperties") is not False
            content = (is_open, members(schema, owner, scope, types))
            return types.keep(types.shapes, named, owner, content)


def members(schema, owner, scope, types):
    required = set(schema.get("required", []))
    properties = schema.get("properties", {})
    if required - set(properties):
        raise SystemExit(f"{owner}: a member is required that nobody describes")
    return tuple(
        (name + "!" * (name in required), kind(member, name, owner, scope, types))
        for name, member in properties.items()
    )


def message(path, owner, types):
    """The members of a message; `None` where the version has no such message."""
    if not path.exists():
        return None
    schema = json.loads(path.read_text(encoding="utf-8-sig"))
    if schema.get("additionalProperties") is not False:
        raise SystemExit(f"{path.name}: members that are not listed may come as well")
    return members(schema, owner, schema.get("definitions", {}), types)


def request_of(folder, name, ending):
    """An action that is sent and not answered has one schema, under its own name."""
    path = folder / f"{name}{ending}"
    return path if path.exists() else folder / f"{name}.json"


def indented(fields):
    return [f"{INDENT}{name} {what}" for name, what in fields]


def table(version):
    folder, ending, blocks = VERSIONS[version]
    folder = SCHEMAS / folder / "schemas"
    types = Types()
    actions, listed = [], set()
    for block, sides in blocks.items():
        actions += ["", f"block {block}"]
        incoming, outgoing = (side.split() for side in sides)
        for name in dict.fromkeys(incoming + outgoing):
            listed.add(name)
            direction = "both" if name in incoming and name in outgoing else ("in" if name in incoming else "out")
            request = message(request_of(folder, name, ending), name, types)
            response = message(folder / f"{name}Response.json", name, types)
            actions += ["", f"action {name} {direction}", "  request", *indented(request)]
            if response is not None:
                actions += ["  response", *indented(response)]
    published = {
        path.name.removesuffix(ending).removesuffix(".json")
        for path in folder.glob("*.json")
        if not path.name.endswith("Response.json")
    }
    if listed != published:
        raise SystemExit(f"OCPP {version}: blocks and schemas differ in {listed ^ published}")
    lines = [
        f"# OCPP {version}: every action, member by member. Written by tests/catalogue/generate.py; how to read it stands in read.rs.",
        f"version {version}",
    ]
    for name, words in types.words.items():
        lines += ["", f"words {name}", *wrap(" ".join(words), 100, initial_indent=INDENT, subsequent_indent=INDENT, **WHOLE)]
    for name, (is_open, fields) in types.shapes.items():
        lines += ["", f"type {name}{' open' * is_open}", *indented(fields)]
    return "\n".join(lines + actions) + "\n"


def main():
    stale = []
    for version in VERSIONS:
        path = TABLES / f"v{version.replace('.', '')}.txt"
        text = table(version)
        if sys.argv[1:] == ["--check"]:
            if not path.exists() or path.read_text() != text:
                stale.append(path.name)
            print(f"OCPP {version}: {text.count(chr(10) + 'action ')} actions")
        else:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    if stale:
        raise SystemExit(f"not as published: {', '.join(stale)}; run tests/catalogue/generate.py and look at what changed")


if __name__ == "__main__":
    main()
