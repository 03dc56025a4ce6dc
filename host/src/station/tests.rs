//! Conversations with one station: wire in, wire out, over a real store on a memory engine. Time is a number.

mod counting;
mod display;
mod failing_store;
mod field;
mod holdings;
mod newest_version;
mod open;
mod second_family;
mod simulation;
mod tariff;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::commands::CommandId;
use super::exchange::Open;
use super::handling::Handling;
use super::lookup::look;
use super::machine::{Input, Link, Machine, Manners, Now, Output};
use super::registry::{Command, CommandFailure};
use crate::domain::{
    AuthorizeAsk, Decision, Effects, FactBody, Millis, MilliwattHours, Offer, PluginName, Refusal,
    Seq, Session, SessionId, StateRead, StateWrite, StationId, TariffAsk, TariffSaid, Verdict,
};
use crate::ocpp::{Dialect, v2, v16};
use crate::store::{MemoryEngine, Order, StationSession, Store};

/// A station's machine with everything around it that the actor would provide.
struct Bench {
    machine: Machine,
    store: Store,
    engine: Arc<MemoryEngine>,
    start: Instant,
    /// Milliseconds since the bench was set up.
    clock: u64,
    sent: VecDeque<String>,
    warnings: Vec<String>,
    settled: Vec<(CommandId, Result<Box<RawValue>, CommandFailure>)>,
    pings: usize,
    hung_up: bool,
    policy: Box<Policy>,
    asked: usize,
    tariff: Box<Tariff>,
    responder: Box<Responder>,
}

type Policy = dyn FnMut(&AuthorizeAsk) -> Option<(Decision, Effects)>;
type Tariff = dyn FnMut(&TariffAsk) -> TariffSaid;
type Responder = dyn FnMut(&Open) -> Input;

const EPOCH: u64 = 1_767_261_600_000; // 2026-01-01T10:00:00Z

fn station() -> StationId {
    StationId::new("CS1").unwrap()
}

fn verdict(verdict: Verdict) -> (Decision, Effects) {
    let why = "because the test says so".into();
    (Decision { verdict, decided_by: None, why, opinions: vec![] }, Effects::default())
}

fn permitted() -> (Decision, Effects) {
    verdict(Verdict::Permit(Default::default()))
}

fn permit(_: &AuthorizeAsk) -> Option<(Decision, Effects)> {
    Some(permitted())
}

impl Bench {
    fn new() -> Self {
        let engine = Arc::new(MemoryEngine::default());
        let store = Store::on_engine(engine.clone()).unwrap();
        let mut bench = Self::over(engine, store);
        bench.link();
        bench
    }

    /// A machine that nothing is connected to, over a store that may hold something.
    fn over(engine: Arc<MemoryEngine>, store: Store) -> Self {
        let manners = Manners {
            heartbeat: Duration::from_secs(300),
            policy_deadline: Duration::from_secs(3),
        };
        Self {
            machine: Machine::new(station(), manners, 7),
            store,
            engine,
            start: Instant::now(),
            clock: 0,
            sent: VecDeque::new(),
            warnings: vec![],
            settled: vec![],
            pings: 0,
            hung_up: false,
            policy: Box::new(permit),
            asked: 0,
            tariff: Box::new(|_| TariffSaid::Offered(Offer::default())),
            responder: Box::new(|_| Input::Responded(Box::default(), Effects::default())),
        }
    }

    fn link(&mut self) {
        self.link_over(&v16::DIALECT);
    }

    fn link_over(&mut self, dialect: &'static Dialect) {
        self.link_as(dialect, Handling::default());
    }

    fn link_as(&mut self, dialect: &'static Dialect, handling: Handling) {
        self.input(Input::Linked(Link { dialect, peer: "127.0.0.1:5000".into(), handling }));
    }

    /// A station of the second family.
    fn of_2_0_1() -> Self {
        let mut bench = Self::new();
        bench.link_over(&v2::V201);
        bench
    }

    /// A station of its newest version.
    fn of_2_1() -> Self {
        let mut bench = Self::new();
        bench.link_over(&v2::V21);
        bench
    }

    fn now(&self) -> Now {
        let steady = self.start + Duration::from_millis(self.clock);
        Now { wall: Millis(EPOCH + self.clock), steady }
    }

