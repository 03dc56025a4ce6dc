//! `plugpoint station frames`: what quirks made of a station's frames.

use super::super::client::Client;
use super::super::output::Output;
use super::super::paging::{Page, more};
use super::super::table::visible;
use crate::admin::views::{FrameView, FramesPage};
use crate::domain::StationId;

#[derive(Debug, clap::Args)]
pub(super) struct FramesArgs {
    /// The station's id
    id: StationId,
    #[command(flatten)]
    page: Page,
}

pub(super) async fn list(client: &Client, args: FramesArgs, output: Output) -> anyhow::Result<()> {
    let path = ["stations", args.id.as_str(), "frames"];
    let list: FramesPage = client.get(&path, &args.page.query()).await?;
    output.show(&list, |list| match list.frames.as_slice() {
        [] => "no plugin has changed a frame of this station, or for it\n".to_owned(),
        frames => frames.iter().map(frame).collect(),
    })?;
    more(output, list.next.as_deref());
    Ok(())
}

/// A heading, and the two texts below each other: what differs meets the eye.
fn frame(frame: &FrameView) -> String {
    let by = frame.by.iter().map(|by| format!("{} {}", by.plugin, by.version));
    let by = by.collect::<Vec<_>>().join(", ");
    let (was, is) = (visible(&frame.original), visible(&frame.changed));
    format!("#{} {} {} by {by}\n- {was}\n+ {is}\n", frame.number, frame.at, frame.way.as_str())
}
