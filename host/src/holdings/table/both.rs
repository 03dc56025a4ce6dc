//! The rows that are the same in all versions.

use super::{ACCEPTED, Judged, Kept, Key, Keys, Row, Sets, Things, Verb, Which, mark};
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
