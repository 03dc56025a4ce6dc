"""A station built on the PyPI package `ocpp` that keeps what it is sent, and reports it: profiles, variables, reservations,
its local list. Of a profile it keeps no more than 10 A. Its report of variables comes in many messages, the last one first,
and one of them twice.

One line of JSON on standard output says that it has booted; then it waits to be ended.
"""

import asyncio
import base64
import importlib
import json
import sys

import websockets
from ocpp.routing import after, on

URL, STATION, PASSWORD, VERSION = sys.argv[1:5]
PARTS = 50
TWICE = 7
MOST_AMPERE = 10.0
package = importlib.import_module("ocpp." + {"2.0.1": "v201", "2.1": "v21"}[VERSION])
call, call_result = package.call, package.call_result


def value(name, value):
    return {
        "component": {"name": "Shop"},
        "variable": {"name": name},
        "variable_attribute": [{"value": value, "mutability": "ReadWrite"}],
        "variable_characteristics": {"data_type": "string", "supports_monitoring": False},
    }


class Station(package.ChargePoint):
    def __init__(self, *args):
        super().__init__(*args)
        self.profiles = {}
        self.reservations = set()
        self.list_version = 0
        self.variables = {f"V{n}": "factory" for n in range(PARTS)}

    @on("SetChargingProfile")
    def set_profile(self, evse_id, charging_profile, **_):
        for schedule in charging_profile["charging_schedule"]:
            for period in schedule["charging_schedule_period"]:
                period["limit"] = min(period["limit"], MOST_AMPERE)
        self.profiles[charging_profile["id"]] = (evse_id, charging_profile)
        return call_result.SetChargingProfile(status="Accepted")

    @on("ClearChargingProfile")
    def clear_profile(self, charging_profile_id=None, **_):
        known = self.profiles.pop(charging_profile_id, None)
        return call_result.ClearChargingProfile(status="Accepted" if known else "Unknown")

    @on("GetChargingProfiles")
    def get_profiles(self, **_):
        return call_result.GetChargingProfiles(status="Accepted" if self.profiles else "NoProfiles")

    @after("GetChargingProfiles")
    async def report_profiles(self, request_id, **_):
        left = len(self.profiles)
        for evse, profile in list(self.profiles.values()):
            left -= 1
            report = call.ReportChargingProfiles(
                request_id=request_id,
                charging_limit_source="CSO",
                evse_id=evse,
                charging_profile=[profile],
                tbc=left > 0,
            )
            await self.call(report)

    @on("GetBaseReport")
    def get_report(self, **_):
        return call_result.GetBaseReport(status="Accepted")

    @after("GetBaseReport")
    async def report(self, request_id, **_):
        for number in [*reversed(range(PARTS)), TWICE]:
            name = f"V{number}"
            part = call.NotifyReport(
                request_id=request_id,
                generated_at="2026-01-01T10:00:00Z",
                seq_no=number,
                tbc=number < PARTS - 1,
                report_data=[value(name, self.variables[name])],
            )
            await self.call(part)

    @on("SetVariables")
    def set_variables(self, set_variable_data, **_):
        results = []
        for wanted in set_variable_data:
            name = wanted["variable"]["name"]
            status = "RebootRequired" if name in self.variables else "UnknownVariable"
            results.append(
                {
                    "attribute_status": status,
                    "component": wanted["component"],
                    "variable": wanted["variable"],
                }
            )
        return call_result.SetVariables(set_variable_result=results)

    @on("ReserveNow")
    def reserve(self, id, **_):
        self.reservations.add(id)
        return call_result.ReserveNow(status="Accepted")

    @on("CancelReservation")
    def cancel(self, reservation_id, **_):
        known = reservation_id in self.reservations
        self.reservations.discard(reservation_id)
        return call_result.CancelReservation(status="Accepted" if known else "Rejected")

    @on("SendLocalList")
    def take_list(self, version_number, update_type, **_):
        if update_type == "Differential" and version_number <= self.list_version:
            return call_result.SendLocalList(status="VersionMismatch")
        self.list_version = version_number
        return call_result.SendLocalList(status="Accepted")

    @on("GetLocalListVersion")
    def tell_list_version(self, **_):
        return call_result.GetLocalListVersion(version_number=self.list_version)


async def main():
    login = base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    async with websockets.connect(
        f"{URL}/{STATION}", subprotocols=[f"ocpp{VERSION}"], additional_headers=headers
    ) as socket:
        station = Station(STATION, socket)
        listening = asyncio.create_task(station.start())
        boot = call.BootNotification(
            charging_station={"vendor_name": "PyPI", "model": "Keeper"}, reason="PowerUp"
        )
        accepted = await station.call(boot)
        print(json.dumps({"step": "booted", "status": accepted.status}), flush=True)
        try:
            await listening
        except websockets.ConnectionClosed:
            pass  # The server went away, as the story wants it.


asyncio.run(main())
