//! Frames on their way past the quirks of their station: each direction in order, none lost, whatever a quirk does.
//! Knows no plugin's inside.
//!
//! What waits in a direction waits behind one frame whose call is polled with the actor's other work, so that frames
//! are read meanwhile. The end of a connection and the next one take their turn among the frames that came before them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{Aborted, abortable};
use tracing::warn;

use super::passage::{Held, Parcel, Passage};
use super::{Actor, Done, Letter, now};
use crate::domain::{AskedStation, ChangedFrame, StationId, StationRecord, Way};
use crate::ocpp::{Dialect, Frame};
use crate::policy::{Chain, Fit, Passed, Passing, ToPass};
use crate::station::machine::{Input, Now};
use crate::station::socket::{Parting, Socket};
use crate::store::{Commit, Store, StoreError};

/// How long the quirks may hold one frame up, all of them together. What is left of the time for an answer is the
/// policies'.
const HOLDS_UP: Duration = Duration::from_millis(500);

/// See the module. Most stations have no quirks, and keep no more than this.
#[derive(Default)]
pub(super) struct Quirks {
    fit: Fit,
    passages: Option<Box<Passages>>,
}

/// Of a station that has quirks.
struct Passages {
    station: Arc<AskedStation>,
    dialect: &'static Dialect,
    inbound: Passage,
    outbound: Passage,
    /// The number of the newest changed frame on record, once it has been looked up.
    newest: Option<u32>,
}

impl Quirks {
    /// Nothing is on its way in this direction.
    pub(super) fn is_clear(&self, way: Way) -> bool {
        let Some(passages) = &self.passages else { return true };
        match way {
            Way::Inbound => passages.inbound.is_clear(),
            Way::Outbound => passages.outbound.is_clear(),
        }
    }

    /// What is known of the station, or how it is connected, has changed.
    pub(super) fn look_again(&mut self) {
        self.fit = Fit::default();
    }

    fn passage(&mut self, way: Way) -> Option<&mut Passage> {
        let passages = self.passages.as_mut()?;
        Some(match way {
            Way::Inbound => &mut passages.inbound,
            Way::Outbound => &mut passages.outbound,
        })
    }

    /// Frames for a connection that is over go nowhere.
    pub(super) fn drop_outbound(&mut self) {
        if let Some(passage) = self.passage(Way::Outbound) {
            if let Some((_, call)) = &passage.first {
                call.abort();
            }
            *passage = Passage::default();
        }
    }

    /// The next connection, if it waits for its turn.
    pub(super) fn take_waiting_socket(&mut self) -> Option<Socket> {
        let held = &mut self.passage(Way::Inbound)?.held;
        match *held.pop_back_if(|last| matches!(last, Held::Link(_)))?.into_letter()? {
            Letter::Link { socket, .. } => Some(*socket),
            Letter::Command(..) | Letter::HangUp(_) => None,
        }
    }
}

impl Actor {
    /// A frame that the station sent.
    pub(super) fn receive(&mut self, now: Now, text: String) {
        if self.quirks.is_clear(Way::Inbound) && self.chain().is_none() {
            return self.machine.handle(now, Input::Text(text));
        }
        self.machine.handle(now, Input::Heard);
        self.hold(Way::Inbound, Held::Frame(Parcel { text, now, answers: None }));
    }

    /// A frame for the station.
    pub(super) fn send(&mut self, text: String, answers: Option<&'static str>) {
        let is_plain = self.quirks.is_clear(Way::Outbound) && self.chain().is_none();
        match &mut self.socket {
            None => {}
            Some(socket) if is_plain => socket.send(text),
            Some(_) => {
                let parcel = Parcel { text, now: now(), answers };
                self.hold(Way::Outbound, Held::Frame(parcel));
            }
        }
    }

    /// The connection is over: the machine hears of it after what the station said before.
    pub(super) fn unlink(&mut self, now: Now, why: String) {
        self.quirks.drop_outbound();
        if self.quirks.is_clear(Way::Inbound) {
            return self.machine.handle(now, Input::Unlinked { why });
        }
        self.hold(Way::Inbound, Held::Lost(why));
    }

