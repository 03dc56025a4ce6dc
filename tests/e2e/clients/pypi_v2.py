"""A charging station built on the PyPI package `ocpp`: somebody else's reading of OCPP 2.0.1 and 2.1.

Plays one evening at one EVSE against the server given on the command line: a session that begins with the cable and
is authorised later, one event that is sent twice and one that comes late, and one that the operator starts and stops.
Every step is one line of JSON on standard output. Over 2.1, what it costs by now stands in an answer instead of a call,
and three messages are said that only 2.1 has.
"""

import asyncio
import base64
import importlib
import json
import sys
from datetime import datetime, timedelta

import websockets
from ocpp.routing import on

URL, STATION, PASSWORD, GOOD_CARD, BLOCKED_CARD, EVENING, VERSION = sys.argv[1:8]
OFFERS = {"v201": ["ocpp1.6", "ocpp2.0.1"], "v21": ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]}[VERSION]
ocpp = importlib.import_module(f"ocpp.{VERSION}")
call, call_result = ocpp.call, ocpp.call_result
STARTED = datetime.fromisoformat(EVENING.replace("Z", "+00:00"))
EVSE = {"id": 1, "connector_id": 1}


def at(minutes):
    return (STARTED + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def say(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


def token(card):
    return {"id_token": card, "type": "ISO14443"}


def register(kwh, minutes, context="Sample.Periodic"):
    unit = {"unit": "kWh"}
    sample = {"value": kwh, "measurand": "Energy.Active.Import.Register", "unit_of_measure": unit, "context": context}
    return [{"timestamp": at(minutes), "sampled_value": [sample]}]


def event(kind, transaction, number, minutes, trigger, info=None, **more):
    return call.TransactionEvent(
        event_type=kind,
        timestamp=at(minutes),
        trigger_reason=trigger,
        seq_no=number,
        transaction_info={"transaction_id": transaction, **(info or {})},
        **more,
    )


class Station(ocpp.ChargePoint):
    def __init__(self, *args):
        super().__init__(*args)
        self.starts = asyncio.Queue(maxsize=4)
        self.stops = asyncio.Queue(maxsize=4)
        self.told = asyncio.Queue(maxsize=16)

    @on("RequestStartTransaction")
    async def on_start(self, id_token, remote_start_id, **_):
        await self.starts.put((id_token["id_token"], remote_start_id))
        return call_result.RequestStartTransaction(status="Accepted")

    @on("RequestStopTransaction")
    async def on_stop(self, transaction_id, **_):
        await self.stops.put(transaction_id)
        return call_result.RequestStopTransaction(status="Accepted")

    async def hears(self, answer):
        """What it costs by now: a call of the server's, or from 2.1 on in the answer to an event."""
        if VERSION == "v201":
            return await asyncio.wait_for(self.told.get(), 30)
        return {"transaction": "first", "cost": answer.total_cost}

    @on("CostUpdated")
    async def on_cost_updated(self, total_cost, transaction_id, **_):
        self.told.put_nowait({"transaction": transaction_id, "cost": total_cost})
        return call_result.CostUpdated()


async def local_session(station):
    await station.call(
        event("Started", "first", 0, 1, "CablePluggedIn", {"charging_state": "EVConnected"}, evse=EVSE,
              meter_value=register(1.0, 1, "Transaction.Begin"))
    )
    good = await station.call(
        event("Updated", "first", 1, 2, "Authorized", {"charging_state": "Charging"}, id_token=token(GOOD_CARD))
    )
    say("start", status=good.id_token_info["status"], at=at(1))
    late = event("Updated", "first", 2, 10, "MeterValuePeriodic", offline=True, meter_value=register(3.2, 10))
    middle = event("Updated", "first", 3, 20, "MeterValuePeriodic", meter_value=register(5.7, 20))
    for message in (middle, middle, late):
        answer = await station.call(message)
    say("meter values", shown=await station.hears(answer))
    stop = await station.call(
        event("Ended", "first", 4, 31, "StopAuthorized", {"stopped_reason": "Local"}, id_token=token(GOOD_CARD),
              meter_value=register(8.4, 31, "Transaction.End"))
    )
    say("stop", status=stop.id_token_info["status"], at=at(31), cost=stop.total_cost)


async def remote_session(station):
    say("ready for remote start")
    card, remote_id = await asyncio.wait_for(station.starts.get(), 30)
    start = await station.call(
        event("Started", "second", 0, 40, "RemoteStart", {"remote_start_id": remote_id}, evse=EVSE,
              id_token=token(card), meter_value=register(8.4, 40, "Transaction.Begin"))
    )
    say("remote start", status=start.id_token_info["status"], at=at(40))
    transaction = await asyncio.wait_for(station.stops.get(), 30)
    stop = await station.call(
        event("Ended", transaction, 1, 50, "RemoteStop", {"stopped_reason": "Remote"},
              meter_value=register(9.0, 50, "Transaction.End"))
    )
    say("remote stop", at=at(50), cost=stop.total_cost)


async def newest(station):
    stream = {"id": 1, "variable_monitoring_id": 1, "params": {"interval": 60, "values": 1}}
    opened = await station.call(call.OpenPeriodicEventStream(constant_stream_data=stream))
    await station.call(
        call.NotifySettlement(psp_ref="R-1", status="Settled", settlement_amount=6.57, settlement_time=at(51))
    )
    battery = {"evse_id": 1, "serial_number": "B-1", "so_c": 80.0, "so_h": 97.5}
    await station.call(
        call.BatterySwap(event_type="BatteryOut", request_id=1, id_token=token(GOOD_CARD), battery_data=[battery])
    )
    say("newest", stream=opened.status)


async def evening(station):
    identity = {"vendor_name": "PyPI", "model": "Second Opinion"}
    boot = await station.call(call.BootNotification(charging_station=identity, reason="PowerUp"))
    say("boot", status=boot.status)
    status = {"timestamp": at(0), "connector_status": "Available", "evse_id": 1, "connector_id": 1}
    await station.call(call.StatusNotification(**status))
    await station.call(call.Heartbeat())
    blocked = await station.call(call.Authorize(id_token=token(BLOCKED_CARD)))
    say("blocked card", status=blocked.id_token_info["status"])
    await local_session(station)
    await remote_session(station)
    if VERSION == "v21":
        await newest(station)
    say("done")


async def main():
    login = base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    async with websockets.connect(f"{URL}/{STATION}", subprotocols=OFFERS, additional_headers=headers) as socket:
        say("connected", subprotocol=socket.subprotocol)
        station = Station(STATION, socket)
        listening = asyncio.create_task(station.start())
        await evening(station)
        listening.cancel()


asyncio.run(asyncio.wait_for(main(), 120))
