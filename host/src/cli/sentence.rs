//! One line per event that a person can read. Pure. Texts of stations are shown without control characters.

use super::table::visible;
use crate::admin::views::{
    DecisionView, EventBody, EventView, ReadingView, Timestamp, VerdictView,
};
use crate::domain::{
    CertificateChange, CommandOutcome, Place, PluginChange, PluginName, SessionId, TransferNo,
    TransferStep, TransferTopic,
};

/// How many samples of a reading are shown; stations send up to some thirty.
const MAX_SAMPLES: usize = 3;

/// Time of day, place in the log, station, what happened.
pub fn line(event: &EventView) -> String {
    let time = event.at.0.to_utc().format("%H:%M:%S%.3f");
    let station = event.station.as_ref().map_or("server", |id| id.as_str());
    let what = match event.body() {
        Ok(body) => what(&body, event.token_hint.as_deref()),
        Err(_) => event.kind.clone(),
    };
    visible(&format!("{time} #{:<6} {station:<12} {what}", event.seq))
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
}

fn what(body: &EventBody, card: Option<&str>) -> String {
    let card = card.unwrap_or("(forgotten)");
    match body {
        EventBody::Connected { protocol, peer } => format!("connected from {peer} with {protocol}"),
        EventBody::Disconnected { why } => format!("disconnected: {why}"),
        EventBody::Booted { vendor, model, firmware, .. } => {
            let firmware = firmware.as_ref().map(|version| format!(", firmware {version}"));
            format!("booted: {vendor} {model}{}", firmware.unwrap_or_default())
        }
        EventBody::ConnectorStatus(state) => {
            let error = state.error.as_ref().map(|error| format!(", {error}"));
            format!("connector {} {}{}", state.place(), state.status, error.unwrap_or_default())
        }
        EventBody::AuthorizeAsked { purpose, decision: said, .. } => {
            format!("card {card} for {}: {}", purpose.as_str(), decision(said))
        }
        EventBody::TransactionStarted {
            session, evse, connector, token, decision: said, ..
        } => {
            let place = Place { evse: *evse, connector: *connector };
            started(*session, place, token.as_ref().map(|_| card), said.as_ref())
        }
        EventBody::TransactionUpdated { session, trigger, state } => {
            let state = state.as_ref().map(|state| format!(", {state}")).unwrap_or_default();
            format!("session {session}: {trigger}{state}")
        }
        EventBody::TransactionEnded { session, energy_wh, reason, .. } => {
            format!("session {session} ended with {}{}", energy_wh.0, because(reason))
        }
        EventBody::TermsPinned { session, terms, failure } => {
            let terms = terms.as_ref().map_or("no terms", |terms| terms.text.as_str());
            format!("session {session} charges on {terms}{}", because(failure))
        }
        EventBody::SessionPriced { session, plugin, version, bill } => {
            let (total, currency) = (&bill.total, &bill.currency);
            format!("session {session} costs {total} {currency}, says {plugin} {version}")
        }
        EventBody::SessionUnpriced { session, why } => {
            format!("session {session} has no bill: {why}")
        }
        EventBody::OrphanStop { transaction, meter_wh, reason } => {
            let meter = meter_wh.0;
            format!("stop of the unknown transaction {transaction} at {meter}{}", because(reason))
        }
        EventBody::MeterValues { evse, connector, session, readings } => {
            let place = Place { evse: *evse, connector: *connector };
            metered(place, *session, readings)
        }
        EventBody::CertificateChanged { change, serial, until, why } => {
            certificate(*change, serial.as_deref(), *until, &because(why))
        }
        EventBody::SecurityEvent { event, info } => {
            format!("security event {event}{}", because(info))
        }
        EventBody::TransferMoved { transfer, topic, step, status } => {
            transferred(*transfer, *topic, *step, status.as_deref())
        }
        EventBody::Other { action } => format!("sent {action}"),
        EventBody::ActionAnswered { action, plugin, version, code, failures } => {
            let by = plugin.as_ref().zip(version.as_deref());
            reply(action, by, code.as_deref(), failures)
        }
        EventBody::AnswerRefused { action, code, description } => {
            let action = action.as_deref().unwrap_or("something");
            format!("cannot take the answer to {action}: {code} {description}")
        }
        EventBody::MessageRefused { action, why } => {
            format!("was refused {}: {why}", action.as_deref().unwrap_or("a message"))
        }
        EventBody::CommandAnswered { action, outcome, status, plugin, .. } => {
            let said = status.as_ref().map(|status| format!(": {status}")).unwrap_or_default();
            format!("{}{said}", outcome_of(action, plugin.as_ref(), outcome))
        }
        EventBody::PluginChanged { plugin, change, version, digest } => {
            format!("plugin {plugin}: {} {version} ({})", changed(*change), digest.short())
        }
        EventBody::PluginsOrdered { hook, order } => {
            format!("plugins of the hook {hook}: asked {}", first(order))
        }
    }
}

/// A session began, by which card, and who allowed it.
fn started(
    session: SessionId,
    place: Place,
    card: Option<&str>,
    said: Option<&DecisionView>,
) -> String {
    let card = card.map(|card| format!(" with {card}")).unwrap_or_default();
    let said = said.map(|said| format!(": {}", decision(said))).unwrap_or_default();
    format!("session {session} started on connector {place}{card}{said}")
}

/// Who answered what the core left open, and who could not.
fn reply(
    action: &str,
    by: Option<(&PluginName, &str)>,
    code: Option<&str>,
    failures: &[String],
) -> String {
    let did = code.map_or("answered".to_owned(), |code| format!("refused ({code})"));
    let by = by
        .map_or("nobody but the server".to_owned(), |(name, version)| format!("{name} {version}"));
    let before: String = failures.iter().map(|failure| format!("; {failure}")).collect();
    format!("{action} was {did} by {by}{before}")
}

