//! The floor: the least that a server can do and still say the truth. Reads frames with tokio-tungstenite, parses no
//! more than the four parts of a call, keeps as many bytes as Plugpoint does in one file that is only appended to, and
//! answers a start, a stop and a card after one `fdatasync` for all that wait. No validation, no policy, no records
//! that could be asked for, no replay that would be recognised: what is above it is what those cost.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::value::RawValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Longest time that an answered message stays off the disk, as in the server.
const SOFT_SYNC: Duration = Duration::from_millis(500);

/// As the server sets them.
const READ_BUFFER: usize = 4 << 10;

/// What waits for the disk.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    answers: Vec<oneshot::Sender<()>>,
}

struct Log {
    pending: Mutex<Pending>,
    wanted: Condvar,
    record: usize,
}

impl Log {
    /// A record of the fixed size: the text, and what stands for everything else that is kept of a message.
    fn append(&self, text: &str, answer: Option<oneshot::Sender<()>>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let end = pending.bytes.len() + self.record;
        pending.bytes.extend_from_slice(&text.as_bytes()[..text.len().min(self.record)]);
        pending.bytes.resize(end, 0);
        if let Some(answer) = answer {
            pending.answers.push(answer);
            self.wanted.notify_one();
        }
    }

    /// Takes all that is there, writes it, syncs once, answers.
    fn keep(&self, mut file: File) -> std::io::Result<()> {
        loop {
            let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = |pending: &mut Pending| pending.answers.is_empty();
            let (mut pending, _) = self
                .wanted
                .wait_timeout_while(pending, SOFT_SYNC, idle)
                .unwrap_or_else(PoisonError::into_inner);
            let taken = std::mem::take(&mut *pending);
            drop(pending);
            if !taken.bytes.is_empty() {
                file.write_all(&taken.bytes)?;
                file.sync_data()?;
            }
            for answer in taken.answers {
                let _ = answer.send(());
            }
        }
    }
}

/// Serves until it is killed.
pub(crate) async fn serve(log: &Path, record: usize) -> anyhow::Result<()> {
    let file = File::create(log).with_context(|| log.display().to_string())?;
    let log = Arc::new(Log { pending: Mutex::default(), wanted: Condvar::new(), record });
    let keeper = log.clone();
    std::thread::spawn(move || keeper.keep(file));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(&listener)?;
    let transactions = Arc::new(AtomicU32::new(1));
    loop {
        let (stream, _) = listener.accept().await?;
        let (log, transactions) = (log.clone(), transactions.clone());
        // A station that breaks off ends its task, and shows on its own side.
        tokio::spawn(async move { connection(stream, &log, &transactions).await });
    }
}

#[expect(clippy::print_stdout, reason = "the line says where it listens")]
fn announce(listener: &TcpListener) -> anyhow::Result<()> {
    println!("listening stations={}", listener.local_addr()?);
    Ok(())
}

async fn connection(stream: TcpStream, log: &Log, transactions: &AtomicU32) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
    let mut socket =
        tokio_tungstenite::accept_hdr_async_with_config(stream, subprotocol, Some(config)).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let (_, id, action, _): (u8, &str, &str, &RawValue) = serde_json::from_str(&text)?;
        let answer = match action {
            "Heartbeat" => format!(r#"[3,"{id}",{{"currentTime":"2026-03-01T17:02:11Z"}}]"#),
            "StatusNotification" | "MeterValues" => {
                log.append(&text, None);
                format!(r#"[3,"{id}",{{}}]"#)
            }
            _ => {
                let (answer, on_disk) = oneshot::channel();
                log.append(&text, Some(answer));
                on_disk.await?;
                synced_answer(id, action, transactions)
            }
        };
        socket.send(Message::text(answer)).await?;
    }
    Ok(())
}

fn synced_answer(id: &str, action: &str, transactions: &AtomicU32) -> String {
    match action {
        "StartTransaction" => {
            let number = transactions.fetch_add(1, Ordering::Relaxed);
            format!(
                r#"[3,"{id}",{{"idTagInfo":{{"status":"Accepted"}},"transactionId":{number}}}]"#
            )
        }
        "Authorize" => format!(r#"[3,"{id}",{{"idTagInfo":{{"status":"Accepted"}}}}]"#),
        "StopTransaction" => format!(r#"[3,"{id}",{{}}]"#),
        _ => format!(
            r#"[3,"{id}",{{"status":"Accepted","currentTime":"2026-03-01T17:02:11Z","interval":300}}]"#
        ),
    }
}

#[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
fn subprotocol(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let name = HeaderValue::from_static("ocpp1.6");
    response.headers_mut().insert("sec-websocket-protocol", name);
    Ok(response)
}
