//! Takes the connections of a listener, a bounded number of them at a time. Knows nothing of what they are for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Until a listener that could not take a connection tries again. Out of file descriptors, most likely: connections need
/// time to end.
const AGAIN: Duration = Duration::from_millis(100);

/// Hands each connection to `greet`, in a task of its own, until told to stop. Beyond `most` that have not ended, they wait
/// in the listener's backlog.
pub async fn accept_each<F>(
    listener: TcpListener,
    most: usize,
    stop: CancellationToken,
    greet: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(most));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Answers are small and somebody waits at the other end.
                let _ = stream.set_nodelay(true);
                let greeting = greet(stream, peer);
                tokio::spawn(async move {
                    greeting.await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
