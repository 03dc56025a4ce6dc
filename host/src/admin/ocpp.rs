//! `/v1/ocpp`: what the versions of OCPP consist of, from the catalogue that messages are held to. Knows no station.

use axum::Json;

use super::extract::{Named, NamedTwice};
use super::problem::Problem;
use super::views::{ActionView, ActionsPage, Code};

pub(super) async fn list(Named(version): Named<String>) -> Result<Json<ActionsPage>, Problem> {
    ActionsPage::of_version(&version).map(Json).ok_or_else(|| no_version(&version))
}

pub(super) async fn get(
    NamedTwice(version, action): NamedTwice<String, String>,
) -> Result<Json<ActionView>, Problem> {
    if ActionsPage::of_version(&version).is_none() {
        return Err(no_version(&version));
    }
    ActionView::find(&version, &action).map(Json).ok_or_else(|| {
        let message = format!("OCPP {version} has no action '{action}'");
        Problem::new(Code::ActionNotFound, message, "see GET /v1/ocpp/{version}/actions")
    })
}

fn no_version(version: &str) -> Problem {
    let message = format!("there is no catalogue of OCPP '{version}'");
    Problem::new(
        Code::ActionNotFound,
        message,
        format!("ask for one of {}", ActionView::VERSIONS.join(", ")),
    )
}