/// What a meter showed, of a session or of a connector alone.
fn metered(place: Place, session: Option<SessionId>, readings: &[ReadingView]) -> String {
    match session {
        Some(id) => format!("session {id} meter: {}", samples(readings)),
        None => format!("connector {place} meter: {}", samples(readings)),
    }
}

/// What became of a certificate.
fn certificate(
    change: CertificateChange,
    serial: Option<&str>,
    until: Option<Timestamp>,
    because: &str,
) -> String {
    let serial = serial.map(|serial| format!(" {serial}")).unwrap_or_default();
    let until = until.map(|until| format!(", good until {until}")).unwrap_or_default();
    let what = match change {
        CertificateChange::Asked => "asked for",
        CertificateChange::Refused => "asked for and refused",
        CertificateChange::Signed => "signed",
        CertificateChange::Installed => "taken by the station",
        CertificateChange::Rejected => "not taken by the station",
        CertificateChange::Removed => "removed",
    };
    format!("certificate{serial} {what}{until}{because}")
}

/// How far a file is on its way to or from a station.
fn transferred(
    transfer: Option<TransferNo>,
    topic: TransferTopic,
    step: TransferStep,
    status: Option<&str>,
) -> String {
    let what = match topic {
        TransferTopic::Firmware => "firmware",
        TransferTopic::Log => "log",
    };
    let number = transfer.map(|number| format!(", transfer {number}")).unwrap_or_default();
    let how = match step {
        TransferStep::Asked => "asked for",
        TransferStep::Told => "",
        TransferStep::Received => "is here",
        TransferStep::Done => "done",
        TransferStep::Failed => "failed",
        TransferStep::Refused => "refused",
        TransferStep::Expired => "has run out of time",
        TransferStep::Revoked => "taken back",
    };
    let said = [how, status.unwrap_or_default()].into_iter().filter(|word| !word.is_empty());
    format!("{what}{number}: {}", said.collect::<Vec<_>>().join(", "))
}

/// What an operator did to a plugin; the version's name follows.
fn changed(change: PluginChange) -> &'static str {
    match change {
        PluginChange::Loaded => "loaded",
        PluginChange::Swapped => "swapped in",
        PluginChange::RolledBack => "rolled back to",
        PluginChange::SettingsChanged => "other settings for",
        PluginChange::Disabled => "disabled",
        PluginChange::Enabled => "enabled",
        PluginChange::Unloaded => "unloaded",
    }
}

/// Who is asked first, if the operator has said so.
fn first(order: &[PluginName]) -> String {
    if order.is_empty() {
        return "by their manifests' priority again".to_owned();
    }
    let order: Vec<_> = order.iter().map(PluginName::as_str).collect();
    format!("first are {}", order.join(", "))
}

/// What became of a call to the station, and on whose behalf if it was no operator's.
fn outcome_of(action: &str, plugin: Option<&PluginName>, outcome: &CommandOutcome) -> String {
    let action = match plugin {
        Some(plugin) => format!("{action} of {plugin}"),
        None => action.to_owned(),
    };
    match outcome {
        CommandOutcome::Answered => format!("answered {action}"),
        CommandOutcome::Refused(code) => format!("refused {action}: {code}"),
        CommandOutcome::Unfit => format!("answered {action} with what its protocol does not allow"),
        CommandOutcome::TimedOut => format!("did not answer {action} in time"),
        CommandOutcome::Disconnected => format!("went away before it answered {action}"),
        CommandOutcome::Invalid => {
            format!("was not sent {action}, which is no call of its protocol")
        }
        CommandOutcome::Cancelled => format!("was not sent {action}, which was taken back"),
        CommandOutcome::Expired => format!("was not sent {action}, which waited too long"),
        CommandOutcome::Restarted => {
            format!("may or may not have heard {action}: the server stopped before the answer")
        }
    }
}

/// The same in a word or two, for a table.
pub(super) fn ended(outcome: &CommandOutcome) -> String {
    match outcome {
        CommandOutcome::Answered => "answered".to_owned(),
        CommandOutcome::Refused(code) => format!("refused: {code}"),
        CommandOutcome::Unfit => "answered what its protocol does not allow".to_owned(),
        CommandOutcome::TimedOut => "timed out".to_owned(),
        CommandOutcome::Disconnected => "disconnected".to_owned(),
        CommandOutcome::Invalid => "no call of its protocol".to_owned(),
        CommandOutcome::Expired => "expired".to_owned(),
        CommandOutcome::Cancelled => "cancelled".to_owned(),
        CommandOutcome::Restarted => "cut off by a restart".to_owned(),
    }
}

/// The newest reading's first samples.
fn samples(readings: &[ReadingView]) -> String {
    let Some(reading) = readings.last() else { return "nothing".to_owned() };
    let shown: Vec<_> = reading
        .samples
        .iter()
        .take(MAX_SAMPLES)
        .map(|sample| format!("{} {}", sample.value, sample.unit.as_deref().unwrap_or("Wh")))
        .collect();
    shown.join(", ")
}

/// Who decided what, and why: the policies say all of it in one sentence.
fn decision(decision: &DecisionView) -> &str {
    &decision.why
}

pub(super) fn verdict(verdict: VerdictView) -> &'static str {
    match verdict {
        VerdictView::Pass => "passed",
        VerdictView::Permit => "permitted",
        VerdictView::Refuse => "refused",
    }
}
