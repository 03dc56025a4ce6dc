//! The operator's HTTP client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Loading a policy compiles it: the longest that an operator waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// Items of one page of a list.
const PAGE: usize = 200;

/// Facts that are read at once.
const FACTS: usize = 2000;

#[derive(Debug, Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    pub(crate) fn new(admin: SocketAddr, data: &Path) -> Self {
        let key = std::fs::read_to_string(data.join("admin.key")).unwrap().trim().to_owned();
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Self { client, base: format!("http://{admin}"), key }
    }

    /// One request; status and body, which is `null` when there is none.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method, url).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.try_send(method.clone(), path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Every item of a paged list, oldest page first.
    pub(crate) async fn all(&self, plural: &str, query: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/{plural}?limit={PAGE}{after}{query}");
            let mut page = self.get(&path).await;
            let Value::Array(found) = page[plural].take() else { panic!("{path}: no {plural}") };
            items.extend(found);
            match &page["next"] {
                Value::Null => return items,
                Value::String(next) => after = format!("&after={next}"),
                next => after = format!("&after={next}"),
            }
        }
    }

    /// Makes the station known with the stories' password.
    pub(crate) async fn register(&self, station: &str) {
        self.put(&format!("/v1/stations/{station}"), json!({})).await;
        let password = json!({ "password": super::PASSWORD });
        self.put(&format!("/v1/stations/{station}/password"), password).await;
    }

    pub(crate) async fn allow(&self, card: &str) {
        self.put(&format!("/v1/tokens/{card}"), json!({ "blocked": false })).await;
    }

    pub(crate) async fn block(&self, card: &str) {
        self.put(&format!("/v1/tokens/{card}"), json!({ "blocked": true })).await;
    }

    /// Loads or swaps a policy.
    pub(crate) async fn load(&self, name: &str, file: &Path, settings: &str) -> Value {
        use base64::Engine as _;
        let component =
            base64::engine::general_purpose::STANDARD.encode(std::fs::read(file).unwrap());
        let settings: Value = serde_json::from_str(settings).unwrap();
        let body = json!({ "component_base64": component, "settings": settings });
        self.put(&format!("/v1/plugins/{name}"), body).await
    }

    pub(crate) async fn rollback(&self, name: &str) -> Value {
        self.post(&format!("/v1/plugins/{name}/rollback"), json!({})).await
    }

    /// An operator's call to a station.
    pub(crate) async fn command(
        &self,
        station: &str,
        action: &str,
        payload: Value,
    ) -> (StatusCode, Value) {
        let body = json!({ "action": action, "payload": payload, "timeout_ms": 5000 });
        self.try_send(Method::POST, &format!("/v1/stations/{station}/commands"), Some(body)).await
    }

    /// What a plugin keeps, as text.
    pub(crate) async fn state(&self, plugin: &str) -> BTreeMap<String, String> {
        let mut kept = BTreeMap::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/plugins/{plugin}/state?limit={PAGE}{after}");
            let page = self.get(&path).await;
            for entry in page["state"].as_array().unwrap() {
                let word = |part: &str| entry[part].as_str().unwrap().to_owned();
                kept.insert(word("key"), word("text"));
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", next.replace('/', "%2F")),
                None => return kept,
            }
        }
    }

    /// What an observer stands at when nothing is before it any more.
    pub(crate) async fn caught_up(&self, plugin: &str) -> Value {
        let wait = async {
            loop {
                let plugin = self.get(&format!("/v1/plugins/{plugin}")).await;
                let observer = plugin["running"]["observer"].clone();
                if observer["lag"] == 0 && observer["cursor"] != 0 {
                    return observer;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the observer catches up")
    }

    /// The log from the beginning up to what is durable now, as the stream's `data` objects.
    pub(crate) async fn facts(&self) -> Vec<Value> {
        let mut facts = Vec::new();
        self.each_fact(|fact| facts.push(fact)).await;
        facts
    }

    /// The same, one by one: a long log does not have to fit into memory.
    pub(crate) async fn each_fact(&self, mut see: impl FnMut(Value)) {
        let mut after = 0;
        loop {
            let url = format!("{}/v1/events?after={after}&follow=false&limit={FACTS}", self.base);
            let text = self.client.get(url).bearer_auth(&self.key).send().await.unwrap();
            let text = text.error_for_status().unwrap().text().await.unwrap();
            let mut last = None;
            for data in text.lines().filter_map(|line| line.strip_prefix("data:")) {
                let fact: Value = serde_json::from_str(data.trim()).unwrap();
                last = fact["seq"].as_u64();
                see(fact);
            }
            match last {
                Some(last) => after = last,
                None => return,
            }
        }
    }
}
