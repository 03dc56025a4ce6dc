"""A charging station built on the PyPI package `ocpp`: somebody else's reading of OCPP 1.6J.

Plays one evening at one connector against the server given on the command line. Every step is one line of JSON on
standard output, so that the story that runs it can wait for a step and show the transcript. Where the operator has to
act (remote start and stop), it says so and waits for the server's call.
"""

import asyncio
import base64
import json
import sys
from datetime import datetime, timedelta

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

URL, STATION, PASSWORD, GOOD_CARD, BLOCKED_CARD, EVENING = sys.argv[1:7]
STARTED = datetime.fromisoformat(EVENING.replace("Z", "+00:00"))


def at(minutes):
    return (STARTED + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def say(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


class Station(ChargePoint):
    def __init__(self, *args):
        super().__init__(*args)
        self.remote_starts = asyncio.Queue(maxsize=4)
        self.remote_stops = asyncio.Queue(maxsize=4)
        self.told = asyncio.Queue(maxsize=16)

    async def hears(self):
        return await asyncio.wait_for(self.told.get(), 30)

    @on("RemoteStartTransaction")
    async def on_remote_start(self, id_tag, connector_id=None, **_):
        await self.remote_starts.put((id_tag, connector_id))
        return call_result.RemoteStartTransaction(status="Accepted")

    @on("RemoteStopTransaction")
    async def on_remote_stop(self, transaction_id, **_):
        await self.remote_stops.put(transaction_id)
        return call_result.RemoteStopTransaction(status="Accepted")


    @on("DataTransfer")
    async def on_data_transfer(self, vendor_id, message_id=None, data=None, **_):
        self.told.put_nowait({"vendor": vendor_id, "message": message_id, "data": json.loads(data)})
        return call_result.DataTransfer(status="Accepted")


def register(wh, minutes):
    sample = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh", "context": "Sample.Periodic"}
    return [{"timestamp": at(minutes), "sampledValue": [sample]}]


async def evening(station):
    boot = await station.call(call.BootNotification(charge_point_model="Second Opinion", charge_point_vendor="PyPI"))
    say("boot", status=boot.status)
    await station.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Available", timestamp=at(0)))
    await station.call(call.Heartbeat())
    blocked = await station.call(call.Authorize(id_tag=BLOCKED_CARD))
    say("blocked card", status=blocked.id_tag_info["status"])
    await local_session(station)
    await remote_session(station)
    await station.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Available", timestamp=at(51)))
    say("done")


async def local_session(station):
    good = await station.call(call.Authorize(id_tag=GOOD_CARD))
    assert good.id_tag_info["status"] == "Accepted", good
    # A first session, started with the card at the station: 1,000 to 8,400 Wh in 30 minutes.
    start = await station.call(
        call.StartTransaction(connector_id=1, id_tag=GOOD_CARD, meter_start=1000, timestamp=at(1))
    )
    first = start.transaction_id
    say("start", transaction=first, status=start.id_tag_info["status"], at=at(1))
    for minutes, wh in ((10, 3200), (20, 5700)):
        await station.call(
            call.MeterValues(connector_id=1, transaction_id=first, meter_value=register(wh, minutes))
        )
    say("meter values", shown=await station.hears())
    stop = await station.call(
        call.StopTransaction(transaction_id=first, id_tag=GOOD_CARD, meter_stop=8400, timestamp=at(31), reason="Local")
    )
    say("stop", status=(stop.id_tag_info or {}).get("status"), at=at(31), shown=await station.hears())


async def remote_session(station):
    # A second one, started and stopped by the operator: 8,400 to 9,000 Wh.
    say("ready for remote start")
    card, connector = await asyncio.wait_for(station.remote_starts.get(), 30)
    start = await station.call(
        call.StartTransaction(connector_id=connector or 1, id_tag=card, meter_start=8400, timestamp=at(40))
    )
    say("remote start", transaction=start.transaction_id, status=start.id_tag_info["status"], at=at(40))
    stopped = await asyncio.wait_for(station.remote_stops.get(), 30)
    await station.call(
        call.StopTransaction(transaction_id=stopped, meter_stop=9000, timestamp=at(50), reason="Remote")
    )
    say("remote stop", transaction=stopped, at=at(50), shown=await station.hears())


async def main():
    login = base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    async with websockets.connect(f"{URL}/{STATION}", subprotocols=["ocpp1.6"], additional_headers=headers) as socket:
        say("connected", subprotocol=socket.subprotocol)
        station = Station(STATION, socket)
        listening = asyncio.create_task(station.start())
        await evening(station)
        listening.cancel()


asyncio.run(asyncio.wait_for(main(), 120))
