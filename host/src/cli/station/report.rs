//! `plugpoint station config report`: asks a 2.x station for its variables and collects the parts of its report, which
//! come as messages of its own and are read from the log.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::{Rows, table};
use super::tongue::Tongue;
use super::variable::{Row, reported};
use super::{Patience, send};
use crate::admin::views::{EventBody, EventDetails, EventView};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::sse::{Parser, Said};
use crate::domain::{Seq, StationId};

/// Parts of one report that are collected. A large station sends some dozens.
const MAX_PARTS: usize = 1_000;

/// The station's message that carries a part.
const PART: &str = "NotifyReport";

#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// The station's id
    id: StationId,
    /// How much: everything, what can be set, or a summary
    #[arg(long, value_enum, default_value_t = Base::Full)]
    base: Base,
    /// How long the whole report may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    within: u64,
    #[command(flatten)]
    patience: Patience,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Base {
    Full,
    Configuration,
    Summary,
}

impl Base {
    fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FullInventory",
            Self::Configuration => "ConfigurationInventory",
            Self::Summary => "SummaryInventory",
        }
    }
}

pub(super) async fn run(client: &Client, args: ReportArgs, output: Output) -> anyhow::Result<()> {
    if Tongue::of(client, &args.id).await? == Tongue::V1 {
        let next = format!("`plugpoint station config get {}` shows all its keys", args.id);
        return Err(Failure::usage("OCPP 1.6 has no reports", next).into());
    }
    let request = getrandom::u32()? >> 1;
    // Listening comes first: a quick station reports before it is known that it accepted.
    let events = client.stream(&["events"], &[("follow", "true".to_owned())]).await?;
    let payload = json!({ "requestId": request, "reportBase": args.base.as_str() });
    let answer = send(client, &args.id, "GetBaseReport", payload, args.patience).await?;
    if answer.status().as_deref() == Some("EmptyResultSet") {
        return output.show(&Rows { variables: Vec::new() }, table);
    }
    answer
        .must_be_accepted("another --base may be supported; `station config get` reads by name")?;
    output.progress("accepted; collecting its report");

    let mut parts = Parts { request: request.into(), parts: BTreeMap::new(), last: None };
    let limit = Duration::from_secs(args.within);
    let collected =
        tokio::time::timeout(limit, collect(client, &args.id, events, &mut parts)).await;
    match collected {
        Ok(ended) => ended?,
        Err(_) => return Err(parts.incomplete(args.within).into()),
    }
    output.show(&Rows { variables: parts.into_rows() }, table)
}

/// Reads the log until the report is whole.
async fn collect(
    client: &Client,
    station: &StationId,
    events: reqwest::Response,
    parts: &mut Parts,
) -> anyhow::Result<()> {
    let mut bytes = events.bytes_stream();
    let mut parser = Parser::default();
    while let Some(piece) = bytes.next().await {
        for said in parser.take(&piece?)? {
            let Said::Data(data) = said else { continue };
            let event: EventView = serde_json::from_str(&data)?;
            if event.station.as_ref() != Some(station) || !is_part(&event) {
                continue;
            }
            let Some(text) = text_of(client, event.seq).await? else { continue };
            if parts.take(&text)? {
                return Ok(());
            }
        }
    }
    let next = "look at the server's log, and ask again";
    Err(Failure::new("no-report", "the server ended the stream of events", next).into())
}

fn is_part(event: &EventView) -> bool {
    matches!(event.body(), Ok(EventBody::Other { action }) if action == PART)
}

async fn text_of(client: &Client, seq: Seq) -> anyhow::Result<Option<String>> {
    let details: EventDetails = client.get(&["events", &seq.to_string()], &[]).await?;
    Ok(details.text)
}

/// What has come of one report, in whatever order.
#[derive(Debug)]
struct Parts {
    request: i64,
    parts: BTreeMap<usize, Vec<Row>>,
    /// The number of the last part, once that has come.
    last: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    request_id: i64,
    seq_no: usize,
    #[serde(default)]
    tbc: Option<bool>,
    #[serde(default)]
    report_data: Value,
}

impl Parts {
    /// Takes a message of the station in; `true` when the report is whole. Those of other reports are passed over.
    fn take(&mut self, message: &str) -> Result<bool, Failure> {
        let read = serde_json::from_str::<(u8, String, String, Part)>(message);
        let Ok((.., part)) = read else { return Ok(false) };
        if part.request_id != self.request {
            return Ok(false);
        }
        if part.seq_no >= MAX_PARTS {
            let message = format!("the report has more than {MAX_PARTS} parts");
            let next = "ask for less with --base configuration";
            return Err(Failure::new("no-report", message, next));
        }
        if !part.tbc.unwrap_or(false) {
            self.last = Some(part.seq_no);
        }
        self.parts.insert(part.seq_no, reported(&part.report_data));
        Ok(self.last.is_some_and(|last| self.parts.range(..=last).count() == last + 1))
    }

    fn into_rows(self) -> Vec<Row> {
        self.parts.into_values().flatten().collect()
    }

    fn incomplete(&self, seconds: u64) -> Failure {
        let came = self.parts.len();
        let message = format!("the report is not whole after {seconds} s: {came} parts came");
        let next = "allow more with --within; `plugpoint events tail` shows what comes";
        Failure::new("no-report", message, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(request: i64, number: usize, more: &str) -> String {
        let variable = format!(
            r#"{{"component":{{"name":"C"}},"variable":{{"name":"V{number}"}},"variableAttribute":[{{"value":"{number}"}}]}}"#
        );
        format!(
            r#"[2,"x","NotifyReport",{{"requestId":{request},"generatedAt":"2026-01-01T00:00:00Z","seqNo":{number},"reportData":[{variable}]{more}}}]"#
        )
    }

    #[test]
    fn a_report_is_whole_when_every_part_up_to_the_last_has_come() {
        let mut parts = Parts { request: 7, parts: BTreeMap::new(), last: None };
        for (message, whole) in [
            (part(7, 2, ""), false),
            (part(8, 0, ""), false),
            (part(7, 0, r#","tbc":true"#), false),
            (part(7, 0, r#","tbc":true"#), false),
            (r#"[2,"x","NotifyReport",{"requestId":7}]"#.to_owned(), false),
            (part(7, 1, r#","tbc":true"#), true),
        ] {
            assert_eq!(parts.take(&message).unwrap(), whole, "{message}");
        }
        let names: Vec<_> = parts.into_rows().into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["C.V0", "C.V1", "C.V2"]);
    }

    #[test]
    fn a_report_without_end_is_given_up() {
        let mut parts = Parts { request: 7, parts: BTreeMap::new(), last: None };
        assert!(parts.take(&part(7, MAX_PARTS, r#","tbc":true"#)).is_err());
        assert_eq!(parts.parts.len(), 0);
    }
}
