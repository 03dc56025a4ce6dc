//! One station and its records in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::to_raw_value;

use crate::domain::{
    Holding, HoldingKind, HoldingRecords, IdToken, Millis, Pseudonym, ReadFailed, Shelf,
    ShelfMoves, StationId, Versioned, hex,
};
use crate::holdings::{Called, Outcome, heard};

#[derive(Default)]
struct Records {
    shelves: BTreeMap<HoldingKind, Versioned<Shelf>>,
    holdings: BTreeMap<(HoldingKind, String), Holding>,
}

impl HoldingRecords for Records {
    fn shelf(&self, _: &StationId, kind: HoldingKind) -> Result<Versioned<Shelf>, ReadFailed> {
        let nothing = || Versioned { value: Shelf::default(), revision: 0 };
        Ok(self.shelves.get(&kind).cloned().unwrap_or_else(nothing))
    }

    fn holding(
        &self,
        _: &StationId,
        kind: HoldingKind,
        key: &str,
    ) -> Result<Option<Holding>, ReadFailed> {
        Ok(self.holdings.get(&(kind, key.to_owned())).cloned())
    }

    fn holdings(
        &self,
        _: &StationId,
        kind: HoldingKind,
    ) -> Result<Vec<(String, Holding)>, ReadFailed> {
        let of_kind = self.holdings.iter().filter(|((its, _), _)| *its == kind);
        Ok(of_kind.map(|((_, key), holding)| (key.clone(), holding.clone())).collect())
    }

    fn token_name(&self, token: &IdToken) -> Pseudonym {
        Pseudonym(hex(token.canonical().as_bytes()))
    }
}

pub(super) struct Station {
    subprotocol: &'static str,
    records: Records,
    /// Moves with everything that is said.
    pub(super) now: Millis,
}

impl Station {
    pub(super) fn v1() -> Self {
        Self::of("ocpp1.6")
    }

    pub(super) fn v2() -> Self {
        Self::of("ocpp2.1")
    }

    pub(super) fn of(subprotocol: &'static str) -> Self {
        Self { subprotocol, records: Records::default(), now: Millis(1_767_261_600_000) }
    }

    pub(super) fn is_v1(&self) -> bool {
        self.subprotocol == "ocpp1.6"
    }

    pub(super) fn wait_until(&mut self, time: &str) {
        let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
        self.now = Millis::from_utc(time.to_utc()).unwrap();
    }

    /// A call of ours that is answered a second later.
    pub(super) fn call(&mut self, action: &str, payload: Value, answer: Value) {
        let sent = self.tick();
        self.answered(sent, action, &payload, &answer);
    }

    /// Something is sent; what comes of it is told later.
    pub(super) fn tick(&mut self) -> Millis {
        let sent = self.now + Duration::from_secs(1);
        self.now = sent + Duration::from_secs(1);
        sent
    }

    pub(super) fn answered(&mut self, sent: Millis, action: &str, payload: &Value, answer: &Value) {
        let answer = to_raw_value(answer).unwrap();
        self.end(sent, action, payload, Outcome::Answered(&answer));
    }

    pub(super) fn call_refused(&mut self, action: &str, payload: &Value, code: &str) {
        let sent = self.tick();
        self.end(sent, action, payload, Outcome::Refused(code));
    }

    pub(super) fn call_without_answer(&mut self, action: &str, payload: &Value) {
        let sent = self.tick();
        self.end(sent, action, payload, Outcome::Unknown);
    }

    fn end(&mut self, sent: Millis, action: &str, payload: &Value, outcome: Outcome<'_>) {
        let called = Called {
            subprotocol: self.subprotocol,
            action,
            payload: &payload.to_string(),
            sent,
            ended: self.now,
            outcome,
            plugin: None,
            command: "1",
        };
        let moves = called.moves(&id(), &self.records).unwrap();
        self.keep(moves);
    }

    pub(super) fn says(&mut self, action: &str, payload: &Value) {
        self.tick();
        let payload = to_raw_value(payload).unwrap();
        if let Some(heard) = heard(self.subprotocol, action, &payload, self.now) {
            let moves = heard.moves(&id(), &self.records).unwrap();
            self.keep(moves);
        }
    }

    fn keep(&mut self, moves: Vec<ShelfMoves>) {
        for ShelfMoves { kind, shelf, revision, holdings } in moves {
            let now = self.records.shelves.get(&kind).map_or(0, |shelf| shelf.revision);
            assert_eq!(revision, now, "a change that has not seen the last one");
            self.records.shelves.insert(kind, Versioned { value: shelf, revision: revision + 1 });
            for (key, holding) in holdings {
                match holding {
                    Some(holding) => self.records.holdings.insert((kind, key), holding),
                    None => self.records.holdings.remove(&(kind, key)),
                };
            }
            self.count(kind);
        }
    }

    /// The numbers on a shelf are those of what is on it.
    fn count(&self, kind: HoldingKind) {
        let shelf = &self.records.shelves[&kind].value;
        let all = self.records.holdings(&id(), kind).unwrap();
        let count = |is: fn(&Holding) -> bool| all.iter().filter(|(_, it)| is(it)).count();
        let numbers = [all.len(), count(Holding::is_held), count(Holding::differs)];
        assert_eq!(
            [shelf.kept, shelf.held, shelf.differing].map(|n| n as usize),
            numbers,
            "{kind}"
        );
    }

    pub(super) fn one(&self, kind: &str, key: &str) -> Holding {
        let found = self.records.holdings.get(&(kind.parse().unwrap(), key.to_owned()));
        found.unwrap_or_else(|| panic!("no {kind} {key}: {:?}", self.keys(kind))).clone()
    }

    pub(super) fn keys(&self, kind: &str) -> Vec<String> {
        let all = self.records.holdings(&id(), kind.parse().unwrap()).unwrap();
        all.into_iter().map(|(key, _)| key).collect()
    }

    pub(super) fn shelf(&self, kind: &str) -> Shelf {
        self.records.shelves.get(&kind.parse().unwrap()).unwrap().value.clone()
    }

    pub(super) fn shelves(&self) -> Vec<HoldingKind> {
        self.records.shelves.keys().copied().collect()
    }

    pub(super) fn dump(&self) -> String {
        format!("{:?}", self.records.holdings)
    }
}

fn id() -> StationId {
    StationId::new("CS1").unwrap()
}
