//! From a text message to a request: the frame, then the dialect's own reading and checking.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use plugpoint::domain::Validation;
use plugpoint::ocpp::{Call, Dialect, Frame, v2, v16};

/// Messages as stations send them all day.
const TYPICAL: [(&str, &Dialect, &str); 6] = [
    ("1.6 Heartbeat", &v16::DIALECT, r#"[2,"19223201","Heartbeat",{}]"#),
    (
        "1.6 StatusNotification",
        &v16::DIALECT,
        r#"[2,"8f2b1c","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Charging","timestamp":"2026-03-01T17:02:12Z","info":"","vendorId":"","vendorErrorCode":""}]"#,
    ),
    (
        "1.6 StartTransaction",
        &v16::DIALECT,
        r#"[2,"19223","StartTransaction",{"connectorId":1,"idTag":"04A1B2C3D4E5F6","meterStart":15300,"timestamp":"2026-03-01T17:02:11Z"}]"#,
    ),
    (
        "1.6 MeterValues",
        &v16::DIALECT,
        r#"[2,"19224","MeterValues",{"connectorId":1,"transactionId":4711,"meterValue":[{"timestamp":"2026-03-01T17:07:11Z","sampledValue":[{"value":"16220","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"},{"value":"11032","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"},{"value":"16.02","context":"Sample.Periodic","measurand":"Current.Import","phase":"L1","unit":"A"},{"value":"15.98","context":"Sample.Periodic","measurand":"Current.Import","phase":"L2","unit":"A"},{"value":"16.00","context":"Sample.Periodic","measurand":"Current.Import","phase":"L3","unit":"A"}]}]}]"#,
    ),
    (
        "2.0.1 StatusNotification",
        &v2::V201,
        r#"[2,"c7a4","StatusNotification",{"timestamp":"2026-03-01T17:02:12Z","connectorStatus":"Occupied","evseId":1,"connectorId":1}]"#,
    ),
    (
        "2.0.1 TransactionEvent",
        &v2::V201,
        r#"[2,"c7a5","TransactionEvent",{"eventType":"Updated","timestamp":"2026-03-01T17:07:11Z","triggerReason":"MeterValuePeriodic","seqNo":3,"transactionInfo":{"transactionId":"6f8e0d4c-71f5-4c1a-9d5e-2d0b3c1f9a77","chargingState":"Charging"},"evse":{"id":1,"connectorId":1},"meterValue":[{"timestamp":"2026-03-01T17:07:11Z","sampledValue":[{"value":16220.5,"context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unitOfMeasure":{"unit":"Wh"}},{"value":11032.0,"context":"Sample.Periodic","measurand":"Power.Active.Import","unitOfMeasure":{"unit":"W"}}]}]}]"#,
    ),
];

fn read(dialect: &Dialect, text: &str) -> Call {
    let Ok(Frame::Call { action, payload, .. }) = Frame::parse(text, dialect.message_types) else {
        panic!("not a call: {text}");
    };
    dialect.read_call(&action, &payload, Validation::Strict).expect("a typical message is accepted")
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for (name, dialect, text) in TYPICAL {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            // The drop of what was read is the next stage's.
            bencher.iter_batched(
                || text,
                |text| read(dialect, black_box(text)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}
