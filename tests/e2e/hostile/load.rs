//! Open-loop load: cards are shown at times that stand beforehand, whether the server keeps up or not, and what an
//! answer took counts from the time that stood. A server that hangs cannot slow down whoever measures it.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::support::{Reply, Socket, handshake};

/// Between two cards at one station.
pub(super) const PACE: Duration = Duration::from_millis(200);

/// From the word "go" to the first card.
const RUN_UP: Duration = Duration::from_millis(50);

/// Stations side by side, all connected.
pub(super) struct Crowd(Vec<Socket>);

/// What the cards of one crowd met.
#[derive(Default)]
pub(super) struct Answers {
    /// Of every card that was accepted, from the time at which it was to be shown. Sorted.
    took: Vec<Duration>,
    /// Everything else that came back.
    pub(super) wrong: Vec<Reply>,
}

impl Crowd {
    pub(super) async fn connect(server: SocketAddr, ids: &[String]) -> Self {
        let mut sockets = Vec::with_capacity(ids.len());
        for id in ids {
            let socket = handshake(server, &format!("/ocpp/{id}"), Some("ocpp1.6"), None).await;
            sockets.push(socket.unwrap());
        }
        Self(sockets)
    }

    /// Every station shows its `card` so many times.
    pub(super) async fn show(&mut self, card: &str, times: u32) -> Answers {
        let stations = u32::try_from(self.0.len()).unwrap();
        let start = Instant::now() + RUN_UP;
        let shows = self.0.iter_mut().zip(0..).map(|(socket, n)| {
            let first = start + PACE * n / stations;
            show(socket, card, first, times)
        });
        let mut all = Answers::default();
        for answers in join_all(shows).await {
            all.add(answers);
        }
        all
    }
}

async fn show(socket: &mut Socket, card: &str, first: Instant, times: u32) -> Answers {
    let mut answers = Answers::default();
    let mut shown = 0;
    while answers.count() < times as usize {
        tokio::select! {
            () = sleep_until(first + PACE * shown), if shown < times => {
                let call = json!([2, shown.to_string(), "Authorize", { "idTag": card }]);
                socket.say(call.to_string()).await;
                shown += 1;
            }
            reply = socket.hear() => match &reply {
                Reply::Result { id, payload } if payload["idTagInfo"]["status"] == "Accepted" => {
                    answers.took.push((first + PACE * id.parse().unwrap()).elapsed());
                }
                Reply::Closed(_) | Reply::Silence => {
                    answers.wrong.push(reply);
                    break;
                }
                Reply::Result { .. } | Reply::Error { .. } | Reply::Call { .. } | Reply::ResultError { .. } => {
                    answers.wrong.push(reply);
                }
            },
        }
    }
    answers
}

impl Answers {
    pub(super) fn count(&self) -> usize {
        self.took.len() + self.wrong.len()
    }

    /// Makes one of two.
    pub(super) fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.took.sort();
        self.wrong.extend(other.wrong);
    }

    /// So many in a hundred took no longer.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.took.len() * percent).div_ceil(100).saturating_sub(1);
        self.took.get(rank).copied().unwrap_or_default()
    }
}