    fn wait(&mut self, time: Duration) {
        self.clock += u64::try_from(time.as_millis()).unwrap();
        self.input(Input::Timer);
    }

    /// Hands one input in and carries out all that follows from it.
    fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.now();
            self.machine.handle(now, input);
            while let Some(output) = self.machine.poll() {
                inputs.extend(self.carry_out(output));
            }
        }
    }

    fn carry_out(&mut self, output: Output) -> Option<Input> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match output {
            Output::Send(text, _) => self.sent.push_back(text),
            Output::Look(what) => {
                let found = runtime.block_on(look(&self.store, &station(), what));
                return Some(Input::Found(found));
            }
            Output::Ask(ask, _) => {
                self.asked += 1;
                return (self.policy)(&ask).map(|(d, e)| Input::Decided(d, e));
            }
            Output::Respond(open, _) => return Some((self.responder)(&open)),
            Output::Price(ask, _) => {
                return Some(Input::Priced((self.tariff)(&ask), Effects::default()));
            }
            Output::Commit(commit) => {
                let result = runtime.block_on(self.store.commit(commit));
                return Some(Input::Committed(result));
            }
            Output::Keep(commit) => {
                return Some(Input::Kept(runtime.block_on(self.store.commit(commit))));
            }
            Output::Note(commit) => drop(runtime.block_on(self.store.commit(commit))),
            Output::Settle(id, result) => self.settled.push((id, result)),
            Output::Booted => {}
            Output::Ping => self.pings += 1,
            Output::HangUp(_) => self.hung_up = true,
            Output::Warn(what) => self.warnings.push(what),
        }
        None
    }

    /// The station says something; what it is answered.
    fn says(&mut self, text: &str) -> String {
        self.input(Input::Text(text.to_owned()));
        self.sent.pop_front().unwrap_or_default()
    }

    /// One line a message: `> ` from the station, `< ` to it.
    fn transcript(&mut self, script: &str) {
        let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
        while let Some(line) = lines.next() {
            let said = line.strip_prefix("> ").expect("a line of the station");
            let answer = self.says(said);
            let expected = lines.next().and_then(|line| line.strip_prefix("< "));
            assert_eq!(Some(answer.as_str()), expected, "after {said}");
        }
    }

    fn session(&self, id: u32) -> Session {
        let id = SessionId::new(id).unwrap();
        self.store.read::<Session>(&id).unwrap().expect("a session").value
    }

    fn sessions(&self) -> usize {
        let station = station();
        let page = self.store.page::<StationSession>(&station, None, Order::Ascending, 100);
        page.unwrap().len()
    }

    /// The kinds of the facts on record, in order.
    fn facts(&self) -> Vec<FactBody> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut barrier = crate::store::Commit::new();
        barrier.synced();
        runtime.block_on(self.store.commit(barrier)).unwrap();
        let facts = self.store.facts(Seq(0), 1000).unwrap();
        facts.into_iter().map(|logged| logged.fact.body).collect()
    }
}

