//! The rows of OCPP 1.6 with the security extension.

use super::both::{entries_sent, list_sent, list_told};
use super::{ACCEPTED, Judged, Kept, Key, Keys, Mark, Row, Sets, Things, Verb, Which, Word, mark};
use crate::domain::HoldingKind as Of;

const CONNECTOR: Key = Key::Place { evse: "", connector: "connectorId" };

const PROFILE: &[Mark] = &[
    mark("connector", "^connectorId"),
    mark("purpose", "chargingProfilePurpose"),
    mark("stack", "stackLevel"),
    mark("transaction", "transactionId"),
];

pub(super) static ROWS: &[Row] = &[
    Row {
        action: "GetConfiguration",
        kind: Of::Variable,
        verb: Verb::Answers {
            things: Things::new(
                "configurationKey[]",
                Key::Of(&["key"]),
                &[Mark {
                    name: "mutability",
                    at: "readonly",
                    words: &[("true", "ReadOnly"), ("false", "ReadWrite")],
                }],
                Kept::First(&["value"]),
            ),
            when: &[],
            covers: Which::By { keys: Keys::At("@key[]"), marks: &[] },
        },
    },
    Row {
        action: "ChangeConfiguration",
        kind: Of::Variable,
        verb: Verb::Sets(Sets::plain(
            Things::new("", Key::Of(&["key"]), &[], Kept::First(&["value"])),
            Judged::Whole(&["Accepted", "RebootRequired"]),
        )),
    },
    Row {
        action: "SetChargingProfile",
        kind: Of::ChargingProfile,
        verb: Verb::Sets(Sets {
            displaces: &["connector", "purpose", "stack", "transaction"],
            ..Sets::plain(
                Things::new(
                    "csChargingProfiles",
                    Key::Of(&["chargingProfileId"]),
                    PROFILE,
                    Kept::Whole,
                ),
                Judged::Whole(ACCEPTED),
            )
        }),
    },
    Row {
        action: "ClearChargingProfile",
        kind: Of::ChargingProfile,
        verb: Verb::Clears {
            which: Which::By {
                keys: Keys::At("id"),
                marks: &[
                    ("connector", "connectorId"),
                    ("purpose", "chargingProfilePurpose"),
                    ("stack", "stackLevel"),
                ],
            },
            gone: &["Accepted", "Unknown"],
        },
    },
    Row {
        action: "GetCompositeSchedule",
        kind: Of::CompositeSchedule,
        verb: Verb::Answers {
            things: Things::new(
                "chargingSchedule",
                Key::Place { evse: "", connector: "@connectorId" },
                &[mark("start", "^scheduleStart")],
                Kept::Whole,
            ),
            when: ACCEPTED,
            covers: Which::None,
        },
    },
    Row {
        action: "ReserveNow",
        kind: Of::Reservation,
        verb: Verb::Sets(Sets::plain(
            Things::new(
                "",
                Key::Of(&["reservationId"]),
                &[mark("connector", "connectorId")],
                Kept::Whole,
            )
            .until("expiryDate"),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "StartTransaction",
        kind: Of::Reservation,
        verb: Verb::Ends {
            key: Key::Of(&["reservationId"]),
            word: Word::Is("used"),
            only: Some("reservationId"),
        },
    },
    list_sent(&["listVersion"]),
    entries_sent("idTag", "idTagInfo", &[mark("status", "idTagInfo.status")]),
    list_told(&["listVersion"]),
    Row {
        action: "ChangeAvailability",
        kind: Of::Availability,
        verb: Verb::Sets(Sets::plain(
            Things::new("", CONNECTOR, &[], Kept::First(&["type"])),
            Judged::Whole(&["Accepted", "Scheduled"]),
        )),
    },
    Row {
        action: "GetInstalledCertificateIds",
        kind: Of::Certificate,
        verb: Verb::Answers {
            things: Things::new(
                "certificateHashData[]",
                Key::Hashes(""),
                &[mark("use", "@certificateType")],
                Kept::Mention,
            ),
            when: &["Accepted", "NotFound"],
            covers: Which::By { keys: Keys::None, marks: &[("use", "@certificateType")] },
        },
    },
];
