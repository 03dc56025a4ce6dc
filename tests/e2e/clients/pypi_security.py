"""A charging station built on the PyPI package `ocpp` and Python's own TLS: somebody else's reading of the security
extension of OCPP 1.6.

Comes in over TLS with its password, takes a new one, has its certificate signed, and comes back with that alone. Every
step is one line of JSON on standard output.
"""

import asyncio
import base64
import json
import ssl
import sys

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

URL, STATION, PASSWORD, AUTHORITY, KEY, REQUEST, CERTIFICATE = sys.argv[1:8]


def say(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


class Station(ChargePoint):
    def __init__(self, *args):
        super().__init__(*args)
        self.keys = asyncio.Queue(maxsize=1)
        self.certificates = asyncio.Queue(maxsize=1)

    @on("ChangeConfiguration")
    async def on_key(self, key, value):
        assert key == "AuthorizationKey", key
        await self.keys.put(bytes.fromhex(value))
        return call_result.ChangeConfiguration(status="Accepted")

    @on("CertificateSigned")
    async def on_certificate(self, certificate_chain):
        await self.certificates.put(certificate_chain)
        return call_result.CertificateSigned(status="Accepted")


class Visit:
    """One connection, from the handshake to the hang-up."""

    def __init__(self, password=None, certificate=False):
        self.tls = ssl.create_default_context(cafile=AUTHORITY)
        if certificate:
            self.tls.load_cert_chain(CERTIFICATE, KEY)
        self.headers = {}
        if password is not None:
            login = base64.b64encode(STATION.encode() + b":" + password).decode()
            self.headers["Authorization"] = f"Basic {login}"

    async def __aenter__(self):
        self.socket = await websockets.connect(
            f"{URL}/{STATION}", subprotocols=["ocpp1.6"], additional_headers=self.headers, ssl=self.tls
        )
        station = Station(STATION, self.socket)
        self.listening = asyncio.create_task(station.start())
        boot = await station.call(call.BootNotification(charge_point_model="Second Opinion", charge_point_vendor="PyPI"))
        assert boot.status == "Accepted", boot
        return station

    async def __aexit__(self, *_):
        self.listening.cancel()
        await self.socket.close()


async def main():
    async with Visit(PASSWORD.encode()) as station:
        say("in with the password")
        key = await asyncio.wait_for(station.keys.get(), 30)
        say("new key")
    async with Visit(key) as station:
        say("in with the new key")
        with open(REQUEST) as file:
            answer = await station.call(call.SignCertificate(csr=file.read()))
        say("request", status=answer.status)
        certificate = await asyncio.wait_for(station.certificates.get(), 30)
        with open(CERTIFICATE, "w") as file:
            file.write(certificate)
    async with Visit(certificate=True) as station:
        say("in with the certificate")
        await station.call(call.Heartbeat())
    try:
        async with Visit(PASSWORD.encode()):
            say("in with the old password")
    except websockets.exceptions.InvalidStatus as refused:
        say("refused", status=refused.response.status_code)
    say("done")


asyncio.run(asyncio.wait_for(main(), 120))
