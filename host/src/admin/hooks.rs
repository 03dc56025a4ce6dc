//! `/v1/hooks/{hook}/order`: in which order the plugins of a hook are asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::desk::Desk;
use super::extract::{JsonBody, Named};
use super::problem::Problem;
use super::views::{AskedView, OrderChange, OrderView};
use crate::domain::OrderedHook;
use crate::work::{Asked, HookOrder};

pub(super) async fn get_order(
    State(desk): State<Arc<Desk>>,
    Named(hook): Named<OrderedHook>,
) -> Result<Json<OrderView>, Problem> {
    let rollout = Arc::clone(&desk.admin.rollout);
    desk.read(move |_| Ok(Json(view(rollout.order(hook)?)))).await
}

pub(super) async fn put_order(
    State(desk): State<Arc<Desk>>,
    Named(hook): Named<OrderedHook>,
    JsonBody(OrderChange { order }): JsonBody<OrderChange>,
) -> Result<Json<OrderView>, Problem> {
    Ok(Json(view(desk.admin.rollout.set_order(hook, order).await?)))
}

fn view(HookOrder { hook, order, asked }: HookOrder) -> OrderView {
    let asked = asked.into_iter().map(|Asked { plugin, version, priority }| AskedView {
        plugin,
        version,
        priority,
    });
    OrderView { hook, order, asked: asked.collect() }
}
