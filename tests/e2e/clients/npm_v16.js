// A charging station built on the npm package `ocpp-rpc`: somebody else's reading of OCPP 1.6J.
//
// Plays one evening at one connector, the same as pypi_v16.py. Every step is one line of JSON on standard output.

"use strict";

const assert = require("node:assert");
const { GOOD_CARD, BLOCKED_CARD, Orders, at, play, say } = require("./npm_evening.js");

const starts = new Orders();
const stops = new Orders();

const told = new Orders();

const handlers = {
    DataTransfer: ({ vendorId, messageId, data }) => {
        told.put({ vendor: vendorId, message: messageId, data: JSON.parse(data) });
        return { status: "Accepted" };
    },
    RemoteStartTransaction: (order) => {
        starts.put(order);
        return { status: "Accepted" };
    },
    RemoteStopTransaction: (order) => {
        stops.put(order);
        return { status: "Accepted" };
    },
};

function register(wh, minutes) {
    const sample = {
        value: String(wh),
        measurand: "Energy.Active.Import.Register",
        unit: "Wh",
        context: "Sample.Periodic",
    };
    return [{ timestamp: at(minutes), sampledValue: [sample] }];
}

function available(minutes) {
    return { connectorId: 1, errorCode: "NoError", status: "Available", timestamp: at(minutes) };
}

async function localSession(station) {
    const good = await station.call("Authorize", { idTag: GOOD_CARD });
    assert.equal(good.idTagInfo.status, "Accepted");
    const start = await station.call("StartTransaction", {
        connectorId: 1,
        idTag: GOOD_CARD,
        meterStart: 1000,
        timestamp: at(1),
    });
    const { transactionId } = start;
    say("start", { transaction: transactionId, status: start.idTagInfo.status, at: at(1) });
    for (const [minutes, wh] of [[10, 3200], [20, 5700]]) {
        const meterValue = register(wh, minutes);
        await station.call("MeterValues", { connectorId: 1, transactionId, meterValue });
    }
    say("meter values", { shown: await told.next() });
    const stop = await station.call("StopTransaction", {
        transactionId,
        idTag: GOOD_CARD,
        meterStop: 8400,
        timestamp: at(31),
        reason: "Local",
    });
    const shown = await told.next();
    say("stop", { status: stop.idTagInfo?.status ?? null, at: at(31), shown });
}

async function remoteSession(station) {
    say("ready for remote start");
    const { idTag, connectorId } = await starts.next();
    const start = await station.call("StartTransaction", {
        connectorId: connectorId ?? 1,
        idTag,
        meterStart: 8400,
        timestamp: at(40),
    });
    const { transactionId } = start;
    say("remote start", { transaction: transactionId, status: start.idTagInfo.status, at: at(40) });
    const stopped = (await stops.next()).transactionId;
    await station.call("StopTransaction", {
        transactionId: stopped,
        meterStop: 9000,
        timestamp: at(50),
        reason: "Remote",
    });
    say("remote stop", { transaction: stopped, at: at(50), shown: await told.next() });
}

async function evening(station) {
    const boot = await station.call("BootNotification", {
        chargePointVendor: "npm",
        chargePointModel: "Second Opinion",
    });
    say("boot", { status: boot.status });
    await station.call("StatusNotification", available(0));
    await station.call("Heartbeat", {});
    const blocked = await station.call("Authorize", { idTag: BLOCKED_CARD });
    say("blocked card", { status: blocked.idTagInfo.status });
    await localSession(station);
    await remoteSession(station);
    await station.call("StatusNotification", available(51));
    say("done");
}

play(["ocpp1.6"], handlers, evening);
