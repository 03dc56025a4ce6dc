// What both of npm's stations need: a connection, the time of the evening, the transcript, what the operator asks for.

"use strict";

const { RPCClient, createValidator } = require("ocpp-rpc");

const [URL, STATION, PASSWORD, GOOD_CARD, BLOCKED_CARD, EVENING, VERSION] = process.argv.slice(2);

/** The operator acts within this time, in milliseconds. */
const PATIENCE = 30_000;

/** The whole evening, in milliseconds. */
const EVENING_LIMIT = 120_000;

function at(minutes) {
    return new Date(Date.parse(EVENING) + minutes * 60_000).toISOString();
}

function say(step, facts = {}) {
    process.stdout.write(JSON.stringify({ step, ...facts }) + "\n");
}

/** The server's calls of one kind, one at a time and in order. */
class Orders {
    #waiting = [];
    #wake = null;

    put(order) {
        this.#waiting.push(order);
        this.#wake?.();
    }

    async next() {
        const late = setTimeout(() => {
            throw new Error("the operator did nothing");
        }, PATIENCE);
        while (this.#waiting.length === 0) {
            await new Promise((wake) => (this.#wake = wake));
        }
        clearTimeout(late);
        return this.#waiting.shift();
    }
}

/**
 * The package ships the schemas of 2.1 under names that its own strict mode does not look for, and with members' rules
 * at texts, of which its validator complains.
 */
function validatorOf21() {
    const named = (id) => id.replace(/Request$/, ".req").replace(/Response$/, ".conf");
    const tidy = (key, value) => {
        if (value?.type === "string") {
            delete value.additionalProperties;
        }
        return key === "$id" ? named(value) : value;
    };
    const schemas = JSON.stringify(require("ocpp-rpc/lib/schemas/ocpp2_1.json"));
    return createValidator("ocpp2.1", JSON.parse(schemas, tidy));
}

/** Connects and plays `evening(client)`. Every message of both sides is checked against the package's own schemas. */
async function play(protocols, handlers, evening) {
    setTimeout(() => {
        throw new Error("the evening takes too long");
    }, EVENING_LIMIT).unref();
    const client = new RPCClient({
        endpoint: URL,
        identity: STATION,
        password: PASSWORD,
        protocols,
        strictMode: true,
        strictModeValidators: [validatorOf21()],
        reconnect: false,
    });
    client.on("strictValidationFailure", ({ error }) => {
        throw error;
    });
    for (const [action, handler] of Object.entries(handlers)) {
        client.handle(action, ({ params }) => handler(params));
    }
    await client.connect();
    say("connected", { subprotocol: client.protocol });
    await evening(client);
    await client.close();
}

module.exports = { GOOD_CARD, BLOCKED_CARD, VERSION, Orders, at, play, say };
