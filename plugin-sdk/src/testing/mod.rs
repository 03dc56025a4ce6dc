//! Runs a policy natively, in plain `cargo test`, with made-up tokens, stations, state and time.
//!
//! ```
//! use plugpoint_sdk::testing::{Stage, ask};
//! # use plugpoint_sdk::{Ask, Authorizer, Lifecycle, NoSettings, Purpose, Token, Verdict, tokens};
//! # struct Listed;
//! # impl Lifecycle for Listed {
//! #     type Settings = NoSettings;
//! #     fn configure(_: NoSettings) -> Result<Self, String> { Ok(Listed) }
//! # }
//! # impl Authorizer for Listed {
//! #     fn authorize(&self, _: &Ask, _: Purpose, token: &Token) -> Result<Verdict, String> {
//! #         Ok(if tokens::get(&token.value)?.is_some() { Verdict::permit() } else { Verdict::Pass })
//! #     }
//! # }
//! let mut listed = Stage::new().token("04AB", Default::default()).load::<Listed>("{}")?;
//! assert_eq!(listed.authorize(&ask(), "04ab"), Ok(Verdict::permit()));
//! # Ok::<(), String>(())
//! ```

mod frames;
mod inbox;
mod observer;
pub(crate) mod stage;

use crate::bindings::imports::plugpoint::plugin::log::Level;
use crate::sessions::Session;
use crate::tokens::Entry;
use crate::{
    Ask, Authorizer, Bill, Interval, Lifecycle, Millis, Purpose, Station, Tariff, Terms, Token,
    Verdict, lifecycle,
};

pub use inbox::{ended, event_from, timer};
pub use observer::event;
pub use stage::{Command, Stage};

/// The stage's clock and the time of [`ask`] until a test says otherwise: 2026-01-01T00:00:00Z.
pub const NEW_YEAR: Millis = 1_767_225_600_000;

/// A policy in service on a stage.
#[derive(Debug)]
pub struct Loaded<P> {
    policy: P,
    stage: Stage,
}

impl Stage {
    /// Loads the policy as the host would: validate, then configure. `settings` is JSON.
    pub fn load<P: Lifecycle>(mut self, settings: &str) -> Result<Loaded<P>, String> {
        self.discarding(|| P::validate(lifecycle::parse(settings)?))?;
        let policy = self.discarding(|| P::configure(lifecycle::parse(settings)?))?;
        Ok(Loaded { policy, stage: self })
    }
}

impl<P: Lifecycle> Loaded<P> {
    /// Tells the policy that another version of it was in service before.
    pub fn migrate(&mut self, other_version: &str) -> Result<(), String> {
        self.stage.keeping(|| P::migrate(other_version))
    }

    /// Moves the clock on.
    pub fn pass(&mut self, ms: Millis) {
        self.stage.now += ms;
    }

    /// The value that the policy keeps under `key`.
    pub fn state(&self, key: &str) -> Option<&[u8]> {
        self.stage.effects.state.get(key).map(Vec::as_slice)
    }

    /// The calls to stations that the policy has asked for so far.
    pub fn commands(&self) -> &[Command] {
        &self.stage.effects.commands
    }

    /// Topics and bodies of the events that the policy has emitted so far.
    pub fn events(&self) -> &[(String, String)] {
        &self.stage.effects.events
    }

    /// What the records say of a session from now on.
    pub fn session(&mut self, session: Session) {
        self.stage.sessions.insert(session.id.clone(), session);
    }

    /// What the policy has written to the log so far.
    pub fn log(&self) -> &[(Level, String)] {
        &self.stage.log
    }
}

impl<P: Authorizer> Loaded<P> {
    /// Shows an RFID token at a station.
    pub fn authorize(&mut self, ask: &Ask, token: &str) -> Result<Verdict, String> {
        self.authorize_for(ask, Purpose::Authorize, &Token::rfid(token))
    }

    /// Asks for any purpose and kind of token. A call that fails leaves no state behind.
    pub fn authorize_for(
        &mut self,
        ask: &Ask,
        purpose: Purpose,
        token: &Token,
    ) -> Result<Verdict, String> {
        let policy = &self.policy;
        self.stage.keeping(|| policy.authorize(ask, purpose, token))
    }
}

impl<P: Tariff> Loaded<P> {
    /// Asks for terms. A call that fails leaves no state behind.
    pub fn offer(&mut self, ask: &Ask, account: Option<&str>) -> Result<Option<Terms>, String> {
        let policy = &self.policy;
        self.stage.keeping(|| policy.offer(ask, account))
    }

    /// Asks for the final bill of a session.
    pub fn price(&mut self, terms: &Terms, zone: &str, used: &[Interval]) -> Result<Bill, String> {
        self.price_so_far(terms, zone, used, true)
    }

    /// Asks for a bill. What the call writes to its state is discarded.
    pub fn price_so_far(
        &mut self,
        terms: &Terms,
        zone: &str,
        used: &[Interval],
        closed: bool,
    ) -> Result<Bill, String> {
        let policy = &self.policy;
        self.stage.discarding(|| policy.price(terms, zone, used, closed))
    }
}

/// A question from connector 1 of station `CS-1` at [`NEW_YEAR`]. Change what your test is about.
pub fn ask() -> Ask {
    Ask {
        station: Station {
            id: "CS-1".to_owned(),
            protocol: "ocpp1.6".to_owned(),
            vendor: Some("Vendor".to_owned()),
            model: Some("Model".to_owned()),
            zone: "UTC".to_owned(),
            tags: Vec::new(),
            more: Vec::new(),
        },
        evse: Some(1),
        session: None,
        at: NEW_YEAR,
        received: NEW_YEAR,
        clock_ok: true,
        offline: false,
        more: Vec::new(),
    }
}

/// Session `id`, which was permitted without limit and has run since [`NEW_YEAR`] at connector 1 of station `CS-1`. Change
/// what your test is about.
pub fn session(id: u32) -> Session {
    Session {
        id: id.to_string(),
        station: "CS-1".to_owned(),
        protocol: "ocpp1.6".to_owned(),
        transaction: id.to_string(),
        evse: None,
        connector: Some(1),
        started: NEW_YEAR,
        ended: None,
        energy_mwh: 0,
        permitted: true,
        account: None,
        max_mwh: None,
        max_seconds: None,
        more: Vec::new(),
    }
}

impl Stage {
    /// Puts a token on the operator's list.
    pub fn token(mut self, value: &str, entry: Entry) -> Self {
        self.tokens.insert(value.to_ascii_uppercase(), entry);
        self
    }

    /// Puts a station into the records.
    pub fn station(mut self, station: Station) -> Self {
        self.stations.insert(station.id.clone(), station);
        self
    }

    /// Puts a session into the records.
    pub fn session(mut self, session: Session) -> Self {
        self.sessions.insert(session.id.clone(), session);
        self
    }

    /// Puts a value into the policy's state.
    pub fn with_state(mut self, key: &str, value: &[u8]) -> Self {
        self.effects.state.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets the clock.
    pub fn at(mut self, now: Millis) -> Self {
        self.now = now;
        self
    }

    /// Makes up a time zone: from when on its local time is how many seconds ahead of UTC. `UTC` is always there.
    pub fn zone(mut self, name: &str, offsets: &[(Millis, i32)]) -> Self {
        self.zones.insert(name.to_owned(), offsets.iter().copied().collect());
        self
    }

    /// Every look-up fails from now on, as if the store had gone away.
    pub fn without_records(mut self) -> Self {
        self.unavailable = true;
        self
    }
}
