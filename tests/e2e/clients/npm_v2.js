// A charging station built on the npm package `ocpp-rpc`: somebody else's reading of OCPP 2.0.1 and 2.1.
//
// Plays one evening at one EVSE, the same as pypi_v2.py: one event is sent twice and one comes late. Every step is one
// line of JSON on standard output.

"use strict";

const { GOOD_CARD, BLOCKED_CARD, VERSION, Orders, at, play, say } = require("./npm_evening.js");

const starts = new Orders();
const stops = new Orders();
const evse = { id: 1, connectorId: 1 };

const told = new Orders();

const handlers = {
    CostUpdated: ({ transactionId, totalCost }) => {
        told.put({ transaction: transactionId, cost: totalCost });
        return {};
    },
    RequestStartTransaction: (order) => {
        starts.put(order);
        return { status: "Accepted" };
    },
    RequestStopTransaction: (order) => {
        stops.put(order);
        return { status: "Accepted" };
    },
};

function token(card) {
    return { idToken: card, type: "ISO14443" };
}

function register(kwh, minutes, context = "Sample.Periodic") {
    const sample = {
        value: kwh,
        measurand: "Energy.Active.Import.Register",
        unitOfMeasure: { unit: "kWh" },
        context,
    };
    return [{ timestamp: at(minutes), sampledValue: [sample] }];
}

function event(eventType, transactionId, seqNo, minutes, triggerReason, info = {}, more = {}) {
    const transactionInfo = { transactionId, ...info };
    return { eventType, timestamp: at(minutes), triggerReason, seqNo, transactionInfo, ...more };
}

/** What it costs by now: a call of the server's, or from 2.1 on in the answer to an event. */
async function shownBy(answer) {
    return VERSION === "v201" ? told.next() : { transaction: "first", cost: answer.totalCost };
}

async function localSession(station) {
    const send = (...words) => station.call("TransactionEvent", event(...words));
    const plugged = { evse, meterValue: register(1.0, 1, "Transaction.Begin") };
    await send("Started", "first", 0, 1, "CablePluggedIn", { chargingState: "EVConnected" }, plugged);
    const shown = { idToken: token(GOOD_CARD) };
    const good = await send("Updated", "first", 1, 2, "Authorized", { chargingState: "Charging" }, shown);
    say("start", { status: good.idTokenInfo.status, at: at(1) });

    const late = event("Updated", "first", 2, 10, "MeterValuePeriodic", {}, {
        offline: true,
        meterValue: register(3.2, 10),
    });
    const middle = event("Updated", "first", 3, 20, "MeterValuePeriodic", {}, {
        meterValue: register(5.7, 20),
    });
    let answer;
    for (const message of [middle, middle, late]) {
        answer = await station.call("TransactionEvent", message);
    }
    say("meter values", { shown: await shownBy(answer) });
    const unplugged = { ...shown, meterValue: register(8.4, 31, "Transaction.End") };
    const stop = await send("Ended", "first", 4, 31, "StopAuthorized", { stoppedReason: "Local" }, unplugged);
    say("stop", { status: stop.idTokenInfo.status, at: at(31), cost: stop.totalCost });
}

async function remoteSession(station) {
    const send = (...words) => station.call("TransactionEvent", event(...words));
    say("ready for remote start");
    const { idToken, remoteStartId } = await starts.next();
    const begin = { evse, idToken, meterValue: register(8.4, 40, "Transaction.Begin") };
    const start = await send("Started", "second", 0, 40, "RemoteStart", { remoteStartId }, begin);
    say("remote start", { status: start.idTokenInfo.status, at: at(40) });
    const { transactionId } = await stops.next();
    const end = { meterValue: register(9.0, 50, "Transaction.End") };
    const stop = await send("Ended", transactionId, 1, 50, "RemoteStop", { stoppedReason: "Remote" }, end);
    say("remote stop", { at: at(50), cost: stop.totalCost });
}

async function newest(station) {
    const params = { interval: 60, values: 1 };
    const constantStreamData = { id: 1, variableMonitoringId: 1, params };
    const opened = await station.call("OpenPeriodicEventStream", { constantStreamData });
    await station.call("NotifySettlement", {
        pspRef: "R-1",
        status: "Settled",
        settlementAmount: 6.57,
        settlementTime: at(51),
    });
    await station.call("BatterySwap", {
        eventType: "BatteryOut",
        requestId: 1,
        idToken: token(GOOD_CARD),
        batteryData: [{ evseId: 1, serialNumber: "B-1", soC: 80.0, soH: 97.5 }],
    });
    say("newest", { stream: opened.status });
}

async function evening(station) {
    const chargingStation = { vendorName: "npm", model: "Second Opinion" };
    const boot = await station.call("BootNotification", { chargingStation, reason: "PowerUp" });
    say("boot", { status: boot.status });
    await station.call("StatusNotification", {
        timestamp: at(0),
        connectorStatus: "Available",
        evseId: 1,
        connectorId: 1,
    });
    await station.call("Heartbeat", {});
    const blocked = await station.call("Authorize", { idToken: token(BLOCKED_CARD) });
    say("blocked card", { status: blocked.idTokenInfo.status });
    await localSession(station);
    await remoteSession(station);
    if (VERSION === "v21") {
        await newest(station);
    }
    say("done");
}

const offers = { v201: ["ocpp1.6", "ocpp2.0.1"], v21: ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] };
play(offers[VERSION], handlers, evening);
