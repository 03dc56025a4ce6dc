//! Stations with a lot to say: ends of transactions and events in between that carry some 60 KB of meter values. Each
//! message is sent until it is answered, over as many connections as that takes, and then taken down.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugpoint::domain::Seq;
use plugpoint::store::Store;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Reply, Socket, try_connect};

/// Samples in a heavy message; each takes some 180 bytes.
const SAMPLES: usize = 340;

/// Events between the start and the end of a 2.0.1 transaction.
const UPDATES: usize = 2;

/// Between two messages, so that a story of many cuts fits on its disk.
const BREATH: Duration = Duration::from_millis(50);

/// Between two attempts to reach a server that may be down.
const AGAIN: Duration = Duration::from_millis(50);

/// Facts read at a time.
const PAGE: usize = 100;

/// Some stations, half of them of each version.
pub(super) struct Heavies {
    tasks: Vec<JoinHandle<Book>>,
    stop: CancellationToken,
}

/// What the server has acknowledged.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) transactions: HashSet<(String, String)>,
    /// Digests of the messages' payloads.
    texts: Vec<u64>,
    /// How long the messages' payloads were, in bytes.
    pub(super) lengths: Vec<usize>,
}

/// Of a station, and of the card that its drivers show: so no two stations say the same.
pub(super) fn name(n: usize) -> String {
    format!("HEAVY-{n}")
}

impl Heavies {
    pub(super) fn start(stations: usize, server: SocketAddr) -> Self {
        let stop = CancellationToken::new();
        let task = |n: usize| {
            let station = Station {
                id: name(n),
                speaks_201: n.is_multiple_of(2),
                server,
                socket: None,
                book: Arc::default(),
                said: 0,
            };
            tokio::spawn(station.talk(stop.clone()))
        };
        Self { tasks: (0..stations).map(task).collect(), stop }
    }

    /// Lets each finish its transaction.
    pub(super) async fn wind_down(self, patience: Duration) -> Book {
        self.stop.cancel();
        let mut all = Book::default();
        for task in self.tasks {
            let book = tokio::time::timeout(patience, task).await.expect("finished").unwrap();
            all.transactions.extend(book.transactions);
            all.texts.extend(book.texts);
            all.lengths.extend(book.lengths);
        }
        all
    }
}

impl Book {
    /// Every message that was acknowledged is in the store once, to the last byte. Returns how many there were.
    pub(super) fn check_texts(&self, data: &Path) -> usize {
        let store = Store::open(data).unwrap();
        let mut kept = HashMap::<u64, usize>::new();
        let mut after = Seq(0);
        loop {
            let page = store.facts(after, PAGE).unwrap();
            let Some(last) = page.last() else { break };
            after = last.seq;
            for fact in page {
                if let Some(text) = store.raw(fact.seq).unwrap() {
                    *kept.entry(digest(payload(&text))).or_default() += 1;
                }
            }
        }
        let times = |text: &u64| kept.get(text).copied().unwrap_or(0);
        let lost = self.texts.iter().filter(|text| times(text) == 0).count();
        let doubled = self.texts.iter().filter(|text| times(text) > 1).count();
        assert_eq!((lost, doubled), (0, 0), "messages lost and doubled, of {}", self.texts.len());
        self.texts.len()
    }
}

/// Without the message's id, which is another one each time that the message is sent.
fn payload(frame: &str) -> &str {
    let payload = frame.splitn(4, ',').last().unwrap();
    payload.strip_suffix(']').unwrap()
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

struct Station {
    id: String,
    speaks_201: bool,
    server: SocketAddr,
    socket: Option<Socket>,
    book: Arc<Mutex<Book>>,
    said: u64,
}

impl Station {
    async fn talk(mut self, stop: CancellationToken) -> Book {
        for n in 1.. {
            if stop.is_cancelled() {
                break;
            }
            if self.speaks_201 {
                self.charge_201(n).await;
            } else {
                self.charge_16(n).await;
            }
        }
        std::mem::take(&mut *self.book.lock().unwrap())
    }

    async fn charge_16(&mut self, n: usize) {
        let start = json!({
            "connectorId": 1, "idTag": self.id, "meterStart": n, "timestamp": now(),
        });
        let answer = self.say("StartTransaction", &start).await;
        let transaction = &answer["transactionId"];
        self.begun(transaction.to_string());
        let stop = json!({
            "transactionId": transaction, "meterStop": n + 1, "timestamp": now(),
            "transactionData": self.values(n),
        });
        self.say("StopTransaction", &stop).await;
    }

    async fn charge_201(&mut self, n: usize) {
        let transaction = format!("{}-{n}", self.id);
        for number in 0..UPDATES + 2 {
            let (kind, trigger) = match number {
                0 => ("Started", "Authorized"),
                last if last == UPDATES + 1 => ("Ended", "StopAuthorized"),
                _ => ("Updated", "MeterValuePeriodic"),
            };
            let mut event = json!({
                "eventType": kind, "timestamp": now(), "triggerReason": trigger, "seqNo": number,
                "transactionInfo": { "transactionId": transaction, "chargingState": "Charging" },
                "evse": { "id": 1, "connectorId": 1 },
            });
            if number == 0 {
                event["idToken"] = json!({ "idToken": self.id, "type": "ISO14443" });
            } else {
                event["meterValue"] = self.values(n);
            }
            self.say("TransactionEvent", &event).await;
            if number == 0 {
                self.begun(transaction.clone());
            }
        }
    }

    fn begun(&self, transaction: String) {
        self.book.lock().unwrap().transactions.insert((self.id.clone(), transaction));
    }

    /// No two are the same, and none is an energy.
    fn values(&self, n: usize) -> Value {
        let sample = |sample: usize| {
            let value = format!("{n}.{sample:03}");
            let mut sample = json!({
                "context": "Sample.Periodic", "measurand": "Voltage", "phase": "L1-N",
                "location": "Outlet",
            });
            if self.speaks_201 {
                sample["value"] = serde_json::from_str(&value).unwrap();
                sample["unitOfMeasure"] =
                    json!({ "unit": "V", "multiplier": 0, "customData": { "vendorId": "Heavy" } });
            } else {
                let more = json!({ "value": value, "format": "Raw", "unit": "V" });
                sample.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            }
            sample
        };
        let samples = (0..SAMPLES).map(sample).collect::<Vec<_>>();
        json!([{ "timestamp": now(), "sampledValue": samples }])
    }

    fn acknowledged(&self, text: &str) {
        let mut book = self.book.lock().unwrap();
        book.texts.push(digest(text));
        book.lengths.push(text.len());
    }

    /// Says it until it is answered.
    async fn say(&mut self, action: &str, payload: &Value) -> Value {
        let text = payload.to_string();
        loop {
            self.said += 1;
            let id = self.said.to_string();
            let subprotocol = if self.speaks_201 { "ocpp2.0.1" } else { "ocpp1.6" };
            if self.socket.is_none() {
                self.socket = try_connect(self.server, &self.id, subprotocol).await;
            }
            if let Some(socket) = &mut self.socket {
                socket.say(format!("[2,\"{id}\",\"{action}\",{text}]")).await;
                match socket.hear().await {
                    Reply::Result { id: answered, payload } if answered == id => {
                        self.acknowledged(&text);
                        tokio::time::sleep(BREATH).await;
                        return payload;
                    }
                    // The server cannot keep it now, or is gone.
                    _ => self.socket = None,
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
