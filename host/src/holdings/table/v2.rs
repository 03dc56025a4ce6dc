//! The rows of OCPP 2.0.1 and 2.1, without those of charging and energy.

use super::both::{entries_sent, list_sent, list_told};
use super::{
    ACCEPTED, Judged, Kept, Key, Keys, Mark, Paging, Row, Sets, Status, Things, Verb, Which, Word,
    mark,
};
use crate::domain::HoldingKind as Of;

const VARIABLE: Key =
    Key::Variable { component: "component", variable: "variable", attribute: "attributeType" };

const NUMBERED: Option<Paging> = Some(Paging { number: Some("seqNo") });
const IN_ORDER: Option<Paging> = Some(Paging { number: None });

/// What makes a monitor what it is.
const MONITOR: Kept = Kept::Pick(&["value", "type", "severity"]);

const MESSAGE: &[Mark] =
    &[mark("priority", "priority"), mark("state", "state"), mark("transaction", "transactionId")];

pub(super) static ROWS: &[Row] = &[
    Row {
        action: "GetVariables",
        kind: Of::Variable,
        verb: Verb::Answers {
            things: Things {
                if_status: Some(Status {
                    at: "attributeStatus",
                    told: ACCEPTED,
                    missing: &["UnknownComponent", "UnknownVariable"],
                }),
                ..Things::new(
                    "getVariableResult[]",
                    VARIABLE,
                    &[],
                    Kept::First(&["attributeValue"]),
                )
            },
            when: &[],
            covers: Which::None,
        },
    },
    Row {
        action: "SetVariables",
        kind: Of::Variable,
        verb: Verb::Sets(Sets::plain(
            Things::new("setVariableData[]", VARIABLE, &[], Kept::First(&["attributeValue"])),
            Judged::Each {
                results: "setVariableResult[]",
                same: &["component", "variable", "attributeType"],
                status: "attributeStatus",
                reason: "attributeStatusInfo.reasonCode",
                yes: &["Accepted", "RebootRequired"],
            },
        )),
    },
    Row {
        action: "GetBaseReport",
        kind: Of::Variable,
        verb: Verb::Orders {
            covers: Which::AllIf("reportBase", "FullInventory"),
            empty: &["EmptyResultSet"],
        },
    },
    Row {
        action: "GetReport",
        kind: Of::Variable,
        verb: Verb::Orders { covers: Which::None, empty: &["EmptyResultSet"] },
    },
    Row {
        action: "NotifyReport",
        kind: Of::Variable,
        verb: Verb::Reports {
            things: &[Things::new(
                "reportData[].variableAttribute[]",
                Key::Variable { component: "^component", variable: "^variable", attribute: "type" },
                &[
                    mark("mutability", "mutability"),
                    mark("unit", "^variableCharacteristics.unit"),
                    mark("type", "^variableCharacteristics.dataType"),
                ],
                Kept::First(&["value"]),
            )],
            paging: NUMBERED,
        },
    },
    Row {
        action: "ReserveNow",
        kind: Of::Reservation,
        verb: Verb::Sets(Sets::plain(
            Things::new("", Key::Of(&["id"]), &[mark("evse", "evseId")], Kept::Whole)
                .until("expiryDateTime"),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "ReservationStatusUpdate",
        kind: Of::Reservation,
        verb: Verb::Ends {
            key: Key::Of(&["reservationId"]),
            word: Word::At("reservationUpdateStatus"),
            only: None,
        },
    },
    Row {
        action: "TransactionEvent",
        kind: Of::Reservation,
        verb: Verb::Ends {
            key: Key::Of(&["reservationId"]),
            word: Word::Is("used"),
            only: Some("reservationId"),
        },
    },
    list_sent(&["versionNumber"]),
    entries_sent(
        "idToken.idToken",
        "idTokenInfo",
        &[mark("status", "idTokenInfo.status"), mark("type", "idToken.type")],
    ),
    list_told(&["versionNumber"]),
    Row {
        action: "ChangeAvailability",
        kind: Of::Availability,
        verb: Verb::Sets(Sets::plain(
            Things::new(
                "",
                Key::Place { evse: "evse.id", connector: "evse.connectorId" },
                &[],
                Kept::First(&["operationalStatus"]),
            ),
            Judged::Whole(&["Accepted", "Scheduled"]),
        )),
    },
    Row {
        action: "GetTransactionStatus",
        kind: Of::TransactionStatus,
        verb: Verb::Answers {
            things: Things::new(
                "",
                Key::Or("@transactionId", "any"),
                &[mark("ongoing", "ongoingIndicator"), mark("waiting", "messagesInQueue")],
                Kept::Whole,
            ),
            when: &[],
            covers: Which::None,
        },
    },
    Row {
        action: "SetDisplayMessage",
        kind: Of::DisplayMessage,
        verb: Verb::Sets(Sets::plain(
            Things::new("message", Key::Of(&["id"]), MESSAGE, Kept::Whole).until("endDateTime"),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "ClearDisplayMessage",
        kind: Of::DisplayMessage,
        verb: Verb::Clears {
            which: Which::By { keys: Keys::At("id"), marks: &[] },
            gone: &["Accepted", "Unknown"],
        },
    },
    Row {
        action: "GetDisplayMessages",
        kind: Of::DisplayMessage,
        verb: Verb::Orders {
            covers: Which::By {
                keys: Keys::At("id[]"),
                marks: &[("priority", "priority"), ("state", "state")],
            },
            empty: &["Unknown"],
        },
    },
    Row {
        action: "NotifyDisplayMessages",
        kind: Of::DisplayMessage,
        verb: Verb::Reports {
            things: &[Things::new("messageInfo[]", Key::Of(&["id"]), MESSAGE, Kept::Whole)
                .until("endDateTime")],
            paging: IN_ORDER,
        },
    },
    Row {
        action: "SetVariableMonitoring",
        kind: Of::Monitor,
        verb: Verb::Sets(Sets::plain(
            Things::new(
                "setMonitoringData[]",
                Key::Of(&["id"]),
                &[
                    mark("component", "component.name"),
                    mark("variable", "variable.name"),
                    mark("type", "type"),
                    mark("severity", "severity"),
                ],
                MONITOR,
            ),
            Judged::Each {
                results: "setMonitoringResult[]",
                same: &["component", "variable", "type", "severity"],
                status: "status",
                reason: "statusInfo.reasonCode",
                yes: ACCEPTED,
            },
        )),
    },
    Row {
        action: "ClearVariableMonitoring",
        kind: Of::Monitor,
        verb: Verb::ClearsEach {
            results: "clearMonitoringResult[]",
            key: Key::Of(&["id"]),
            gone: &["Accepted", "NotFound"],
        },
    },
    Row {
        action: "GetMonitoringReport",
        kind: Of::Monitor,
        verb: Verb::Orders {
            covers: Which::AllWithout(&["componentVariable", "monitoringCriteria"]),
            empty: &["EmptyResultSet"],
        },
    },
    Row {
        action: "NotifyMonitoringReport",
        kind: Of::Monitor,
        verb: Verb::Reports {
            things: &[Things::new(
                "monitor[].variableMonitoring[]",
                Key::Of(&["id"]),
                &[
                    mark("component", "^component.name"),
                    mark("variable", "^variable.name"),
                    mark("type", "type"),
                    mark("severity", "severity"),
                ],
                MONITOR,
            )],
            paging: NUMBERED,
        },
    },
    Row {
        action: "SetMonitoringBase",
        kind: Of::Monitoring,
        verb: Verb::Sets(Sets::plain(
            Things::new("", Key::Only("base"), &[], Kept::First(&["monitoringBase"])),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "SetMonitoringLevel",
        kind: Of::Monitoring,
        verb: Verb::Sets(Sets::plain(
            Things::new("", Key::Only("level"), &[], Kept::First(&["severity"])),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "GetInstalledCertificateIds",
        kind: Of::Certificate,
        verb: Verb::Answers {
            things: Things::new(
                "certificateHashDataChain[]",
                Key::Hashes("certificateHashData"),
                &[mark("use", "certificateType")],
                Kept::Mention,
            ),
            when: &["Accepted", "NotFound"],
            covers: Which::By { keys: Keys::None, marks: &[("use", "@certificateType[]")] },
        },
    },
    Row {
        action: "CustomerInformation",
        kind: Of::CustomerInformation,
        verb: Verb::Orders { covers: Which::None, empty: &["Invalid"] },
    },
    Row {
        action: "NotifyCustomerInformation",
        kind: Of::CustomerInformation,
        verb: Verb::Reports { things: &[], paging: NUMBERED },
    },
    Row {
        action: "RequestBatterySwap",
        kind: Of::BatterySwap,
        verb: Verb::Sets(Sets::plain(
            Things::new("", Key::Of(&["requestId"]), &[], Kept::Whole),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "BatterySwap",
        kind: Of::BatterySwap,
        verb: Verb::Reports {
            things: &[Things::new(
                "",
                Key::Of(&["requestId"]),
                &[mark("event", "eventType")],
                Kept::Mention,
            )],
            paging: None,
        },
    },
    Row {
        action: "NotifyWebPaymentStarted",
        kind: Of::WebPayment,
        verb: Verb::Sets(Sets::plain(
            Things::new(
                "",
                Key::Place { evse: "evseId", connector: "" },
                &[mark("timeout", "timeout")],
                Kept::Whole,
            ),
            Judged::Answered,
        )),
    },
];
