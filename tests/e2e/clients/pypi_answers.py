"""A station built on the PyPI package `ocpp` that answers every action for which the package has a request and an answer.

The package checks what it is asked and what it answers against the schemas that it ships. The answers are the smallest
that those schemas allow. One line of JSON on standard output says which actions are answered; then it waits to be ended.
"""

import asyncio
import base64
import importlib
import json
import sys
from pathlib import Path

import ocpp
import websockets
from ocpp.charge_point import camel_to_snake_case

sys.path.append(str(Path(__file__).resolve().parents[2] / "catalogue"))
from generate import VERSIONS, request_of  # noqa: E402
from instances import Message  # noqa: E402

URL, STATION, PASSWORD, VERSION = sys.argv[1:5]
FOLDER, ENDING, BLOCKS = VERSIONS[VERSION]
SCHEMAS = Path(ocpp.__file__).parent / FOLDER / "schemas"
package = importlib.import_module(f"ocpp.{FOLDER}")


def answers():
    """What is said to each action that goes to stations."""
    for _, outgoing in BLOCKS.values():
        for action in outgoing.split():
            path = SCHEMAS / f"{action}Response.json"
            has_request = hasattr(package.call, action) and request_of(SCHEMAS, action, ENDING).exists()
            if has_request and hasattr(package.call_result, action) and path.exists():
                message = Message(path)
                least = camel_to_snake_case(message.least(message.schema))
                yield action, getattr(package.call_result, action)(**least)


def boot():
    if VERSION == "1.6":
        return package.call.BootNotification(charge_point_vendor="PyPI", charge_point_model="Obedient")
    return package.call.BootNotification(
        charging_station={"vendor_name": "PyPI", "model": "Obedient"}, reason="PowerUp"
    )


async def main():
    login = base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    subprotocols = [f"ocpp{VERSION}"]
    async with websockets.connect(
        f"{URL}/{STATION}", subprotocols=subprotocols, additional_headers=headers
    ) as socket:
        station = package.ChargePoint(STATION, socket)
        known = dict(answers())
        for action, answer in known.items():
            station.route_map[action] = {"_on_action": lambda answer=answer, **_: answer}
        listening = asyncio.create_task(station.start())
        accepted = await station.call(boot())
        print(json.dumps({"subprotocol": socket.subprotocol, "boot": accepted.status, "answers": list(known)}), flush=True)
        await listening


asyncio.run(main())