#[test]
fn a_car_charges() {
    let mut bench = Bench::new();
    bench.transcript(
        r#"
        > [2,"1","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"One"}]
        < [3,"1",{"currentTime":"2026-01-01T10:00:00Z","interval":300,"status":"Accepted"}]
        > [2,"2","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]
        < [3,"2",{}]
        > [2,"3","Authorize",{"idTag":"CARD1"}]
        < [3,"3",{"idTagInfo":{"status":"Accepted"}}]
        > [2,"4","StartTransaction",{"connectorId":1,"idTag":"CARD1","meterStart":1000,"timestamp":"2026-01-01T10:00:00Z"}]
        < [3,"4",{"idTagInfo":{"status":"Accepted"},"transactionId":1}]
        > [2,"5","MeterValues",{"connectorId":1,"transactionId":1,"meterValue":[{"timestamp":"2026-01-01T10:10:00Z","sampledValue":[{"value":"4.5","unit":"kWh"}]}]}]
        < [3,"5",{}]
        > [2,"6","StopTransaction",{"transactionId":1,"meterStop":9000,"timestamp":"2026-01-01T10:20:00Z","reason":"Local"}]
        < [3,"6",{}]
        > [2,"7","Heartbeat",{}]
        < [3,"7",{"currentTime":"2026-01-01T10:00:00Z"}]
        "#,
    );
    let session = bench.session(1);
    assert_eq!(session.energy(), MilliwattHours::from_wh(8000));
    assert_eq!(session.last_reading.unwrap().1, MilliwattHours::from_wh(4500));
    assert_eq!(session.ended.unwrap().reason.as_deref(), Some("Local"));
    let kinds = bench.facts();
    assert!(matches!(kinds.first(), Some(FactBody::Connected { .. })), "{kinds:?}");
    assert!(matches!(kinds.last(), Some(FactBody::TransactionEnded { .. })), "{kinds:?}");
}

#[test]
fn a_refused_card_is_told_so_and_its_session_is_recorded_all_the_same() {
    let mut bench = Bench::new();
    bench.policy = Box::new(|_| Some(verdict(Verdict::Refuse(Refusal::Blocked))));
    bench.transcript(
        r#"
        > [2,"1","StartTransaction",{"connectorId":1,"idTag":"BAD","meterStart":0,"timestamp":"2026-01-01T10:00:00Z"}]
        < [3,"1",{"idTagInfo":{"status":"Blocked"},"transactionId":1}]
        "#,
    );
    let decision = bench.session(1).decision.unwrap();
    assert_eq!(decision.verdict, Verdict::Refuse(Refusal::Blocked));
}

#[test]
fn a_replayed_start_gets_the_same_transaction_and_a_new_message_id_does_not_hide_it() {
    let mut bench = Bench::new();
    let start = r#""StartTransaction",{"connectorId":1,"idTag":"C","meterStart":5,"timestamp":"2026-01-01T09:00:00Z"}]"#;
    let first = bench.says(&format!(r#"[2,"a",{start}"#));
    bench.input(Input::Unlinked { why: "cut".into() });
    bench.link();
    let again = bench.says(&format!(r#"[2,"b",{start}"#));
    assert_eq!(again, first.replace("\"a\"", "\"b\""));
    assert_eq!((bench.sessions(), bench.asked), (1, 1));

    // Dead clocks repeat themselves: once the twin has stopped, the same start is a new session.
    let stop = r#"[2,"c","StopTransaction",{"transactionId":1,"meterStop":9,"timestamp":"2026-01-01T09:05:00Z"}]"#;
    assert_eq!(bench.says(stop), r#"[3,"c",{}]"#);
    let new = bench.says(&format!(r#"[2,"d",{start}"#));
    assert!(!new.contains("\"transactionId\":1}"), "{new}");
    assert_eq!(bench.sessions(), 2);
}

#[test]
fn a_repeated_stop_is_acknowledged_and_changes_nothing() {
    let mut bench = Bench::new();
    bench.says(r#"[2,"1","StartTransaction",{"connectorId":1,"idTag":"C","meterStart":0,"timestamp":"2026-01-01T09:00:00Z"}]"#);
    bench.transcript(
        r#"
        > [2,"2","StopTransaction",{"transactionId":1,"meterStop":700,"timestamp":"2026-01-01T09:30:00Z"}]
        < [3,"2",{}]
        > [2,"3","StopTransaction",{"transactionId":1,"meterStop":900,"timestamp":"2026-01-01T09:31:00Z"}]
        < [3,"3",{}]
        "#,
    );
    assert_eq!(bench.session(1).energy(), MilliwattHours::from_wh(700));
}

#[test]
fn a_stop_of_nobodys_transaction_is_kept_and_touches_no_session() {
    let mut bench = Bench::new();
    bench.says(r#"[2,"1","StartTransaction",{"connectorId":1,"idTag":"C","meterStart":0,"timestamp":"2026-01-01T09:00:00Z"}]"#);
    for id in ["-1", "0", "77"] {
        let stop = format!(
            r#"[2,"s","StopTransaction",{{"transactionId":{id},"meterStop":5,"timestamp":"2026-01-01T09:30:00Z"}}]"#
        );
        assert_eq!(bench.says(&stop), r#"[3,"s",{}]"#);
    }
    assert!(bench.session(1).is_active());
    let orphans = bench.facts();
    let orphans = orphans.iter().filter(|f| matches!(f, FactBody::OrphanStop { .. })).count();
    assert_eq!(orphans, 3);
}

#[test]
fn other_actions_are_kept_and_get_the_answer_of_the_catalogue() {
    let mut bench = Bench::new();
    bench.transcript(
        r#"
        > [2,"1","DataTransfer",{"vendorId":"x"}]
        < [3,"1",{"status":"UnknownVendorId"}]
        > [2,"2","FirmwareStatusNotification",{"status":"Idle"}]
        < [3,"2",{}]
        "#,
    );
    assert!(bench.facts().contains(&FactBody::Other { action: "DataTransfer".into() }));
}

#[test]
fn bad_input_gets_an_error_of_the_protocol_and_the_conversation_goes_on() {
    let mut bench = Bench::new();
    bench.transcript(
        r#"
        > {"not":"a frame"}
        < [4,"-1","FormationViolation","the message is not a JSON array",{}]
        > [2,"1","Dance",{}]
        < [4,"1","NotImplemented","this action is not known",{}]
        > [2,"2","Authorize",{}]
        < [4,"2","OccurenceConstraintViolation","`idTag` is missing",{}]
        > [2,"3","Heartbeat",{}]
        < [3,"3",{"currentTime":"2026-01-01T10:00:00Z"}]
        "#,
    );
    assert_eq!(bench.says(r#"[3,"nobody asked",{}]"#), "", "an answer is never answered");
    assert_eq!(bench.warnings.len(), 4, "{:?}", bench.warnings);
}

#[test]
fn a_thinking_policy_stops_no_frame_from_being_read_and_a_crowd_is_refused() {
    let mut bench = Bench::new();
    bench.policy = Box::new(|_| None);
    assert_eq!(bench.says(r#"[2,"slow","Authorize",{"idTag":"C"}]"#), "");
    let answers: Vec<_> =
        (0..20).map(|n| bench.says(&format!(r#"[2,"{n}","Heartbeat",{{}}]"#))).collect();
    let refused: Vec<_> = answers.iter().filter(|a| a.contains("GenericError")).collect();
    assert_eq!(refused.len(), 4, "16 wait, the rest is told: {answers:?}");
    let (decision, effects) = verdict(Verdict::Permit(Default::default()));
    bench.input(Input::Decided(decision, effects));
    assert_eq!(bench.sent.len(), 17, "the authorisation and the 16 that waited");
    assert!(bench.sent[0].contains("slow"), "in the order of arrival");
}

#[test]
fn what_a_station_said_before_it_was_cut_off_is_recorded_without_an_answer() {
    let mut bench = Bench::new();
    bench.policy = Box::new(|_| None);
    bench.says(r#"[2,"1","Authorize",{"idTag":"C"}]"#);
    bench.says(r#"[2,"2","DataTransfer",{"vendorId":"last words"}]"#);
    bench.input(Input::Unlinked { why: "cut".into() });
    let (decision, effects) = verdict(Verdict::Permit(Default::default()));
    bench.input(Input::Decided(decision, effects));
    assert!(bench.facts().contains(&FactBody::Other { action: "DataTransfer".into() }));
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

#[test]
fn an_answer_never_goes_to_a_later_connection() {
    let mut bench = Bench::new();
    bench.policy = Box::new(|_| None);
    bench.says(r#"[2,"1","Authorize",{"idTag":"C"}]"#);
    bench.link();
    let (decision, effects) = verdict(Verdict::Permit(Default::default()));
    bench.input(Input::Decided(decision, effects));
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert!(bench.facts().iter().any(|fact| matches!(fact, FactBody::AuthorizeAsked { .. })));
}

fn command(action: &str, payload: &str) -> Command {
    let payload = RawValue::from_string(payload.to_owned()).unwrap();
    let timeout = Duration::from_secs(30);
    Command { action: action.into(), payload, timeout }
}

#[test]
fn commands_are_sent_one_at_a_time_and_their_answers_find_them() {
    let mut bench = Bench::new();
    bench.input(Input::Command(CommandId(1), command("Reset", r#"{"type":"Soft"}"#)));
    bench.input(Input::Command(CommandId(2), command("ClearCache", "{}")));
    assert_eq!(bench.sent.pop_front().unwrap(), r#"[2,"00000007-1","Reset",{"type":"Soft"}]"#);
    assert!(bench.sent.is_empty(), "one call is open");
    let next = bench.says(r#"[3,"00000007-1",{"status":"Accepted"}]"#);
    assert_eq!(next, r#"[2,"00000007-2","ClearCache",{}]"#);
    bench.says(r#"[4,"00000007-2","NotSupported","no cache",{}]"#);
    let outcomes: Vec<_> = bench.settled.iter().map(|(id, r)| (id.0, r.is_ok())).collect();
    assert_eq!(outcomes, [(1, true), (2, false)]);
}

#[test]
fn a_command_that_is_not_answered_times_out_and_makes_room() {
    let mut bench = Bench::new();
    bench.input(Input::Command(CommandId(1), command("ClearCache", "{}")));
    bench.input(Input::Command(CommandId(2), command("Dance", "{}")));
    assert!(matches!(bench.settled[0], (CommandId(2), Err(CommandFailure::Invalid(_)))));
    bench.wait(Duration::from_secs(31));
    assert!(matches!(bench.settled[1], (CommandId(1), Err(CommandFailure::TimedOut))));
    bench.input(Input::Unlinked { why: "cut".into() });
    bench.input(Input::Command(CommandId(3), command("ClearCache", "{}")));
    assert!(matches!(bench.settled[2], (CommandId(3), Err(CommandFailure::Offline))));
}

#[test]
fn a_silent_station_is_hung_up_on() {
    let mut bench = Bench::new();
    bench.wait(Duration::from_secs(800));
    assert!(!bench.hung_up);
    bench.input(Input::Heard);
    bench.wait(Duration::from_secs(899));
    assert_eq!((bench.pings, bench.hung_up), (0, false));
    bench.wait(Duration::from_secs(2));
    assert_eq!((bench.pings, bench.hung_up), (1, false), "asked first");
    bench.input(Input::Heard);
    bench.wait(Duration::from_secs(901));
    bench.wait(Duration::from_secs(31));
    assert_eq!((bench.pings, bench.hung_up), (2, true));
}

#[test]
fn a_decision_on_stale_plugin_state_is_asked_for_again_and_in_the_end_refused() {
    let mut bench = Bench::new();
    bench.policy = Box::new(|ask| {
        let (decision, mut effects) = permit(ask)?;
        let plugin = PluginName::new("wallet").unwrap();
        effects.reads.push(StateRead { plugin, key: "balance".into(), revision: 99 });
        Some((decision, effects))
    });
    let answer = bench.says(r#"[2,"1","StartTransaction",{"connectorId":1,"idTag":"C","meterStart":0,"timestamp":"2026-01-01T10:00:00Z"}]"#);
    assert!(answer.contains("\"Invalid\""), "{answer}");
    assert_eq!(bench.asked, 4);
    assert_eq!(bench.sessions(), 1, "what happened is on record");
}

#[test]
fn a_plugin_that_writes_more_than_is_kept_does_not_make_a_start_unrecordable() {
    let mut bench = Bench::new();
    bench.policy = Box::new(|ask| {
        let (decision, mut effects) = permit(ask)?;
        let plugin = PluginName::new("hoarder").unwrap();
        effects.writes.push(StateWrite { plugin, key: "k".into(), value: Some(vec![0; 1 << 20]) });
        Some((decision, effects))
    });
    let answer = bench.says(r#"[2,"1","StartTransaction",{"connectorId":1,"idTag":"C","meterStart":0,"timestamp":"2026-01-01T10:00:00Z"}]"#);
    assert!(answer.contains("\"Invalid\""), "{answer}");
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn a_station_that_only_sends_nonsense_fills_no_log() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        bench.says("nonsense");
    }
    assert_eq!(bench.warnings.len(), 20);
    bench.wait(Duration::from_secs(61));
    bench.says("nonsense");
    assert!(bench.warnings[20].starts_with("80 more"), "{:?}", bench.warnings[20]);
}

#[test]
fn a_store_that_fails_means_an_error_and_never_an_acknowledgement() {
    let mut bench = Bench::new();
    bench.engine.fail_on_call(1);
    let answer = bench.says(r#"[2,"1","Authorize",{"idTag":"C"}]"#);
    assert!(answer.starts_with(r#"[4,"1","InternalError""#), "{answer}");
}
