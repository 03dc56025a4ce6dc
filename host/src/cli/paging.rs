//! How commands ask for one page of a list and say that there is more. Knows no list.

use super::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct Page {
    /// How many to show
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Go on where a page ended
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

impl Page {
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let after = self.after.iter().map(|after| ("after", after.clone()));
        std::iter::once(("limit", self.limit.to_string())).chain(after).collect()
    }
}

pub(super) fn more(output: Output, next: Option<&str>) {
    if let Some(next) = next {
        let next = super::table::visible(next);
        output.progress(&format!("there may be more: add --after '{next}'"));
    }
}