    /// Another connection, while frames of the one before are still on their way in.
    pub(super) fn hold_link(&mut self, letter: Letter) {
        let before = self.quirks.take_waiting_socket().or_else(|| self.socket.take());
        if let Some(socket) = before {
            socket.part(Parting::Replaced);
        }
        self.quirks.drop_outbound();
        self.hold(Way::Inbound, Held::Link(Box::new(letter)));
    }

    fn hold(&mut self, way: Way, held: Held) {
        let Some(passage) = self.quirks.passage(way) else { return };
        passage.push(held);
        let is_alone = passage.first.is_none() && passage.held.len() == 1;
        if is_alone || !passage.is_full() {
            return if is_alone { self.advance(way) } else { self.call_next(way) };
        }
        match passage.first.take() {
            None => self.advance(way),
            Some((parcel, call)) => {
                call.abort();
                if !std::mem::replace(&mut passage.is_crowded, true) {
                    let (station, way) = (&self.station, way.as_str());
                    warn!(%station, way, "its quirks are slower than it talks: frames go on unchanged");
                }
                self.deliver(way, parcel, Passed::default());
                self.call_next(way);
            }
        }
    }

    /// A call has come to its end.
    pub(super) fn passed(&mut self, way: Way, passed: Passed) {
        let first = self.quirks.passage(way).and_then(|passage| passage.first.take());
        if let Some((parcel, _)) = first {
            self.deliver(way, parcel, passed);
        }
        self.call_next(way);
    }

    /// What waits first has its turn.
    pub(super) fn turn(&mut self, way: Way) {
        if let Some(passage) = self.quirks.passage(way) {
            passage.is_called = false;
        }
        self.advance(way);
    }

    /// Takes up what waits first, unless a call has to be waited for.
    fn advance(&mut self, way: Way) {
        match self.quirks.passage(way).and_then(Passage::next) {
            None => return,
            Some(Held::Frame(parcel)) => match self.chain() {
                None => self.deliver(way, parcel, Passed::default()),
                Some(chain) => self.begin_passing(way, parcel, chain),
            },
            Some(Held::Lost(why)) => self.machine.handle(now(), Input::Unlinked { why }),
            Some(Held::Link(letter)) => self.letter(*letter),
        }
        self.call_next(way);
    }

    /// Lets what waits next have its turn after what follows from the one before has been carried out: an answer leaves
    /// by the connection that it belongs to.
    fn call_next(&mut self, way: Way) {
        let Some(passage) = self.quirks.passage(way) else { return };
        if passage.first.is_none() && !passage.held.is_empty() && !passage.is_called {
            passage.is_called = true;
            self.work.push(Box::pin(std::future::ready(Done::Turn(way))));
        }
    }

    fn begin_passing(&mut self, way: Way, parcel: Parcel, chain: Chain) {
        let Some(passages) = &self.quirks.passages else { return };
        let (station, dialect) = (Arc::clone(&passages.station), passages.dialect);
        let (text, answers) = (parcel.text.clone(), parcel.answers);
        let deadline: Instant = parcel.now.steady + HOLDS_UP;
        let (passing, call) = abortable(async move {
            let is_frame = |mended: &str| takes_the_place_of(dialect, &text, mended);
            let (station, text, is_frame) = (&*station, &*text, &is_frame);
            chain.pass(Passing { way, station, text, answers, is_frame }, deadline.into()).await
        });
        // Of a call that was given up its frame has gone on already.
        let over = move |passed: Result<_, Aborted>| match passed {
            Ok(passed) => Done::Passed(way, passed),
            Err(Aborted) => Done::Machine(None),
        };
        let mut passing = Box::pin(passing.map(over));
        match (&mut passing).now_or_never() {
            Some(Done::Passed(_, passed)) => self.deliver(way, parcel, passed),
            Some(Done::Machine(_) | Done::Turn(_)) => {}
            None => {
                if let Some(passage) = self.quirks.passage(way) {
                    passage.first = Some((parcel, call));
                }
                self.work.push(passing);
            }
        }
    }

