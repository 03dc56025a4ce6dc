//! `/v1/stations/{id}/frames`: what quirks made of a station's frames, and of those for it. Knows no quirk.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::desk::Desk;
use super::extract::{Named, PageQuery, Params};
use super::problem::Problem;
use super::views::{FrameView, FramesPage};
use crate::domain::StationId;

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<StationId>,
    Params(page): Params<PageQuery>,
) -> Result<Json<FramesPage>, Problem> {
    let (before, limit) = (page.after::<u32>()?, page.limit()?);
    let page = desk.read(move |store| {
        let frames = store.changed_frames(&id, before, limit)?;
        let last = frames.last().filter(|_| frames.len() == limit);
        let next = last.map(|(number, _)| number.to_string());
        let frames = frames.into_iter().map(|(number, frame)| FrameView::of(number, frame));
        Ok(FramesPage { frames: frames.collect(), next })
    });
    page.await.map(Json)
}
