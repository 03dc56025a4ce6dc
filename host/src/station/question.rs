//! What the policies are asked about a request. Pure; knows no stage and no policy.

use super::exchange::Grounds;
use crate::domain::{Place, Purpose, SessionId};
use crate::ocpp::{Request, Shown, StationTime};

/// The part of an ask that depends on the request.
pub(super) struct Question<'r> {
    pub(super) purpose: Purpose,
    pub(super) shown: &'r Shown,
    pub(super) place: Option<Place>,
    pub(super) session: Option<SessionId>,
    pub(super) at: Option<StationTime>,
    pub(super) offline: bool,
}

/// `None` for what no policy is asked about.
pub(super) fn question<'r>(request: &'r Request, grounds: &Grounds) -> Option<Question<'r>> {
    let purpose = Purpose::Start;
    Some(match (request, grounds) {
        (Request::Authorize { shown }, _) => {
            let purpose = Purpose::Authorize;
            Question { purpose, shown, place: None, session: None, at: None, offline: false }
        }
        (Request::Start(start), Grounds::Start { id, .. }) => Question {
            purpose,
            shown: &start.shown,
            place: Some(start.place),
            session: Some(*id),
            at: Some(start.at),
            offline: false,
        },
        (Request::Event(event), Grounds::Event(ground)) => {
            let known = ground.session.as_ref().map(|session| &session.value);
            Question {
                purpose,
                shown: event.shown.as_ref()?,
                place: event.place.or(known.map(|session| session.place)),
                session: Some(known.map_or(ground.fresh, |session| session.id)),
                at: Some(event.at),
                offline: event.offline,
            }
        }
        _ => return None,
    })
}
