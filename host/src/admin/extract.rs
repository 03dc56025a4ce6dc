//! What handlers take out of a request: names in the path, parameters after the '?', JSON bodies. Everything is
//! parsed here, once, and refused here with the reason. Knows no record.

use std::fmt;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::views::{Code, DEFAULT_PAGE, MAX_PAGE};

/// The one name in a route such as `/v1/stations/{id}`, percent-decoded and checked.
pub(super) struct Named<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for Named<T>
where
    T: FromStr<Err: fmt::Display>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await?;
        let wrong = |why: T::Err| Problem::bad_request(why.to_string(), "correct the path");
        text.parse().map(Self).map_err(wrong)
    }
}

/// The two names in a route such as `/v1/stations/{id}/commands/{command}`.
pub(super) struct NamedTwice<A, B>(pub(super) A, pub(super) B);

impl<A, B, S> FromRequestParts<S> for NamedTwice<A, B>
where
    A: FromStr<Err: fmt::Display>,
    B: FromStr<Err: fmt::Display>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((one, other)) = Path::<(String, String)>::from_request_parts(parts, state).await?;
        let wrong =
            |why: &dyn fmt::Display| Problem::bad_request(why.to_string(), "correct the path");
        let one = one.parse().map_err(|why: A::Err| wrong(&why))?;
        Ok(Self(one, other.parse().map_err(|why: B::Err| wrong(&why))?))
    }
}

/// Parameters after the '?'. Unknown ones are refused: a misspelt filter must not show everything.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(params) = Query::from_request_parts(parts, state).await?;
        Ok(Self(params))
    }
}

/// A JSON body, whatever its `Content-Type` says. The route's body limit holds.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        parse_json(&read_body(request, state).await?).map(Self)
    }
}

/// The whole body, up to the route's limit.
pub(super) async fn read_body<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let why = rejection.body_text();
        match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(Code::BodyTooLarge, "the body is too large", "send less at once")
            }
            _ => Problem::bad_request(why, "send the whole body"),
        }
    })
}

/// Says where in the body the mistake is; for an unknown field, which ones there are.
pub(super) fn parse_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let wrong = |message: String| Problem::bad_request(message, "correct the body's JSON");
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        match error.path().iter().next() {
            Some(_) => wrong(format!("{}: {}", error.path(), error.inner())),
            None => wrong(error.into_inner().to_string()),
        }
    })?;
    json.end().map_err(|error| wrong(error.to_string()))?;
    Ok(parsed)
}

/// `?after=&limit=` of every list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    after: Option<String>,
    limit: Option<usize>,
}

impl PageQuery {
    pub(super) fn after<T: FromStr<Err: fmt::Display>>(&self) -> Result<Option<T>, Problem> {
        parse_param("after", self.after.as_deref())
    }

    pub(super) fn limit(&self) -> Result<usize, Problem> {
        parse_limit(self.limit)
    }
}

/// A name after the '?', such as the `after` at which a list goes on. Empty is the same as absent.
pub(super) fn parse_param<T: FromStr<Err: fmt::Display>>(
    name: &str,
    value: Option<&str>,
) -> Result<Option<T>, Problem> {
    let value = value.filter(|text| !text.is_empty()).map(T::from_str).transpose();
    value
        .map_err(|why| Problem::bad_request(format!("{name}: {why}"), "correct it or leave it out"))
}

/// How many entries a page has.
pub(super) fn parse_limit(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(DEFAULT_PAGE),
        Some(limit) if (1..=MAX_PAGE).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::bad_request(
            format!("limit: {limit} is not from 1 to {MAX_PAGE}"),
            "leave it out, or go on with 'after'",
        )),
    }
}
