//! `plugpoint session …`: what was charged, and who allowed it.

use super::client::Reach;
use super::output::Output;
use super::paging::{Page, more};
use super::sentence;
use super::table::{NOTHING, Table, or_nothing};
use crate::admin::views::{
    LimitsView, PricedView, SessionView, SessionsPage, TermsView, WattHours,
};
use crate::domain::{SessionId, StationId};

#[derive(Debug, clap::Args)]
pub(super) struct SessionArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: SessionCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SessionCommand {
    /// List charging sessions, newest first
    List {
        /// Only those of one station
        #[arg(long, value_name = "ID")]
        station: Option<StationId>,
        /// Only those that run (or, with `=false`, that have ended)
        #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        active: Option<bool>,
        #[command(flatten)]
        page: Page,
    },
    /// Show one session and every plugin's opinion of it
    Show {
        /// The session's number
        id: SessionId,
    },
}

pub(super) async fn run(args: SessionArgs, output: Output) -> anyhow::Result<()> {
    let client = args.reach.client()?;
    match args.command {
        SessionCommand::List { station, active, page } => {
            let mut query = page.query();
            query.extend(station.map(|station| ("station", station.to_string())));
            query.extend(active.map(|active| ("active", active.to_string())));
            let list: SessionsPage = client.get(&["sessions"], &query).await?;
            output.show(&list, |list| table(&list.sessions))?;
            more(output, list.next.as_deref());
            Ok(())
        }
        SessionCommand::Show { id } => {
            let session: SessionView = client.get(&["sessions", &id.to_string()], &[]).await?;
            output.show(&session, details)
        }
    }
}

fn table(sessions: &[SessionView]) -> String {
    let mut table = Table::new(&[
        "SESSION",
        "STATION",
        "CONNECTOR",
        "CARD",
        "STARTED",
        "ENDED",
        "KWH",
        "COST",
        "VERDICT",
        "BY",
    ]);
    for session in sessions {
        let decision = session.decision.as_ref();
        table.row(vec![
            session.id.to_string(),
            session.station.to_string(),
            session.place().to_string(),
            card(session),
            session.started.to_string(),
            session.ended.map_or_else(|| "charging".to_owned(), |time| time.to_string()),
            kwh(session.energy_wh),
            or_nothing(session.price.as_ref().map(cost)),
            or_nothing(decision.map(|decision| sentence::verdict(decision.verdict))),
            or_nothing(decision.and_then(|decision| decision.decided_by.as_ref())),
        ]);
    }
    if table.is_empty() { "no sessions\n".to_owned() } else { table.render() }
}

/// In full: the operator's own view of the operator's own cards.
fn card(session: &SessionView) -> String {
    session.token.as_ref().map_or_else(|| NOTHING.to_owned(), |token| token.reveal().to_owned())
}

fn kwh(energy: WattHours) -> String {
    format!("{:.3}", energy.0.0 as f64 / 1e6)
}

/// The total so far, or the final one.
fn cost(price: &PricedView) -> String {
    format!("{} {}", price.bill.total, price.bill.currency)
}

/// How far a permit reaches.
fn limits(limits: &LimitsView) -> String {
    let LimitsView { max_wh, max_seconds, max_cost_micros, evses } = limits;
    let mut all = Vec::new();
    all.extend(max_wh.map(|energy| format!("{}", energy.0)));
    all.extend(max_seconds.map(|seconds| format!("{seconds} s")));
    all.extend(max_cost_micros.map(|cost| format!("{} to pay", micros(cost))));
    all.extend((!evses.is_empty()).then(|| {
        let evses: Vec<_> = evses.iter().map(u32::to_string).collect();
        format!("EVSE {}", evses.join(", "))
    }));
    all.join("; ")
}

fn details(session: &SessionView) -> String {
    let mut table = Table::new(&["SESSION", &session.id.to_string()]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("station", session.station.to_string());
    row("connector", session.place().to_string());
    row("protocol", session.protocol.clone());
    row("transaction", session.transaction.clone());
    row("card", card(session));
    row("started", session.started.to_string());
    row("ended", session.ended.map_or_else(|| "still charging".to_owned(), |t| t.to_string()));
    row("reason", or_nothing(session.reason.as_ref()));
    row("meter at start", or_nothing(session.meter_start_wh.map(|meter| meter.0)));
    row("meter at end", or_nothing(session.meter_stop_wh.map(|meter| meter.0)));
    row("energy", session.energy_wh.0.to_string());
    row("state", or_nothing(session.state.as_ref()));
    for (first, last) in &session.missing_events {
        row("missing", format!("events {first} to {last}"));
    }
    bill(session, &mut row);
    let Some(decision) = &session.decision else { return table.render() };
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("decision", decision.why.clone());
    row("account", or_nothing(decision.account.as_ref()));
    row("group", or_nothing(decision.group.as_ref()));
    row("limits", or_nothing(decision.limits.as_ref().map(limits)));
    for opinion in &decision.opinions {
        let reason = opinion.reason.as_ref().map(|reason| format!(": {reason},"));
        let failure = opinion.failure.as_ref().map(|f| format!(", because it failed: {f}"));
        row(
            &format!("{} {}", opinion.plugin, opinion.version),
            format!(
                "{}{} in {} µs{}",
                sentence::verdict(opinion.verdict),
                reason.unwrap_or_default(),
                opinion.took_micros,
                failure.unwrap_or_default(),
            ),
        );
    }
    table.render()
}

/// The terms, the lines with their tax, and the total.
fn bill(session: &SessionView, row: &mut impl FnMut(&str, String)) {
    if let Some(terms) = &session.terms {
        let TermsView { id, text, plugin, version, .. } = terms;
        row("tariff", format!("{text} ({id}, {plugin} {version})"));
    }
    if let Some(PricedView { closed, at, version, bill }) = &session.price {
        for line in &bill.lines {
            let text = line.text.as_ref().map(|text| format!(" for {text}")).unwrap_or_default();
            let (net, tax) = (micros(line.net_micros), micros(line.tax_micros));
            row(&line.kind, format!("{net} + {tax} tax{text}"));
        }
        let so_far = if *closed { "" } else { " so far" };
        row("total", format!("{} {}{so_far}", bill.total, bill.currency));
        row("priced", format!("{at} by version {version}"));
    }
    if let Some(why) = &session.unpriced {
        let later = if session.waits_for_bill { "; the tariff is asked again" } else { "" };
        row("no price", format!("{why}{later}"));
    }
}

/// Millionths with all their decimals: lines are not rounded, totals are.
fn micros(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
