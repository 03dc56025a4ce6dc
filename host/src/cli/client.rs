//! The admin API from the other side: one request, one typed answer or a failure that says what to do.
//! Knows no command.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::{CUT_OFF, Failure, NO_ANSWER, UNREACHABLE};
use crate::admin::views::ErrorBody;
use crate::admin::{AdminKey, DEFAULT_PORT, KEY_FILE};

/// Where the key is looked for when no data folder is named. Not an argument: those can be read by everybody on
/// the machine.
const KEY_VARIABLE: &str = "PLUGPOINT_KEY";

/// How long the server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an ordinary request may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the server is and who asks.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub(super) struct Reach {
    /// Address of the server's admin API
    #[arg(long, global = true, env = "PLUGPOINT_URL", value_name = "URL", default_value_t = default_url())]
    url: Url,
    /// Folder of the server's data, to read the admin key from; without it, PLUGPOINT_KEY holds the key
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
}

fn default_url() -> Url {
    let url = format!("http://127.0.0.1:{DEFAULT_PORT}");
    url.parse().expect("an address written here")
}

impl Reach {
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        if self.url.scheme() != "http" || self.url.cannot_be_a_base() {
            return Err(Failure::usage(
                format!("'{}' is not an address that starts with http://", self.url),
                "the admin API speaks plain HTTP on its own machine; from afar, use an SSH tunnel",
            )
            .into());
        }
        Client::new(self.url.clone(), &self.key()?)
    }

    fn key(&self) -> anyhow::Result<AdminKey> {
        if let Some(dir) = &self.data {
            return AdminKey::read(&dir.join(KEY_FILE)).map_err(|error| {
                let next = "name the folder that `plugpoint serve --data DIR` runs with";
                let cause = std::error::Error::source(&error).map(|e| format!(": {e}"));
                let message = format!("{error}{}", cause.unwrap_or_default());
                Failure::new("no-key", message, next).into()
            });
        }
        let key = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty());
        let next = format!(
            "name the server's data folder with --data DIR, or put the content of its {KEY_FILE} into {KEY_VARIABLE}"
        );
        match key.map(|key| AdminKey::parse(&key)) {
            Some(Some(key)) => Ok(key),
            Some(None) => {
                let message = format!("{KEY_VARIABLE} holds something that is no admin key");
                Err(Failure::new("no-key", message, next).into())
            }
            None => Err(Failure::new("no-key", "no admin key", next).into()),
        }
    }
}

/// A server that can be asked.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: String,
}

impl Client {
    pub(super) fn new(base: Url, key: &AdminKey) -> anyhow::Result<Self> {
        // A proxy for the internet would not find the loopback interface of this machine.
        let http = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT);
        let authorization = format!("Bearer {}", key.reveal());
        Ok(Self { http: http.build()?, base, authorization })
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        self.answer(self.request(Method::GET, path).query(query).timeout(TIMEOUT)).await
    }

    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.answer(self.request(Method::PUT, path).json(body).timeout(TIMEOUT)).await
    }

    /// A PUT that may take long, or whose answer has no content.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: reqwest::Body,
        timeout: Duration,
    ) -> anyhow::Result<Response> {
        self.send_with(method, path, &[], body, timeout).await
    }

    /// The same with parameters.
    pub(super) async fn send_with(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: reqwest::Body,
        timeout: Duration,
    ) -> anyhow::Result<Response> {
        let request = self.request(method, path).query(query);
        self.checked(request.body(body).timeout(timeout)).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
        timeout: Duration,
    ) -> anyhow::Result<T> {
        self.answer(self.request(Method::POST, path).json(body).timeout(timeout)).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> anyhow::Result<()> {
        self.checked(self.request(Method::DELETE, path).timeout(TIMEOUT)).await?;
        Ok(())
    }

    /// A DELETE that says what became of it.
    pub(super) async fn delete_and_read<T: DeserializeOwned>(
        &self,
        path: &[&str],
    ) -> anyhow::Result<T> {
        self.answer(self.request(Method::DELETE, path).timeout(TIMEOUT)).await
    }

    /// An answer that comes bit by bit, for as long as both sides live.
    pub(super) async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<Response> {
        self.checked(self.request(Method::GET, path).query(query)).await
    }

    /// Reads the answer of a request that succeeded.
    pub(super) async fn read<T: DeserializeOwned>(&self, response: Response) -> anyhow::Result<T> {
        let text = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&text).map_err(|error| {
            let message = format!("the answer of {} cannot be understood: {error}", self.base);
            let next = "check that PLUGPOINT_URL is the admin address of a Plugpoint server of this version";
            Failure::new("unreadable-answer", message, next).into()
        })
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let response = self.checked(request).await?;
        self.read(response).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        self.http.request(method, url).header("authorization", &self.authorization)
    }

    async fn checked(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.bytes().await.unwrap_or_default();
        let Ok(ErrorBody { error }) = serde_json::from_slice(&text) else {
            let message = format!("{} answered with {status}, not as Plugpoint does", self.base);
            let next = "check that PLUGPOINT_URL is the admin address of a Plugpoint server";
            return Err(Failure::new("unreadable-answer", message, next).into());
        };
        Err(Failure::from_server(error).into())
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let base = &self.base;
        let failure = if error.is_timeout() {
            let next = "look at the server's log; it may be busy or stopping";
            Failure::new(NO_ANSWER, format!("{base} did not answer in time"), next)
        } else if error.is_connect() {
            let next = "start it with `plugpoint serve --data DIR`, or say where it is with --url or PLUGPOINT_URL";
            Failure::new(UNREACHABLE, format!("no server answers at {base}"), next)
        } else {
            let next = "look at the server's log";
            Failure::new(CUT_OFF, format!("the connection to {base} broke: {error}"), next)
        };
        failure.into()
    }
}
