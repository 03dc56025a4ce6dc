//! `plugpoint station start` and `stop`: a charge begun and ended from afar, over both versions of OCPP.

use serde_json::{Value, json};

use super::tongue::Tongue;
use super::{Answer, Patience, send};
use crate::admin::views::{SessionView, SessionsPage};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::domain::{IdToken, SessionId, StationId};

/// The kind of card when nobody says otherwise: most are.
const USUAL_KIND: &str = "ISO14443";

#[derive(Debug, clap::Args)]
pub(super) struct StartArgs {
    /// The station's id
    id: StationId,
    /// Who is to charge: the card as the station would read it
    #[arg(long)]
    card: IdToken,
    /// On which connector (OCPP 1.6) or EVSE (2.x); without it, the station chooses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connector: Option<u32>,
    /// What the card is, in the words of OCPP 2.x [default: ISO14443]
    #[arg(long, value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    patience: Patience,
}

#[derive(Debug, clap::Args)]
pub(super) struct StopArgs {
    /// The station's id
    id: StationId,
    /// Which session; needed only where several run
    #[arg(long, value_name = "N")]
    session: Option<SessionId>,
    #[command(flatten)]
    patience: Patience,
}

pub(super) async fn start(client: &Client, args: StartArgs, output: Output) -> anyhow::Result<()> {
    let tongue = Tongue::of(client, &args.id).await?;
    // Names the order in the station's report of the session; a positive number of 31 bits.
    let number = getrandom::u32()? >> 1;
    let (action, payload) = start_call(tongue, &args, number)?;
    let answer = send(client, &args.id, action, payload, args.patience).await?;
    answer.must_be_accepted("it may be busy or out of order: see `plugpoint station show`")?;
    output.show(&answer.response, |_| {
        "the station accepted: `plugpoint session list` shows it\n".into()
    })
}

fn start_call(
    tongue: Tongue,
    args: &StartArgs,
    number: u32,
) -> Result<(&'static str, Value), Failure> {
    let card = args.card.reveal();
    match tongue {
        Tongue::V1 if args.kind.is_some() => {
            let message = "OCPP 1.6 has one kind of card only";
            Err(Failure::usage(message, "leave --kind out"))
        }
        Tongue::V1 => {
            let mut payload = json!({ "idTag": card });
            if let Some(connector) = args.connector {
                payload["connectorId"] = connector.into();
            }
            Ok(("RemoteStartTransaction", payload))
        }
        Tongue::V2 => {
            let kind = args.kind.as_deref().unwrap_or(USUAL_KIND);
            let token = json!({ "idToken": card, "type": kind });
            let mut payload = json!({ "remoteStartId": number, "idToken": token });
            if let Some(evse) = args.connector {
                payload["evseId"] = evse.into();
            }
            Ok(("RequestStartTransaction", payload))
        }
    }
}

pub(super) async fn stop(client: &Client, args: StopArgs, output: Output) -> anyhow::Result<()> {
    let tongue = Tongue::of(client, &args.id).await?;
    let query = [("station", args.id.to_string()), ("active", "true".to_owned())];
    let running: SessionsPage = client.get(&["sessions"], &query).await?;
    let session = choose(&args, &running.sessions)?;
    let (action, payload) = stop_call(tongue, session)?;
    let answer: Answer = send(client, &args.id, action, payload, args.patience).await?;
    answer
        .must_be_accepted("it may not know the session any more: see `plugpoint session show`")?;
    let id = session.id;
    output.show(&answer.response, |_| {
        format!("the station accepted: `plugpoint session show {id}` shows how it ends\n")
    })
}

/// The session that is meant.
fn choose<'s>(args: &StopArgs, running: &'s [SessionView]) -> Result<&'s SessionView, Failure> {
    let all = || {
        let ids: Vec<_> = running.iter().map(|session| session.id.to_string()).collect();
        ids.join(", ")
    };
    match (args.session, running) {
        (_, []) => {
            let message = format!("no session runs at {}", args.id);
            Err(Failure::new("no-session", message, "see `plugpoint session list --active`"))
        }
        (None, [only]) => Ok(only),
        (None, _) => {
            let message = format!("several sessions run at {}", args.id);
            Err(Failure::usage(message, format!("name one with --session: {}", all())))
        }
        (Some(wanted), _) => running.iter().find(|session| session.id == wanted).ok_or_else(|| {
            let message = format!("session {wanted} does not run at {}", args.id);
            Failure::new("no-session", message, format!("these do: {}", all()))
        }),
    }
}

fn stop_call(tongue: Tongue, session: &SessionView) -> Result<(&'static str, Value), Failure> {
    let transaction = &session.transaction;
    match tongue {
        Tongue::V1 => {
            let number: u32 = transaction.parse().map_err(|_| {
                let message = format!(
                    "session {} was begun over {}, and OCPP 1.6 cannot name it",
                    session.id, session.protocol
                );
                Failure::new("no-session", message, "end it at the station")
            })?;
            Ok(("RemoteStopTransaction", json!({ "transactionId": number })))
        }
        Tongue::V2 => Ok(("RequestStopTransaction", json!({ "transactionId": transaction }))),
    }
}
