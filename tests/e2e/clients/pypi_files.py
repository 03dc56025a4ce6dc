"""A charging station built on the PyPI package `ocpp` and Python's own HTTP client: somebody else's reading of firmware
updates and logs in OCPP 2.0.1.

Fetches its firmware in two parts, as if the connection had broken in between, and sends its log as a form. What it
fetched and what it sent is one line of JSON on standard output each.
"""

import asyncio
import base64
import hashlib
import http.client
import json
import sys
from urllib.parse import urlsplit

import websockets
from ocpp.routing import after, on
from ocpp.v201 import ChargePoint, call, call_result

URL, STATION, PASSWORD = sys.argv[1:4]
LOG = b"somebody else's log\n" * 5000
BOUNDARY = "----second-opinion"


def say(step, content):
    print(json.dumps({"step": step, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}), flush=True)


def request(url, method, body=None, headers=None):
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    connection.request(method, address.path, body=body, headers=headers or {})
    answer = connection.getresponse()
    return answer, answer.read()


def fetch(url):
    head, nothing = request(url, "HEAD")
    size, tag = int(head.headers["Content-Length"]), head.headers["ETag"]
    assert (head.status, nothing) == (200, b""), head.status
    half = size // 2
    first, content = request(url, "GET", headers={"Range": f"bytes=0-{half - 1}"})
    second, rest = request(url, "GET", headers={"Range": f"bytes={half}-", "If-Range": tag})
    assert (first.status, second.status) == (206, 206), (first.status, second.status)
    assert second.headers["Content-Range"] == f"bytes {half}-{size - 1}/{size}", second.headers["Content-Range"]
    return content + rest


def send(url, content):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="log"; filename="station.log"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    answer, _ = request(url, "POST", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    assert answer.status == 200, answer.status


class Station(ChargePoint):
    def __init__(self, *args):
        super().__init__(*args)
        self.done = asyncio.Queue(maxsize=2)

    @on("UpdateFirmware")
    async def on_firmware(self, request_id, firmware, **_):
        return call_result.UpdateFirmware(status="Accepted")

    @after("UpdateFirmware")
    async def after_firmware(self, request_id, firmware, **_):
        await self.firmware(request_id, "Downloading")
        say("fetched", await asyncio.to_thread(fetch, firmware["location"]))
        for status in ["Downloaded", "Installing", "Installed"]:
            await self.firmware(request_id, status)
        await self.done.put("firmware")

    async def firmware(self, request_id, status):
        await self.call(call.FirmwareStatusNotification(status=status, request_id=request_id))

    @on("GetLog")
    async def on_log(self, log, log_type, request_id, **_):
        return call_result.GetLog(status="Accepted", filename="station.log")

    @after("GetLog")
    async def after_log(self, log, log_type, request_id, **_):
        await self.call(call.LogStatusNotification(status="Uploading", request_id=request_id))
        await asyncio.to_thread(send, log["remote_location"], LOG)
        say("sent", LOG)
        await self.call(call.LogStatusNotification(status="Uploaded", request_id=request_id))
        await self.done.put("log")


async def main():
    login = base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    async with websockets.connect(
        f"{URL}/{STATION}", subprotocols=["ocpp2.0.1"], additional_headers=headers
    ) as socket:
        station = Station(STATION, socket)
        listening = asyncio.create_task(station.start())
        about = {"model": "Second Opinion", "vendor_name": "PyPI"}
        boot = await station.call(call.BootNotification(charging_station=about, reason="PowerUp"))
        assert boot.status == "Accepted", boot
        say("ready", b"")
        for _ in range(2):
            await asyncio.wait_for(station.done.get(), 60)
        listening.cancel()


asyncio.run(main())
