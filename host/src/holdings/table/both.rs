//! The rows that are the same in all versions, and those that differ in a name only.

use super::{ACCEPTED, Judged, Kept, Key, Keys, Mark, Row, Sets, Things, Verb, Which, mark};
use crate::domain::HoldingKind as Of;

pub(super) static ROWS: &[Row] = &[
    Row {
        action: "CancelReservation",
        kind: Of::Reservation,
        verb: Verb::Clears {
            which: Which::By { keys: Keys::At("reservationId"), marks: &[] },
            gone: ACCEPTED,
        },
    },
    Row {
        action: "InstallCertificate",
        kind: Of::Certificate,
        verb: Verb::Sets(Sets::plain(
            Things::new(
                "",
                Key::Certificate("certificate"),
                &[mark("use", "certificateType")],
                Kept::Whole,
            ),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "DeleteCertificate",
        kind: Of::Certificate,
        verb: Verb::Clears {
            which: Which::By { keys: Keys::One(Key::Hashes("certificateHashData")), marks: &[] },
            gone: &["Accepted", "NotFound"],
        },
    },
];

/// The local list as a whole; where its version stands.
pub(super) const fn list_sent(version: &'static [&'static str]) -> Row {
    const MARKS: &[Mark] = &[mark("update", "updateType")];
    let list = Things::new("", Key::Only("list"), MARKS, Kept::First(version));
    let verb = Verb::Sets(Sets::plain(list, Judged::Whole(ACCEPTED)));
    Row { action: "SendLocalList", kind: Of::LocalList, verb }
}

pub(super) const fn list_told(version: &'static [&'static str]) -> Row {
    let list = Things::new("", Key::Only("list"), &[], Kept::First(version));
    let verb = Verb::Answers { things: list, when: &[], covers: Which::None };
    Row { action: "GetLocalListVersion", kind: Of::LocalList, verb }
}

/// Its entries: where the token of one stands, and what is missing of one that goes.
pub(super) const fn entries_sent(
    token: &'static str,
    info: &'static str,
    marks: &'static [Mark],
) -> Row {
    let at = "localAuthorizationList[]";
    let entries = Things::new(at, Key::Token(token), marks, Kept::Whole);
    let sets = Sets {
        replaces_all: Some(("/updateType", "Full")),
        drops_without: Some(info),
        is_silent: true,
        ..Sets::plain(entries, Judged::Whole(ACCEPTED))
    };
    Row { action: "SendLocalList", kind: Of::LocalListEntry, verb: Verb::Sets(sets) }
}
