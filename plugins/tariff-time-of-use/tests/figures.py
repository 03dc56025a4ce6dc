"""Prices thirty sessions second by second, in fractions, with Python's own time zones: figures.json.

Shares nothing with the plugin but the settings. Run it again after a change of the settings or of the sessions:
python3 figures.py > figures.json
"""

import json
import random
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

NET = {
    "currency": "EUR",
    "vat": "19",
    "session": "0.50",
    "idle_free_minutes": 10,
    "base": {"energy": "0.39", "time": "0.01", "idle": "0.10"},
    "bands": [
        {"days": ["sat", "sun"], "from": "00:00", "to": "24:00", "prices": {"energy": "0.333333", "idle": "0.05"}},
        {"from": "22:00", "to": "06:30", "prices": {"energy": "0.27", "time": "0.005"}},
        {"days": ["mon", "fri"], "from": "16:15", "to": "19:45", "prices": {"energy": "0.5999", "time": "0.02", "idle": "0.20"}},
    ],
}
GROSS = {**NET, "currency": "JPY", "vat": "10", "vat_included": True, "session": "80",
         "base": {"energy": "45", "time": "1.5", "idle": "20"},
         "bands": [{"from": "02:00", "to": "03:00", "prices": {"energy": "9", "idle": "1"}}]}

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

# Where clocks jump, where a day ends, and ordinary days; the zones are whole, half and quarter hours from UTC.
STARTS = [
    ("Europe/Berlin", "2026-03-29T00:10:07"), ("Europe/Berlin", "2026-03-28T23:15:00"),
    ("Europe/Berlin", "2026-10-25T01:30:00"), ("Europe/Berlin", "2026-10-24T22:59:59"),
    ("Europe/Berlin", "2026-12-31T21:45:30"), ("Europe/Berlin", "2026-07-03T15:59:01"),
    ("America/New_York", "2026-03-08T00:45:00"), ("America/New_York", "2026-11-01T00:30:00"),
    ("Australia/Lord_Howe", "2026-04-05T00:20:00"), ("Pacific/Chatham", "2026-09-27T01:00:00"),
    ("Asia/Kolkata", "2026-01-02T16:00:00"), ("UTC", "2026-02-28T23:50:00"),
]


def minutes(text):
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def prices(rates, local):
    minute = local.hour * 60 + local.minute
    for band in rates["bands"]:
        start, end = minutes(band["from"]), minutes(band["to"])
        inside = start <= minute < end if start < end else minute >= start or minute < end
        if inside and DAYS[local.weekday()] in band.get("days", DAYS):
            return band["prices"]
    return rates["base"]


def price(rates, zone, used):
    """Millionths by kind, with tax, and the total in the minor unit."""
    sums = {"session": Fraction(0), "energy": Fraction(0), "time": Fraction(0), "idle": Fraction(0)}
    charging = [i for i, part in enumerate(used) if part["energy_mwh"]]
    last = max(charging, default=-1)
    if charging:
        sums["session"] = Fraction(rates["session"])
    for index, part in enumerate(used):
        seconds = (part["end"] - part["start"]) // 1000
        for second in range(seconds):
            moment = part["start"] // 1000 + second
            now = prices(rates, datetime.fromtimestamp(moment, zone))
            sums["energy"] += Fraction(now.get("energy", 0)) * Fraction(part["energy_mwh"], seconds * 10**6)
            if part["activity"] == "charging":
                sums["time"] += Fraction(now.get("time", 0)) / 60
            elif index > last >= 0 and moment - used[last]["end"] // 1000 >= rates["idle_free_minutes"] * 60:
                sums["idle"] += Fraction(now.get("idle", 0)) / 60
    if not rates.get("vat_included"):
        sums = {kind: amount * (1 + Fraction(rates["vat"]) / 100) for kind, amount in sums.items()}
    minor = sum(sums.values()) * (1 if rates["currency"] == "JPY" else 100)
    total = int(minor + Fraction(1, 2))
    return {kind: round(amount * 10**6) for kind, amount in sums.items()}, total


def course(chance, start):
    """Some charging, perhaps a pause, some more, and a car that stays; readings at odd seconds."""
    at, used = start, []
    plan = ["charging"] * chance.randint(2, 12)
    if len(plan) > 4:
        plan[chance.randint(1, len(plan) - 2)] = "idle"
    for activity in plan + ["idle"] * chance.randint(0, 3):
        end = at + chance.randint(31, 3_000) * 1000
        energy = chance.randint(1, 9_000_000) if activity == "charging" else 0
        used.append({"start": at, "end": end, "energy_mwh": energy, "activity": activity})
        at = end
    return used


def jumps(name):
    """From when on which offset, in and around 2026."""
    zone, hour = ZoneInfo(name), datetime(2025, 12, 1, tzinfo=timezone.utc)
    found = []
    while hour < datetime(2027, 2, 1, tzinfo=timezone.utc):
        offset = int(hour.astimezone(zone).utcoffset().total_seconds())
        if not found or found[-1][1] != offset:
            found.append([int(hour.timestamp()) * 1000, offset])
        hour += timedelta(minutes=30)
    return found


def main():
    chance = random.Random(2026)
    sessions = []
    for number in range(30):
        name, local = STARTS[number % len(STARTS)]
        zone = ZoneInfo(name)
        start = datetime.fromisoformat(local).replace(tzinfo=zone).timestamp()
        used = course(chance, int(start) * 1000)
        rates = "gross" if number % 3 == 2 else "net"
        sums, total = price(NET if rates == "net" else GROSS, zone, used)
        sessions.append({"zone": name, "start": local, "rates": rates, "used": used, "sums": sums, "total_minor": total})
    zones = {name: jumps(name) for name in sorted({name for name, _ in STARTS})}
    lines = ",\n".join(json.dumps(session) for session in sessions)
    print(f'{{"zones": {json.dumps(zones)},\n"net": {json.dumps(NET)},\n"gross": {json.dumps(GROSS)},\n"sessions": [\n{lines}\n]}}')


main()
