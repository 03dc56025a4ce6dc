//! `/healthz`, `/readyz` and `/metrics`: for machines that watch. They need no key and name no station.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::desk::Desk;
use super::problem::Problem;
use super::views::{Code, HealthView};
use crate::store::{Health, Room};

/// Whether stations are let in. One owner sets it: the server.
#[derive(Debug, Clone, Default)]
pub struct Serving(Arc<AtomicBool>);

impl Serving {
    pub fn set(&self, serving: bool) {
        self.0.store(serving, Ordering::Release);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The process lives and answers.
pub(super) async fn live() -> Json<HealthView> {
    Json(HealthView { status: "alive".to_owned() })
}

/// Stations are let in and what they say can be kept.
pub(super) async fn ready(State(desk): State<Arc<Desk>>) -> Result<Json<HealthView>, Problem> {
    let not = |why: &str| Err(Problem::new(Code::Unavailable, why, "the server's log says why"));
    if desk.admin.stopping.is_cancelled() {
        return not("the server is stopping");
    }
    if !desk.admin.serving.get() {
        return not("the server is starting");
    }
    if let Health::Failed(_) = desk.admin.store.health() {
        return not("the store has failed, so that nothing more can be kept");
    }
    let status = match desk.admin.store.room() {
        Room::Ample => "ready",
        // Whoever sends stations elsewhere because of it would lose what is still kept.
        Room::Low => "ready-but-disk-almost-full",
        Room::Exhausted => {
            let next = "make room on the disk of the data directory";
            return Err(Problem::new(
                Code::Unavailable,
                "the disk is full, so that nothing more is kept",
                next,
            ));
        }
    };
    Ok(Json(HealthView { status: status.to_owned() }))
}

/// In the text format of Prometheus. What changes by itself is measured now; the rest counts as it happens. A
/// plugin's figures are gauges, because they begin anew with each version.
pub(super) async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let admin = &desk.admin;
    let live = admin.registry.all_live();
    let online = live.iter().filter(|(_, live)| live.online).count();
    metrics::gauge!("plugpoint_stations_online").set(online as f64);
    metrics::gauge!("plugpoint_log_durable_seq").set(admin.store.durable().borrow().0 as f64);
    for plugin in admin.rollout.status() {
        let name = plugin.name.to_string();
        for (kind, failures) in plugin.failures {
            metrics::gauge!("plugpoint_plugin_failures", "plugin" => name.clone(), "kind" => kind)
                .set(failures as f64);
        }
        if let Some(standing) = admin.observers.standing(&plugin.name) {
            metrics::gauge!("plugpoint_observer_lag", "plugin" => name.clone())
                .set(standing.lag as f64);
            metrics::gauge!("plugpoint_observer_skipped", "plugin" => name.clone())
                .set(standing.skipped as f64);
        }
        metrics::gauge!("plugpoint_plugin_calls", "plugin" => name).set(plugin.calls as f64);
    }
    measure_post(&desk).await;
    let text = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
    (StatusCode::OK, text, admin.metrics.render()).into_response()
}

/// How the post of plugins stands. Records that cannot be read leave the gauges as they were; `readyz` tells of that.
async fn measure_post(desk: &Arc<Desk>) {
    let (rollout, inboxes) = (Arc::clone(&desk.admin.rollout), desk.admin.inboxes.clone());
    let standings = desk.read(move |_| {
        let names = rollout.status().into_iter().map(|plugin| plugin.name);
        let standing = |name| Ok(inboxes.standing(&name)?.map(|standing| (name, standing)));
        names.filter_map(|name| standing(name).transpose()).collect::<Result<Vec<_>, _>>()
    });
    for (name, standing) in standings.await.into_iter().flatten() {
        let gauge = |what: &'static str, value: f64| {
            metrics::gauge!(what, "plugin" => name.to_string()).set(value);
        };
        gauge("plugpoint_outbox_commands", standing.commands as f64);
        gauge("plugpoint_inbox_messages", standing.messages as f64);
        gauge("plugpoint_inbox_skipped", standing.skipped as f64);
        gauge("plugpoint_inbox_missed", standing.missed as f64);
    }
}
