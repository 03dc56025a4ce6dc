//! `plugpoint station unknown` and `adopt`: stations that knocked and that nobody registered.

use std::time::Duration;

use super::details;
use crate::admin::views::{StationView, UnknownStationView, UnknownStationsPage};
use crate::cli::client::Client;
use crate::cli::output::Output;
use crate::cli::table::{Table, or_nothing};
use crate::domain::StationId;

/// How long the server may take to write one record.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn list(client: &Client, output: Output) -> anyhow::Result<()> {
    let list: UnknownStationsPage = client.get(&["unknown-stations"], &[]).await?;
    output.show(&list, |list| table(&list.stations))
}

pub(super) async fn adopt(client: &Client, id: &StationId, output: Output) -> anyhow::Result<()> {
    let path = ["unknown-stations", id.as_str(), "adopt"];
    let station: StationView = client.post(&path, &(), PATIENCE).await?;
    if !station.has_password {
        output.progress(&format!(
            "note: whoever knows its name may come in as {id}; `plugpoint station password {id}` gives it a password"
        ));
    }
    output.show(&station, details)
}

fn table(stations: &[UnknownStationView]) -> String {
    let mut table = Table::new(&["STATION", "LAST", "KNOCKS", "FROM", "OFFERS", "PASSWORD"]);
    for station in stations {
        table.row(vec![
            station.id.to_string(),
            station.last.to_string(),
            station.knocks.to_string(),
            station.peer.clone(),
            or_nothing((!station.offered.is_empty()).then(|| station.offered.join(", "))),
            if station.has_password { "yes" } else { "no" }.to_owned(),
        ]);
    }
    if table.is_empty() { "no unknown station has knocked\n".to_owned() } else { table.render() }
}
