"""A charging station built on the PyPI package `ocpp` (1.6) that keeps what it is told: settings and a local list.

It has forgotten nothing but its settings when it starts. Every step is one line of JSON on standard output.
"""

import asyncio
import base64
import json
import sys

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

URL, STATION, PASSWORD = sys.argv[1:4]


def say(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


class Keeper(ChargePoint):
    keys = {"HeartbeatInterval": "60", "LocalAuthListEnabled": "false"}
    version, cards = 0, {}

    @on("GetConfiguration")
    async def on_get(self, key=None):
        wanted = key or list(self.keys)
        known = [
            {"key": name, "readonly": False, "value": self.keys[name]} for name in wanted if name in self.keys
        ]
        unknown = [name for name in wanted if name not in self.keys]
        return call_result.GetConfiguration(configuration_key=known, unknown_key=unknown)

    @on("ChangeConfiguration")
    async def on_change(self, key, value):
        self.keys[key] = value
        say("set", key=key, value=value)
        return call_result.ChangeConfiguration(status="Accepted")

    @on("GetLocalListVersion")
    async def on_version(self):
        return call_result.GetLocalListVersion(list_version=self.version)

    @on("SendLocalList")
    async def on_list(self, list_version, update_type, local_authorization_list=()):
        if update_type == "Full":
            self.cards = {}
        for entry in local_authorization_list:
            if "id_tag_info" in entry:
                self.cards[entry["id_tag"]] = entry["id_tag_info"]["status"]
            else:
                self.cards.pop(entry["id_tag"], None)
        self.version = list_version
        say("list", update=update_type, version=list_version, cards=sorted(self.cards))
        return call_result.SendLocalList(status="Accepted")


async def main():
    login = base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    async with websockets.connect(
        f"{URL}/{STATION}", subprotocols=["ocpp1.6"], additional_headers=headers
    ) as socket:
        station = Keeper(STATION, socket)
        listening = asyncio.create_task(station.start())
        await station.call(call.BootNotification(charge_point_model="Keeper", charge_point_vendor="PyPI"))
        say("in")
        await listening


asyncio.run(main())
