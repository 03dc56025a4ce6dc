//! A conversation about what a station holds: its messages and its answers to calls, one frame a line, through the table
//! of holdings. Knows no connection; what the versions do not allow changes nothing, as in the house.

use std::collections::BTreeMap;

use plugpoint::domain::{
    Holding, HoldingKind, HoldingRecords, IdToken, MAX_CONTENT, MAX_HOLDING_KEY, Millis, Pseudonym,
    ReadFailed, Shelf, ShelfMoves, StationId, Validation, Versioned, hex,
};
use plugpoint::holdings::{Called, Outcome, heard};
use plugpoint::ocpp::{Dialect, Frame, v2, v16};

/// Frames of one conversation that are read.
const MAX_FRAMES: usize = 16;

/// Most bytes of one record beside its contents, of which there are three: marks, times, words of the station.
const MAX_FRAME_OF_RECORD: usize = 8 << 10;

#[derive(Default)]
struct Records {
    shelves: BTreeMap<HoldingKind, Versioned<Shelf>>,
    holdings: BTreeMap<(HoldingKind, String), Holding>,
}

/// Every version holds the same conversation. Says whether anything was put on a shelf.
pub(crate) fn converse(text: &str) -> bool {
    let versions: [&'static Dialect; 3] = [&v16::DIALECT, &v2::V201, &v2::V21];
    let told = versions.map(|dialect| converse_in(dialect, text));
    told.contains(&true)
}

fn converse_in(dialect: &Dialect, text: &str) -> bool {
    let Ok(station) = StationId::new("CS1") else { return false };
    let mut records = Records::default();
    let frames: Vec<_> = text
        .lines()
        .take(MAX_FRAMES)
        .filter_map(|line| Frame::parse(line, dialect.message_types).ok())
        .collect();
    for (number, frame) in frames.iter().enumerate() {
        let now = Millis(1_767_261_600_000 + 1000 * number as u64);
        let moves = match frame {
            Frame::Call { action, payload, .. }
                if dialect.read_call(action, payload, Validation::Lenient).is_ok() =>
            {
                heard(dialect.subprotocol, action, payload, now)
                    .map(|heard| heard.moves(&station, &records))
            }
            Frame::Call { action, payload, .. } => {
                let Ok(payload) = dialect.write_command(action, payload) else { continue };
                let outcome = match frames.get(number + 1) {
                    Some(Frame::Result { payload, .. })
                        if dialect.check_answer(action, payload).is_none() =>
                    {
                        Outcome::Answered(payload)
                    }
                    Some(Frame::Error { .. }) => Outcome::Refused("InternalError"),
                    _ => Outcome::Unknown,
                };
                let called = Called {
                    subprotocol: dialect.subprotocol,
                    action,
                    payload: payload.get(),
                    sent: now,
                    ended: now,
                    outcome,
                    plugin: None,
                    command: "1",
                };
                Some(called.moves(&station, &records))
            }
            _ => None,
        };
        let moves = moves.map(|moves| moves.expect("these records can be read"));
        for moved in moves.unwrap_or_default() {
            records.take(moved);
        }
    }
    !records.holdings.is_empty()
}

impl Records {
    fn take(&mut self, moves: ShelfMoves) {
        let ShelfMoves { kind, shelf, revision, holdings } = moves;
        for (key, holding) in holdings {
            assert!(key.len() <= MAX_HOLDING_KEY, "{kind}: {} bytes of key", key.len());
            match holding {
                Some(holding) => {
                    let size = serde_json::to_vec(&holding).expect("it can be kept").len();
                    assert!(size <= 3 * MAX_CONTENT + MAX_FRAME_OF_RECORD, "{kind}: {size} bytes");
                    self.holdings.insert((kind, key), holding);
                }
                None => drop(self.holdings.remove(&(kind, key))),
            }
        }
        let kept = self.holdings.keys().filter(|(its, _)| *its == kind).count();
        assert_eq!(kept, shelf.kept as usize, "{kind}: the shelf counts what is on it");
        assert!(shelf.held <= shelf.kept && shelf.kept <= kind.most(), "{kind}: {shelf:?}");
        self.shelves.insert(kind, Versioned { value: shelf, revision: revision + 1 });
    }
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
