//! The demo's two price lists, and the operator who puts one in the place of the other while cars charge. Knows the
//! admin API only.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::screen::Line;
use crate::admin::views::SessionsPage;
use crate::cli::client::Client;

/// The name under which the demo's tariff is loaded.
pub(super) const TARIFF: &str = "tariff-time-of-use";

/// From the first charges to the first swap, and from there to the next.
const FIRST_SWAP: Duration = Duration::from_secs(12);
const SWAP_EVERY: Duration = Duration::from_secs(25);

/// What the demo sells: the tariff's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PriceList {
    Standard,
    HappyHour,
}

impl PriceList {
    /// The name that its terms have.
    const fn id(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::HappyHour => "happy-hour",
        }
    }

    pub(super) fn settings(self) -> Value {
        let rates = match self {
            Self::Standard => json!({
                "currency": "EUR", "vat": "19", "vat_included": true, "session": "0.50",
                "base": { "energy": "0.49" },
                "bands": [{ "from": "22:00", "to": "06:00", "prices": { "energy": "0.39" } }],
            }),
            Self::HappyHour => json!({
                "currency": "EUR", "vat": "19", "vat_included": true, "base": { "energy": "0.25" },
            }),
        };
        json!({ "id": self.id(), "rates": rates })
    }

    const fn other(self) -> Self {
        match self {
            Self::Standard => Self::HappyHour,
            Self::HappyHour => Self::Standard,
        }
    }
}

/// Swaps the price lists for as long as the demo runs, and says who is charged by which.
pub(super) async fn swap_again_and_again(
    client: Client,
    said: mpsc::Sender<Line>,
    duration: Option<u64>,
) {
    let half = duration.map(|seconds| Duration::from_secs(seconds) / 2);
    tokio::time::sleep(half.map_or(FIRST_SWAP, |half| half.min(FIRST_SWAP))).await;
    let mut list = PriceList::Standard;
    loop {
        let new = list.other();
        let words = match swap(&client, list, new).await {
            Ok(words) => {
                list = new;
                words
            }
            Err(error) => format!("cannot swap the tariff: {error:#}"),
        };
        if said.send(Line::Operator(words)).await.is_err() {
            return; // Nobody looks at the screen any more: the show is over.
        }
        tokio::time::sleep(SWAP_EVERY).await;
    }
}

async fn swap(client: &Client, old: PriceList, new: PriceList) -> anyhow::Result<String> {
    let settings = json!({ "settings": new.settings() });
    let _: Value = client.put(&["plugins", TARIFF], &settings).await?;
    let active = [("active", "true".to_owned())];
    let running: SessionsPage = client.get(&["sessions"], &active).await?;
    let keep = running
        .sessions
        .iter()
        .filter(|session| session.terms.as_ref().is_some_and(|terms| terms.id == old.id()));
    let mut keep = keep.map(|session| session.id).collect::<Vec<_>>();
    keep.sort_unstable();
    let keep = keep.into_iter().map(|id| id.to_string()).collect::<Vec<_>>();
    let (old, new) = (old.id(), new.id());
    Ok(match keep.as_slice() {
        [] => format!("swapped the tariff for '{new}'; nobody charges on '{old}' at the moment"),
        [one] => format!(
            "swapped the tariff: session {one} keeps '{old}' to its end, new ones get '{new}'"
        ),
        many => format!(
            "swapped the tariff: sessions {} keep '{old}' to their end, new ones get '{new}'",
            many.join(", ")
        ),
    })
}
