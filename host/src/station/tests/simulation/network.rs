//! The network between the stations and their server: it takes its time, loses, repeats and breaks.

use std::ops::Range;
use std::time::Duration;

use serde_json::Value;

use super::town::{Happening, Town, millis};
use crate::sim;
use crate::station::handling::Handling;
use crate::station::machine::{self, Link};

/// How long a message or a new connection is on its way.
pub(super) const NETWORK: Range<Duration> = Duration::from_millis(20)..Duration::from_millis(300);

/// From the end of a connection to the server's noticing.
const NOTICING: Range<Duration> = Duration::ZERO..Duration::from_secs(90);

/// Out of so many messages one is lost, one comes twice, and one is the last of its connection.
const LOST: u64 = 150;
const TWICE: u64 = 100;
const CUT: u64 = 200;

impl Town {
    pub(super) fn dialled(&mut self, n: usize) {
        if !self.is_up {
            return self.charger(n, sim::Input::Closed { why: "refused".to_owned() });
        }
        self.links += 1;
        let post = &mut self.posts[n];
        (post.link, post.served) = (Some(self.links), Some(self.links));
        let link = Link {
            dialect: post.dialect,
            peer: "10.0.0.1:5000".to_owned(),
            handling: Handling::default(),
        };
        self.machine(n, machine::Input::Linked(link));
        self.charger(n, sim::Input::Opened);
    }

    /// The station's end of a connection is gone. The server may take its time to notice.
    pub(super) fn hang_up(&mut self, n: usize, why: &str) {
        let Some(link) = self.posts[n].link.take() else { return };
        self.soon(&NOTICING, Happening::Noticed { n, link });
        self.charger(n, sim::Input::Closed { why: why.to_owned() });
    }

    pub(super) fn say_to_server(&mut self, n: usize, text: String) {
        let Some(link) = self.posts[n].link else { return };
        let at = (self.clock + millis(self.chance.within(&NETWORK))).max(self.posts[n].up_until);
        self.posts[n].up_until = at;
        for text in self.copies(n, text) {
            self.at(at, Happening::ToServer { n, link, text });
        }
    }

    pub(super) fn say_to_station(&mut self, n: usize, text: String) {
        let Some(link) = self.posts[n].served else { return };
        let at = (self.clock + millis(self.chance.within(&NETWORK))).max(self.posts[n].down_until);
        self.posts[n].down_until = at;
        for text in self.copies(n, text) {
            self.at(at, Happening::ToStation { n, link, text });
        }
    }

    /// What the network makes of a message: mostly one.
    fn copies(&mut self, n: usize, text: String) -> Vec<String> {
        self.tally.messages += 1;
        if self.is_calm {
            return vec![text];
        }
        if let Some(link) = self.posts[n].link.filter(|_| self.chance.below(CUT) == 0) {
            self.soon(&NETWORK, Happening::Cut { n, link });
        }
        if self.chance.below(LOST) == 0 {
            self.tally.lost += 1;
            return Vec::new();
        }
        if self.chance.below(TWICE) == 0 {
            self.tally.twice += 1;
            return vec![text.clone(), text];
        }
        vec![text]
    }
}

/// What the server said, as the station's socket would hand it on.
pub(super) fn read(text: &str) -> sim::Input {
    let mut parts: Vec<Value> = serde_json::from_str(text).unwrap();
    let mut next = |n: usize| parts[n].take();
    let word = |value: Value| value.as_str().unwrap().to_owned();
    let kind = next(0).as_u64();
    let id = word(next(1));
    match kind {
        Some(2) => sim::Input::Call { id, action: word(next(2)), payload: next(3) },
        Some(3) => sim::Input::Answer { id, payload: next(2) },
        _ => sim::Input::Error { id, code: word(next(2)), description: word(next(3)) },
    }
}
