//! What stations are told of a link, held to the catalogue of each version.

use crate::domain::{FirmwareSignature, Millis, TransferKind};
use crate::ocpp::DIALECTS;

use super::ask::{Errand, Span};

#[test]
fn every_version_can_be_asked_for_every_file_in_its_own_words() {
    let kinds = [TransferKind::Firmware, TransferKind::Diagnostics, TransferKind::SecurityLog];
    let signature = FirmwareSignature {
        certificate: "-----BEGIN CERTIFICATE-----".to_owned(),
        signature: "c2lnbmF0dXJl".to_owned(),
    };
    let spans = [
        Span::default(),
        Span { from: Some(Millis(1_700_000_000_000)), until: Some(Millis(1_800_000_000_000)) },
    ];
    let mut asked = Vec::new();
    for dialect in DIALECTS {
        for kind in kinds {
            for (span, signature) in [(spans[0], None), (spans[1], Some(&signature))] {
                let errand = Errand {
                    kind,
                    url: format!("https://h/{}", "x".repeat(400)),
                    request: i32::MAX.unsigned_abs(),
                    span,
                    signature,
                    now: Millis(1_700_000_000_000),
                };
                let ask = errand.ask(dialect.subprotocol).unwrap();
                let written = dialect.write_command(ask.action, &ask.payload);
                assert!(written.is_ok(), "{} {ask:?}: {written:?}", dialect.subprotocol);
                let names_request = ask.payload.get().contains("\"requestId\":2147483647");
                assert_eq!(ask.names_request, names_request, "{ask:?}");
                asked.push((dialect.subprotocol, ask.action));
            }
        }
    }
    let first = |asked: &&(&str, &str)| asked.0 == "ocpp1.6";
    let of_first: Vec<_> = asked.iter().filter(first).map(|(_, action)| *action).collect();
    assert_eq!(
        of_first,
        [
            "UpdateFirmware",
            "SignedUpdateFirmware",
            "GetDiagnostics",
            "GetDiagnostics",
            "GetLog",
            "GetLog"
        ]
    );
}
