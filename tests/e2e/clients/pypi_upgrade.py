"""A charging station built on the PyPI package `ocpp` that is moved to TLS by its central system: over 1.6 it knows where
to go and is told its profile, over 2.0.1 it is told where to go, in which order to try, and to restart.

Every step is one line of JSON on standard output.
"""

import asyncio
import base64
import importlib
import json
import ssl
import sys

import websockets
from ocpp.routing import after, on

VERSION, PLAIN, SECURE, STATION, PASSWORD, AUTHORITY = sys.argv[1:7]
package = importlib.import_module(f"ocpp.{VERSION}")
call, call_result = package.call, package.call_result


def say(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


class Old(package.ChargePoint):
    """1.6: one key, which counts at once."""

    def prepare(self):
        self.moved = asyncio.Event()
        self.boot = call.BootNotification(charge_point_model="Mover", charge_point_vendor="PyPI")

    @on("ChangeConfiguration")
    async def on_key(self, key, value):
        known = key == "SecurityProfile" and value == "2"
        return call_result.ChangeConfiguration(status="Accepted" if known else "NotSupported")

    @after("ChangeConfiguration")
    async def after_key(self, key, value):
        self.url = SECURE
        self.moved.set()


class New(package.ChargePoint):
    """2.0.1: slots of connections, and the order in which they are tried."""

    def prepare(self):
        self.moved = asyncio.Event()
        self.slots, self.priority = {1: {"ocpp_csms_url": PLAIN}}, "1"
        self.boot = call.BootNotification(
            charging_station={"model": "Mover", "vendorName": "PyPI"}, reason="PowerUp"
        )

    @on("SetNetworkProfile")
    async def on_profile(self, configuration_slot, connection_data):
        say("told another connection", slot=configuration_slot, profile=connection_data["security_profile"])
        self.slots[configuration_slot] = connection_data
        return call_result.SetNetworkProfile(status="Accepted")

    @on("GetVariables")
    async def on_get(self, get_variable_data):
        result = {**get_variable_data[0], "attributeStatus": "Accepted", "attributeValue": self.priority}
        return call_result.GetVariables(get_variable_result=[result])

    @on("SetVariables")
    async def on_set(self, set_variable_data):
        wanted = dict(set_variable_data[0])
        self.priority = wanted.pop("attribute_value")
        say("told another order", priority=self.priority)
        result = {**wanted, "attributeStatus": "RebootRequired"}
        return call_result.SetVariables(set_variable_result=[result])

    @on("Reset")
    async def on_reset(self, type):
        say("told to restart", type=type)
        return call_result.Reset(status="Accepted")

    @after("Reset")
    async def after_reset(self, type):
        self.url = self.slots[int(self.priority.split(",")[0])]["ocpp_csms_url"]
        self.moved.set()


async def visit(url, subprotocol):
    """Stays until it is moved, and says where to."""
    login = base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode()
    tls = ssl.create_default_context(cafile=AUTHORITY) if url.startswith("wss:") else None
    async with websockets.connect(
        f"{url.rstrip('/')}/{STATION}",
        subprotocols=[subprotocol],
        additional_headers={"Authorization": f"Basic {login}"},
        ssl=tls,
    ) as socket:
        station = (Old if VERSION == "v16" else New)(STATION, socket)
        station.prepare()
        listening = asyncio.create_task(station.start())
        await station.call(station.boot)
        say("in", url=url.split(":")[0])
        await station.moved.wait()
        listening.cancel()
        return station.url


async def main():
    subprotocol = {"v16": "ocpp1.6", "v201": "ocpp2.0.1"}[VERSION]
    url = PLAIN
    while True:
        url = await visit(url, subprotocol)


asyncio.run(asyncio.wait_for(main(), 120))