    fn deliver(&mut self, way: Way, parcel: Parcel, passed: Passed) {
        let Parcel { text, now, answers: _ } = parcel;
        let Passed { changed, by } = passed;
        let changed = changed.filter(|changed| *changed != text);
        if let Some(changed) = &changed {
            let (original, changed) = (text.clone(), changed.clone());
            let frame = ChangedFrame { at: now.wall, way, by, original, changed };
            self.keep_changed(&frame.without_passwords());
        }
        match (way, changed) {
            (Way::Inbound, None) => self.machine.handle(now, Input::Text(text)),
            (Way::Inbound, Some(changed)) => {
                self.machine.handle(now, Input::Mended { text: changed, original: text });
            }
            (Way::Outbound, changed) => {
                if let Some(socket) = &mut self.socket {
                    socket.send(changed.unwrap_or(text));
                }
            }
        }
    }

    /// One look at the plugins; a station without quirks costs no more.
    fn chain(&mut self) -> Option<Chain> {
        if self.live.take_change() {
            self.quirks.look_again();
        }
        let mut to_pass = self.policies.to_pass(self.quirks.fit);
        if matches!(to_pass, ToPass::Unknown) {
            self.fit();
            to_pass = self.policies.to_pass(self.quirks.fit);
        }
        match to_pass {
            ToPass::Quirks(chain) => Some(chain),
            // When the plugins have changed again meanwhile, the next frame sees it.
            ToPass::Nothing | ToPass::Unknown => None,
        }
    }

    /// Finds out anew which quirks the station has.
    fn fit(&mut self) {
        let held = self.quirks.passages.as_ref().map(|passages| passages.dialect);
        let Some(dialect) = self.live.dialect().or(held) else { return };
        let fit = self.policies.fit(|| {
            let record = self.store.read::<StationRecord>(&self.station)?;
            let record = record.map(|record| record.value).unwrap_or_default();
            let station = AskedStation::of(self.station.clone(), dialect.subprotocol, record);
            Ok::<_, StoreError>(Arc::new(station))
        });
        match fit {
            Ok((fit, station)) => {
                self.quirks.fit = fit;
                if let Some(station) = station {
                    self.quirks.meet(station, dialect);
                }
            }
            Err(error) => {
                let station = &self.station;
                warn!(%station, %error, "its quirks are not known: frames go on unchanged");
            }
        }
    }

    fn keep_changed(&mut self, frame: &ChangedFrame) {
        let Some(passages) = &mut self.quirks.passages else { return };
        match keep_next(&self.store, &self.station, &mut passages.newest, frame) {
            Ok(commit) => self.note(commit),
            Err(error) => {
                let station = &self.station;
                warn!(%station, %error, "a changed frame is not on record");
            }
        }
    }
}

impl Quirks {
    /// The station has quirks, in these words.
    fn meet(&mut self, station: Arc<AskedStation>, dialect: &'static Dialect) {
        match &mut self.passages {
            Some(passages) => (passages.station, passages.dialect) = (station, dialect),
            None => {
                self.passages = Some(Box::new(Passages {
                    station,
                    dialect,
                    inbound: Passage::default(),
                    outbound: Passage::default(),
                    newest: None,
                }));
            }
        }
    }
}

/// The record of a changed frame under the next number.
fn keep_next(
    store: &Store,
    station: &StationId,
    newest: &mut Option<u32>,
    frame: &ChangedFrame,
) -> Result<Commit, StoreError> {
    let before = match *newest {
        Some(number) => number,
        None => store.newest_frame(station)?,
    };
    let number = before + 1;
    let oldest = store.frame_before(station, number)?;
    *newest = Some(number);
    let mut commit = Commit::new();
    commit.changed_frame(station, number, frame, oldest);
    Ok(commit)
}

/// What a quirk makes of a frame is a message again, and where the frame was one, the same question or answer: else a
/// call would get no answer, or that of another.
fn takes_the_place_of(dialect: &Dialect, frame: &str, mended: &str) -> Result<(), String> {
    let types = dialect.message_types;
    let mended = Frame::parse(mended, types)
        .map_err(|bad| format!("no message of {}: {bad}", dialect.subprotocol))?;
    match Frame::parse(frame, types) {
        Ok(frame) if frame.identity() != mended.identity() => {
            Err("the message has another type or id than before".to_owned())
        }
        _ => Ok(()),
    }
}
