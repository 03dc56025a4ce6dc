//! The rows of OCPP 2.0.1 and 2.1 for charging, energy and tariffs.

use super::{
    ACCEPTED, Judged, Kept, Key, Keys, Mark, Paging, Row, Sets, Things, Verb, Which, Word, mark,
};
use crate::domain::HoldingKind as Of;

const IN_ORDER: Option<Paging> = Some(Paging { number: None });

const LIMIT: Key = Key::Of(&["chargingLimit.chargingLimitSource", "evseId"]);

/// A control as `SetDERControl` and `ReportDERControl` have it, each in a member of its own.
const CONTROLS: Kept = Kept::First(&[
    "curve",
    "enterService",
    "fixedPFAbsorb",
    "fixedPFInject",
    "fixedVar",
    "freqDroop",
    "gradient",
    "limitMaxDischarge",
]);

const DEFAULT: Mark = mark("default", "isDefault");
const SUPERSEDED: Mark = mark("superseded", "isSuperseded");

/// One list of `ReportDERControl`.
const fn control(list: &'static str, marks: &'static [Mark], kept: Kept) -> Things {
    Things::new(list, Key::Of(&["id"]), marks, kept)
}

pub(super) static ROWS: &[Row] = &[
    Row {
        action: "SetChargingProfile",
        kind: Of::ChargingProfile,
        verb: Verb::Sets(Sets::plain(
            Things::new(
                "chargingProfile",
                Key::Of(&["id"]),
                &[
                    mark("evse", "^evseId"),
                    mark("purpose", "chargingProfilePurpose"),
                    mark("stack", "stackLevel"),
                    mark("transaction", "transactionId"),
                ],
                Kept::Whole,
            ),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "ClearChargingProfile",
        kind: Of::ChargingProfile,
        verb: Verb::Clears {
            which: Which::By {
                keys: Keys::At("chargingProfileId"),
                marks: &[
                    ("evse", "chargingProfileCriteria.evseId"),
                    ("purpose", "chargingProfileCriteria.chargingProfilePurpose"),
                    ("stack", "chargingProfileCriteria.stackLevel"),
                ],
            },
            gone: &["Accepted", "Unknown"],
        },
    },
    Row {
        action: "GetChargingProfiles",
        kind: Of::ChargingProfile,
        verb: Verb::Orders {
            covers: Which::By {
                keys: Keys::At("chargingProfile.chargingProfileId[]"),
                marks: &[
                    ("evse", "evseId"),
                    ("purpose", "chargingProfile.chargingProfilePurpose"),
                    ("stack", "chargingProfile.stackLevel"),
                    ("source", "chargingProfile.chargingLimitSource[]"),
                ],
            },
            empty: &["NoProfiles"],
        },
    },
    Row {
        action: "ReportChargingProfiles",
        kind: Of::ChargingProfile,
        verb: Verb::Reports {
            things: &[Things::new(
                "chargingProfile[]",
                Key::Of(&["id"]),
                &[
                    mark("evse", "/evseId"),
                    mark("purpose", "chargingProfilePurpose"),
                    mark("stack", "stackLevel"),
                    mark("transaction", "transactionId"),
                    mark("source", "/chargingLimitSource"),
                ],
                Kept::Whole,
            )],
            paging: IN_ORDER,
        },
    },
    Row {
        action: "GetCompositeSchedule",
        kind: Of::CompositeSchedule,
        verb: Verb::Answers {
            things: Things::new(
                "schedule",
                Key::Place { evse: "evseId", connector: "" },
                &[mark("start", "scheduleStart")],
                Kept::Whole,
            ),
            when: ACCEPTED,
            covers: Which::None,
        },
    },
    Row {
        action: "NotifyChargingLimit",
        kind: Of::ChargingLimit,
        verb: Verb::Reports {
            things: &[Things::new(
                "",
                LIMIT,
                &[
                    mark("evse", "evseId"),
                    mark("source", "chargingLimit.chargingLimitSource"),
                    mark("critical", "chargingLimit.isGridCritical"),
                ],
                Kept::Whole,
            )],
            paging: None,
        },
    },
    Row {
        action: "ClearedChargingLimit",
        kind: Of::ChargingLimit,
        verb: Verb::Ends {
            key: Key::Of(&["chargingLimitSource", "evseId"]),
            word: Word::Is("cleared"),
            only: None,
        },
    },
    Row {
        action: "UpdateDynamicSchedule",
        kind: Of::DynamicSchedule,
        verb: Verb::Sets(Sets::plain(
            Things::new("", Key::Of(&["chargingProfileId"]), &[], Kept::First(&["scheduleUpdate"])),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "UsePriorityCharging",
        kind: Of::PriorityCharging,
        verb: Verb::Sets(Sets::plain(
            Things::new("", Key::Of(&["transactionId"]), &[], Kept::First(&["activate"])),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "NotifyPriorityCharging",
        kind: Of::PriorityCharging,
        verb: Verb::Reports {
            things: &[Things::new(
                "",
                Key::Of(&["transactionId"]),
                &[],
                Kept::First(&["activated"]),
            )],
            paging: None,
        },
    },
    Row {
        action: "SetDefaultTariff",
        kind: Of::Tariff,
        verb: Verb::Sets(Sets::plain(
            Things::new(
                "tariff",
                Key::Of(&["tariffId"]),
                &[mark("evse", "^evseId"), mark("currency", "currency")],
                Kept::Whole,
            ),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "ChangeTransactionTariff",
        kind: Of::Tariff,
        verb: Verb::Sets(Sets::plain(
            Things::new(
                "tariff",
                Key::Of(&["tariffId"]),
                &[mark("transaction", "^transactionId"), mark("currency", "currency")],
                Kept::Whole,
            ),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "GetTariffs",
        kind: Of::Tariff,
        verb: Verb::Answers {
            things: Things::new(
                "tariffAssignments[]",
                Key::Of(&["tariffId"]),
                &[mark("kind", "tariffKind")],
                Kept::Mention,
            ),
            when: ACCEPTED,
            covers: Which::None,
        },
    },
    Row {
        action: "ClearTariffs",
        kind: Of::Tariff,
        verb: Verb::ClearsEach {
            results: "clearTariffsResult[]",
            key: Key::Of(&["tariffId"]),
            gone: &["Accepted", "NoTariff"],
        },
    },
    Row {
        action: "SetDERControl",
        kind: Of::DerControl,
        verb: Verb::Sets(Sets::plain(
            Things::new(
                "",
                Key::Of(&["controlId"]),
                &[mark("type", "controlType"), DEFAULT],
                CONTROLS,
            ),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "ClearDERControl",
        kind: Of::DerControl,
        verb: Verb::Clears {
            which: Which::By {
                keys: Keys::At("controlId"),
                marks: &[("type", "controlType"), ("default", "isDefault")],
            },
            gone: &["Accepted", "NotFound"],
        },
    },
    Row {
        action: "GetDERControl",
        kind: Of::DerControl,
        verb: Verb::Orders {
            covers: Which::By {
                keys: Keys::At("controlId"),
                marks: &[("type", "controlType"), ("default", "isDefault")],
            },
            empty: &["NotFound"],
        },
    },
    Row {
        action: "ReportDERControl",
        kind: Of::DerControl,
        verb: Verb::Reports {
            things: &[
                control(
                    "curve[]",
                    &[mark("type", "curveType"), DEFAULT, SUPERSEDED],
                    Kept::First(&["curve"]),
                ),
                control("enterService[]", &[], Kept::First(&["enterService"])),
                control("fixedPFAbsorb[]", &[DEFAULT, SUPERSEDED], Kept::First(&["fixedPF"])),
                control("fixedPFInject[]", &[DEFAULT, SUPERSEDED], Kept::First(&["fixedPF"])),
                control("fixedVar[]", &[DEFAULT, SUPERSEDED], Kept::First(&["fixedVar"])),
                control("freqDroop[]", &[DEFAULT, SUPERSEDED], Kept::First(&["freqDroop"])),
                control("gradient[]", &[], Kept::First(&["gradient"])),
                control(
                    "limitMaxDischarge[]",
                    &[DEFAULT, SUPERSEDED],
                    Kept::First(&["limitMaxDischarge"]),
                ),
            ],
            paging: IN_ORDER,
        },
    },
    Row {
        action: "NotifyDERStartStop",
        kind: Of::DerControl,
        verb: Verb::Reports {
            things: &[Things::new(
                "",
                Key::Of(&["controlId"]),
                &[mark("started", "started")],
                Kept::Mention,
            )],
            paging: None,
        },
    },
    Row {
        action: "NotifyDERAlarm",
        kind: Of::DerAlarm,
        verb: Verb::Reports {
            things: &[Things::new(
                "",
                Key::Of(&["controlType"]),
                &[mark("fault", "gridEventFault"), mark("ended", "alarmEnded")],
                Kept::Whole,
            )],
            paging: None,
        },
    },
    Row {
        action: "OpenPeriodicEventStream",
        kind: Of::EventStream,
        verb: Verb::Reports {
            things: &[Things::new(
                "constantStreamData",
                Key::Of(&["id"]),
                &[mark("monitor", "variableMonitoringId")],
                Kept::First(&["params"]),
            )],
            paging: None,
        },
    },
    Row {
        action: "ClosePeriodicEventStream",
        kind: Of::EventStream,
        verb: Verb::Ends { key: Key::Of(&["id"]), word: Word::Is("closed"), only: None },
    },
    Row {
        action: "AdjustPeriodicEventStream",
        kind: Of::EventStream,
        verb: Verb::Sets(Sets::plain(
            Things::new("", Key::Of(&["id"]), &[], Kept::First(&["params"])),
            Judged::Whole(ACCEPTED),
        )),
    },
    Row {
        action: "GetPeriodicEventStream",
        kind: Of::EventStream,
        verb: Verb::Answers {
            things: Things::new(
                "constantStreamData[]",
                Key::Of(&["id"]),
                &[mark("monitor", "variableMonitoringId")],
                Kept::First(&["params"]),
            ),
            when: &[],
            covers: Which::All,
        },
    },
];
