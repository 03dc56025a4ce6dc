//! `/v1/tokens`: what the operator says of cards. The core keeps it; plugins decide by it. Knows no policy.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::desk::Desk;
use super::extract::{JsonBody, Named, PageQuery, Params};
use super::problem::Problem;
use super::views::{Code, TokenChange, TokenView, TokensPage};
use crate::domain::{IdToken, TokenRecord};
use crate::store::{All, Commit, Expect, Order};

/// Longest group, account or note of a token, in bytes.
const MAX_TEXT: usize = 255;

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<TokensPage>, Problem> {
    let (after, limit) = (page.after::<IdToken>()?, page.limit()?);
    let page = desk.read(move |store| {
        let found = store.page::<TokenRecord>(All, after.as_ref(), Order::Ascending, limit)?;
        let next = (found.len() == limit)
            .then(|| found.last().map(|(token, _)| token.reveal().to_owned()))
            .flatten();
        let tokens = found.into_iter().map(|(id, record)| TokenView::of(id, record.value));
        Ok(TokensPage { tokens: tokens.collect(), next })
    });
    page.await.map(Json)
}

pub(super) async fn get(
    State(desk): State<Arc<Desk>>,
    Named(token): Named<IdToken>,
) -> Result<Json<TokenView>, Problem> {
    let view = desk.read(move |store| match store.read::<TokenRecord>(&token)? {
        Some(record) => Ok(TokenView::of(token, record.value)),
        None => Err(not_found()),
    });
    view.await.map(Json)
}

pub(super) async fn put(
    State(desk): State<Arc<Desk>>,
    Named(token): Named<IdToken>,
    JsonBody(change): JsonBody<TokenChange>,
) -> Result<Json<TokenView>, Problem> {
    let texts = [("group", &change.group), ("account", &change.account), ("note", &change.note)];
    if let Some((name, _)) = texts.iter().find(|(_, text)| too_long(text.value())) {
        let message = format!("{name}: at most {MAX_TEXT} bytes");
        return Err(Problem::bad_request(message, "shorten it"));
    }
    let record = desk
        .update(&token, |current: Option<TokenRecord>| {
            change.clone().over(current.unwrap_or_default())
        })
        .await?;
    desk.admin.wishes.tokens_changed();
    Ok(Json(TokenView::of(token, record)))
}

fn too_long(text: Option<&String>) -> bool {
    text.is_some_and(|text| text.len() > MAX_TEXT)
}

/// The card is no longer known to the operator. Sessions that it started keep naming it.
pub(super) async fn delete(
    State(desk): State<Arc<Desk>>,
    Named(token): Named<IdToken>,
) -> Result<StatusCode, Problem> {
    let wanted = token.clone();
    let found = desk.read(move |store| Ok(store.read::<TokenRecord>(&wanted)?)).await?;
    let revision = found.ok_or_else(not_found)?.revision;
    let mut commit = Commit::new();
    commit.delete::<TokenRecord>(&token, Expect::Revision(revision)).synced();
    desk.admin.store.commit(commit).await?;
    desk.admin.wishes.tokens_changed();
    Ok(StatusCode::NO_CONTENT)
}

/// Does not repeat the token: answers to mistakes end up in logs.
fn not_found() -> Problem {
    Problem::new(
        Code::TokenNotFound,
        "there is no such token",
        "see GET /v1/tokens; PUT /v1/tokens/{id token} makes one known",
    )
}
