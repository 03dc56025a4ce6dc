//! The HTTP API for operators: parse, one call, render. Decides nothing. Knows no listener: `server` hands it one.
//!
//! Under `/v1/` every request carries the admin key. `views` holds all shapes that go over the wire.

mod access;
mod commands;
mod desk;
mod events;
mod extract;
mod firmware;
mod frames;
mod health;
mod holdings;
mod hooks;
mod key;
mod local_list;
mod ocpp;
mod passwords;
mod plugin_logs;
mod plugin_state;
mod plugins;
mod problem;
mod security;
mod sessions;
mod stations;
mod strangers;
mod tokens;
mod transfers;
pub mod views;
mod wanted;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware;
use axum::routing::{delete, get, patch, post, put};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use self::desk::Desk;
use self::problem::Problem;
use self::views::Code;
use crate::domain::{Addresses, Millis, Verdict};
use crate::station::registry::Registry;
use crate::store::Store;
use crate::tls::{Authority, Own};
use crate::work::{Calls, Inboxes, Observers, Rollout, Transfers, Wishes};

pub use events::tell;
pub use health::Serving;
pub use key::{AdminKey, KEY_FILE, KeyError};

/// The admin port when nobody names another. Loopback only.
pub const DEFAULT_PORT: u16 = 8081;

/// Longest body of a request that carries no component, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// Longest body that carries a component, in bytes.
const MAX_COMPONENT_BODY: usize = 64 << 20;

/// The rooms behind the API.
pub struct Admin {
    pub store: Store,
    pub registry: Registry,
    pub calls: Calls,
    pub transfers: Transfers,
    pub wishes: Wishes,
    pub rollout: Arc<Rollout>,
    pub observers: Observers,
    pub inboxes: Inboxes,
    pub authority: Arc<Authority>,
    /// What the server shows to stations.
    pub own: Arc<Own>,
    /// The time of day.
    pub now: fn() -> Millis,
    /// What a card gets about which no plugin has an opinion, to be told when there is none to ask.
    pub when_nobody_decides: Verdict,
    pub key: AdminKey,
    pub metrics: PrometheusHandle,
    pub serving: Serving,
    /// Where stations connect, for whoever sets one up.
    pub addresses: Addresses,
    /// Cancelled when the server stops: ends the live streams, which would never end by themselves.
    pub stopping: CancellationToken,
}

/// The whole API.
pub fn router(admin: Admin) -> Router {
    let desk = Desk::new(admin);
    let plugin = put(plugins::put)
        .layer(DefaultBodyLimit::max(MAX_COMPONENT_BODY))
        .get(plugins::get)
        .delete(plugins::delete);
    let v1 = Router::new()
        .route("/stations", get(stations::list))
        .route("/stations/{id}", get(stations::get).put(stations::put))
        .route("/stations/{id}/password", put(passwords::put))
        .route("/stations/{id}/password/rotate", post(passwords::rotate))
        .route("/stations/{id}/certificates", get(security::list).post(security::sign))
        .route("/stations/{id}/certificates/renew", post(security::renew))
        .route("/stations/{id}/certificates/{serial}", delete(security::remove))
        .route("/ca", get(security::authority))
        .route("/tls", get(security::shown))
        .route("/tls/reload", post(security::reload))
        .route("/stations/{id}/commands", post(commands::post).get(commands::list))
        .route("/stations/{id}/commands/{command}", get(commands::get).delete(commands::delete))
        .route("/stations/{id}/frames", get(frames::list))
        .route("/stations/{id}/holdings", get(holdings::shelves))
        .route("/stations/{id}/holdings/{kind}", get(holdings::list))
        .route("/stations/{id}/wanted", get(wanted::list))
        .route("/stations/{id}/wanted/{name}", put(wanted::put).delete(wanted::delete))
        .route("/wanted", get(wanted::unmet))
        .route(
            "/stations/{id}/local-list",
            get(local_list::get).put(local_list::put).delete(local_list::delete),
        )
        .route("/stations/{id}/transfers", post(transfers::post).get(transfers::list))
        .route("/stations/{id}/transfers/{transfer}", get(transfers::get).delete(transfers::delete))
        .route("/stations/{id}/transfers/{transfer}/file", get(transfers::file))
        .route("/firmware", get(firmware::list))
        .route("/firmware/{name}", put(firmware::put).delete(firmware::delete))
        .route("/firmware/{name}/signature", put(firmware::sign))
        .route("/ocpp/{version}/actions", get(ocpp::list))
        .route("/ocpp/{version}/actions/{action}", get(ocpp::get))
        .route("/unknown-stations", get(strangers::list))
        .route("/unknown-stations/{id}/adopt", post(strangers::adopt))
        .route("/sessions", get(sessions::list))
        .route("/sessions/{id}", get(sessions::get))
        .route("/tokens", get(tokens::list))
        .route("/tokens/{token}", get(tokens::get).put(tokens::put).delete(tokens::delete))
        .route("/events", get(events::stream))
        .route("/events/{seq}", get(events::get))
        .route("/plugins", get(plugins::list))
        .route("/plugins/{name}", plugin)
        .route("/plugins/{name}/state", get(plugin_state::list))
        .route("/plugins/{name}/logs", get(plugin_logs::stream))
        .route("/plugins/{name}/rollback", post(plugins::roll_back))
        .route("/plugins/{name}/disable", post(plugins::disable))
        .route("/plugins/{name}/enable", post(plugins::enable))
        .route("/plugins/{name}/settings", patch(plugins::patch_settings))
        .route("/hooks/{hook}/order", get(hooks::get_order).put(hooks::put_order))
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), access::require_key));
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .nest("/v1", v1)
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(desk)
}

async fn no_such_route(uri: Uri) -> Problem {
    let message = format!("there is nothing at {}", uri.path());
    Problem::new(Code::NoSuchRoute, message, "see docs/operating.md for what there is")
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let message = format!("{} does not take {method}", uri.path());
    Problem::new(Code::MethodNotAllowed, message, "the Allow header names what it takes")
}
